"""A report as Markdown, for the summary page of a pipeline: GitHub's step summary, a note in GitLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from drtool.cli.render.errors import again_words
from drtool.cli.render.verdict import (
    UNTIL_SWEPT,
    advice,
    check_words,
    control_words,
    detected_words,
    failures_of,
    headline,
    kept_aside,
    other_failures,
    outcome_words,
    sentence,
    unfinished,
)
from drtool.cli.render.words import BAD, GOOD, long_duration, printable, size, stamp
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drtool.model.report import Failure, Report, SetReport

_HARMLESS: Final = re.compile(r"[^\W_]([^\W_]|[ .,;:/()%'+…–-])*")  # noqa: RUF001 - what words are made of
_TICKS: Final = re.compile("`+")


def markdown_text(report: Report, *, code: int) -> str:
    """Return the document; it ends with a line end, so that it can be appended to others."""
    mark = GOOD if report.outcome is Outcome.SUCCEEDED else BAD
    lines = [f"## {mark} {foreign(headline(report))}", ""]
    ended = f"took {long_duration(report.seconds)}" if report.ended else "never ended"
    lines += [f"{report.verb.capitalize()} {foreign(report.run)}, {stamp(report.started)}, {ended}, exit code {code}.", ""]
    if report.sets:
        columns = ("Set", "Outcome", "Back in", "Data lost", "Checks", "Restored", "Copy", "Point")
        lines += _table(columns, [_set_row(entry) for entry in report.sets])
    for entry in report.sets:
        lines += _set_lines(report, entry)
    lines += _failure_lines(other_failures(report))
    lines += [f"- skipped: {foreign(text)}" for text in report.skipped]
    return "\n".join(lines).rstrip("\n") + "\n"


def foreign(text: str) -> str:
    """Return text from anywhere so that it can only ever be text: plain words as they are, anything else as code."""
    text = printable(text)
    if not text or _HARMLESS.fullmatch(text):
        return text
    # A fence longer than any run of ticks inside; a table ends a cell at every pipe that has no backslash, even in code.
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    space = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*head, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def _set_row(entry: SetReport) -> tuple[str, ...]:
    objective = entry.objective
    back = _measured(objective.rto_seconds, objective.rto_objective_seconds, unfinished(entry)) if objective else ""
    lost = _measured(objective.rpo_seconds, objective.rpo_objective_seconds, "not known") if objective else ""
    checks = f"{entry.checks_passed} of {entry.checks_planned}" if entry.checks_planned else ""
    restored = size(entry.bytes) if entry.bytes else ""
    mark = GOOD if entry.outcome is Outcome.SUCCEEDED else BAD
    return (
        foreign(entry.set),
        f"{mark} {outcome_words(entry.outcome)}",
        back,
        lost,
        checks,
        restored,
        foreign(", ".join(entry.copies)),
        foreign(entry.point),
    )


def _measured(realised: float | None, promised: float | None, otherwise: str) -> str:
    if realised is None:
        return f"{BAD} {otherwise}"
    if promised is None:
        return long_duration(realised)
    return f"{GOOD if realised <= promised else BAD} {long_duration(realised)} of {long_duration(promised)}"


def _set_lines(report: Report, entry: SetReport) -> list[str]:
    lines = []
    if entry.outcome is not Outcome.SUCCEEDED:
        lines += [f"### {foreign(sentence(report.verb, entry))}", ""]
    lines += [f"- missing {foreign(name)}: {foreign(why)}" for name, why in entry.missing.items()]
    lines += _failure_lines(failure for _step, failure in failures_of(report, entry))
    if (told := advice(report, entry)) is not None:
        lines += [f"- still safe: {told[0]}", f"- next: {foreign(told[1])}", ""]
    if entry.checks:
        rows = [
            (
                foreign(check.name),
                f"{GOOD if check.passed else BAD} {check_words(check)}",
                foreign(check.expected),
                foreign(check.skipped or check.observed),
            )
            for check in entry.checks
        ]
        lines += _table(("Check", "Answer", "Expected", "Observed"), rows)
    if entry.ladder:
        rungs = [(foreign(rung.workload), rung.reached.value or "nothing", rung.asked.value or "nothing") for rung in entry.ladder]
        lines += _table(("Workload", "Level reached", "Level asked"), rungs)
    if kept := kept_aside(report, entry):
        lines += [*(f"- kept aside: {foreign(name)} (until `{UNTIL_SWEPT}`)" for name in kept), ""]
    if entry.key:
        lines += [f"Opened with the key {foreign(entry.key)} alone.", ""]
    if entry.controls:
        faults = [(control.fault.value, control_words(control), foreign(control.what)) for control in entry.controls]
        lines += [f"The negative control {detected_words(entry.controls)}.", ""]
        lines += _table(("Fault", "Answer", "What was done"), faults)
    return lines


def _failure_lines(failures: Iterable[Failure]) -> list[str]:
    lines: list[str] = []
    for failure in failures:
        again = again_words(failure)
        told = [("still safe", failure.safe), ("next", failure.hint)]
        lines.append(f"- **failed** {foreign(failure.what)}")
        lines += [f"  - {name}: {foreign(text)}" for name, text in told if text]
        lines += [f"  - {again}"] if again else []
    return [*lines, ""] if lines else []
