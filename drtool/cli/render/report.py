"""A report as text: outcome first, then sets, then what went wrong and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.errors import failures_lines
from drtool.cli.render.table import table
from drtool.cli.render.verdict import UNTIL_SWEPT, back_but, closing, kept_aside, left_behind, outcome_words, ways_back
from drtool.cli.render.words import BAD, GOOD, counted, long_duration, printable, short_id, size, stamp, with_short_digests
from drtool.model.label import UNREMEMBERED
from drtool.model.negative_control import is_hollow
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drtool.model.report import ObjectiveReport, Report, SetReport, StepReport

_SHOWN_WARNINGS: Final = 10
_CAME_BACK: Final = (Outcome.SUCCEEDED, Outcome.OBJECTIVE_MISSED, Outcome.PARTIAL)


def report_lines(report: Report, *, code: int, steps: bool = False) -> list[str]:
    """Return the whole report; with `steps` every step is listed too."""
    mark = GOOD if report.outcome is Outcome.SUCCEEDED else BAD
    ended = f"in {long_duration(report.seconds)}" if report.ended else "and never ended"
    head = f"{printable(back_but(report)) or outcome_words(report.outcome)} {mark}  {printable(report.verb)} {short_id(report.run)} {ended}"
    lines = [head + (f"        exit {code}" if code else "")]
    lines += table([_set_row(entry) for entry in report.sets], indent="  ")
    for entry in report.sets:
        lines += _set_details(entry, whole=not _only_paths(report, entry))
        lines += [f"  {printable(entry.set)}: kept aside: {printable(name)} (until {UNTIL_SWEPT})" for name in kept_aside(report, entry)]
    if report.verb == "restore":
        remembered = not any(note.startswith(UNREMEMBERED) for note in report.notes)
        lines += [f"  to take it back: {printable(way)}" for way in ways_back(report, remembered=remembered)]
    lines += [f"  it lies in {printable(path)}" for path in _directories(report)]
    if report.verb == "undo":
        lines += [f"  {printable(str(step.result['note']))}" for step in report.steps if step.result.get("note")]
    if steps:
        lines += _step_lines(report.steps)
    lines += [f"  skipped: {with_short_digests(text)}" for text in report.skipped]
    lines += [f"  {printable(note)}" for note in report.notes]
    lines += [f"  {printable(words)}" for words in left_behind(report)]
    failures = [*report.failures, *(step.failure for step in report.steps if step.failure is not None)]
    lines += failures_lines(failures)
    if report.outcome is not Outcome.SUCCEEDED:
        safe, hint = closing(report)
        lines += [f"  safe: {printable(safe)}"] if not any(line.lstrip().startswith("safe: ") for line in lines) else []
        lines += [f"  next: {printable(hint)}"] if not any(line.lstrip().startswith("next: ") for line in lines) else []
    if report.outcome is not Outcome.SUCCEEDED and not steps:
        lines.append(f"  every step: drtool report {printable(report.run)}")
    return lines


def _set_row(entry: SetReport) -> tuple[str, ...]:
    point = f"point {short_id(entry.point)}" if entry.point else "no point"
    if entry.complete is False:
        point += " (partial)"
    contents = f"{counted(entry.files, 'file')}, {size(entry.bytes)}" if entry.files or entry.bytes else ""
    stored = f"{size(entry.stored_bytes)} new" if entry.stored_bytes else ""
    checks = ""
    if entry.checks_planned:
        checks = f"{entry.checks_passed} of {counted(entry.checks_planned, 'check')} passed"
        checks += f", {entry.compared} compared" if entry.compared else ""
    return printable(entry.set), outcome_words(entry.outcome), point, contents, stored, checks


def _directories(report: Report) -> list[str]:
    """Name the directories of this machine that something was restored into; of one thing alone where in there it lies."""
    into: dict[str, list[str]] = {}
    for step in report.steps:
        where = step.result.get("destination")
        if step.action == "cutover" and step.outcome is Outcome.SUCCEEDED and isinstance(where, dict) and where.get("form") == "directory":
            into.setdefault(str(where["path"]), []).append(str(step.result.get("path") or where["path"]))
    return [places[0] if len(places) == 1 else directory for directory, places in into.items()]


def _only_paths(report: Report, entry: SetReport) -> bool:
    """Tell whether single paths of a set were restored: of the rest nothing is lost."""
    return any(step.set == entry.set and step.result.get("paths") for step in report.steps if step.action == "cutover")


def _set_details(entry: SetReport, *, whole: bool) -> list[str]:
    lines = [f"  {printable(entry.set)}: missing {printable(name)}: {printable(why)}" for name, why in entry.missing.items()]
    lines += [f"  {printable(entry.set)}: {printable(text)}" for text in entry.warnings[:_SHOWN_WARNINGS]]
    hidden = len(entry.warnings) - _SHOWN_WARNINGS
    if hidden > 0:
        lines.append(f"  {printable(entry.set)}: and {counted(hidden, 'more warning')}")
    if entry.quiet_seconds:
        lines.append(f"  {printable(entry.set)}: held still for {entry.quiet_seconds:.1f} s, and then went on")
    if entry.key:
        lines.append(f"  {printable(entry.set)}: opened with the key {printable(entry.key)} alone {GOOD}")
    if entry.objective is not None:
        lines += _objective_lines(entry.objective, came_back=entry.outcome in _CAME_BACK and whole)
    for check in entry.checks:
        if check.skipped:
            lines.append(f"  {printable(entry.set)}: not asked: {printable(check.name)}: {printable(check.skipped)}")
        elif check.passed is False:
            lines.append(f"  {printable(entry.set)}: {BAD} {printable(check.name)}: {printable(check.observed)}")
    return lines + _control_lines(entry)


def _control_lines(entry: SetReport) -> list[str]:
    counted_in = [control for control in entry.controls if control.detected is not None]
    if not entry.controls:
        return []
    found = sum(control.detected is True for control in counted_in)
    mark = GOOD if found == len(counted_in) and not is_hollow(entry.controls) else BAD
    lines = [f"  {printable(entry.set)}: negative control detects {found} of {counted(len(counted_in), 'fault')} {mark}"]
    for control in entry.controls:
        if control.detected is None:
            lines.append(f"    not injected: {control.fault.value}: {printable(control.what)}")
        elif control.blind:
            lines.append(f"    {BAD} {printable(control.what)}: blind: {printable(', '.join(control.blind))}")
    return lines


def _objective_lines(objective: ObjectiveReport, *, came_back: bool) -> list[str]:
    parts = []
    if objective.rto_seconds is not None:
        parts.append("back in " + _measured(objective.rto_seconds, objective.rto_objective_seconds))
    if objective.rpo_seconds is not None and came_back:  # of what is not back, all is lost until it is
        parts.append("data lost " + _measured(objective.rpo_seconds, objective.rpo_objective_seconds))
    lines = [f"  {printable(objective.set)}: declared {stamp(objective.declared)} · {' · '.join(parts)}"] if parts else []
    return lines + [f"  {printable(objective.set)}: {BAD} {printable(text)}" for text in objective.missed]


def _measured(seconds: float, limit: float | None) -> str:
    if limit is None:
        return long_duration(seconds)
    return f"{long_duration(seconds)} of {long_duration(limit)} {GOOD if seconds <= limit else BAD}"


def _step_lines(steps: Sequence[StepReport]) -> list[str]:
    rows = []
    for step in steps:
        outcome = outcome_words(step.outcome) if step.outcome else "not run"
        note = step.not_run or (step.failure.what if step.failure else "")
        note += f" ({counted(step.retries, 'retry', 'retries')})" if step.retries else ""
        rows.append((with_short_digests(step.id), outcome, long_duration(step.seconds) if step.outcome else "", printable(note)))
    return table(rows, right=frozenset({2}), indent="  ")


def history_lines(reports: Sequence[Report]) -> list[str]:
    """Return one line per run, newest last as given."""
    if not reports:
        return ["No run is known here.  next: drtool status"]
    rows: list[Sequence[str]] = [("RUN", "STARTED", "VERB", "OUTCOME", "TOOK", "SETS")]
    rows += [
        (
            printable(report.run),
            stamp(report.started),
            printable(report.verb),
            outcome_words(report.outcome),
            long_duration(report.seconds) if report.ended else "never ended",
            " ".join(printable(entry.set) for entry in report.sets),
        )
        for report in reports
    ]
    return table(rows, right=frozenset({4}))
