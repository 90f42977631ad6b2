"""What is protected, how old it is, and when it was last proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, clock_time, counted, duration, known_as_of, printable, short_id, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from drtool.model.dead_run import DeadRun
    from drtool.model.gone_set import GoneSet
    from drtool.model.unfinished import Unfinished
    from drtool.planning.cycle import ReadingStatus
    from drtool.planning.overdue import TaskStatus
    from drtool.planning.status import SetStatus


SWEEP: Final = "drtool sweep"
AUDIT: Final = "drtool immutable audit"


def status_lines(
    sets: Sequence[SetStatus],
    *,
    as_of: datetime,
    now: datetime,
    readings: Sequence[ReadingStatus] = (),
    schedules: Sequence[TaskStatus] = (),
    unscheduled: Sequence[str] = (),
    gone: Sequence[GoneSet] = (),
    untimed: Sequence[TaskStatus] = (),
    dead: Sequence[DeadRun | Unfinished] = (),
    append_only: Sequence[str] = (),
    locks: Sequence[str] = (),
) -> list[str]:
    """Return the table of sets, what needs attention, and the commands to type next."""
    rows: list[Sequence[str]] = [("SET", "POINT", "AGE", "RPO", "COPIES", "LAST PROOF", "RTO")]
    rows += [_row(entry, now) for entry in sets]
    lines = table(rows)
    troubled = [entry for entry in sets if entry.attention]
    late = [entry for entry in (*schedules, *untimed) if entry.attention]
    count = f"{len(troubled)} needs attention" if len(troubled) == 1 else f"{len(troubled)} need attention"
    well = "look at the locks:" if locks else f"all well {GOOD}"
    well = "look at what died:" if dead else well
    well = f"look at what was tried last {BAD}:" if any(entry in untimed for entry in late) else well
    well = "look at the schedules:" if any(entry in schedules for entry in late) else well
    lines.append(f"{counted(len(sets), 'set')}, {known_as_of((now - as_of).total_seconds())} · " + (f"{count}:" if troubled else well))
    lines += [f"  {_reading(entry)}" for entry in readings]
    lines += [_gone(entry) for entry in gone]
    # Sets may share a trouble (an unreadable repository): it is told once.
    lines += [f"  {text}" for text in dict.fromkeys(printable(sentence) for entry in troubled for sentence in entry.attention)]
    lines += [f"  {printable(entry.attention)}" for entry in late]
    lines += [f"  {printable(entry.words)} {BAD}" for entry in dead]
    lines += [f"  {printable(sentence)} {BAD}" for sentence in locks]
    lines += [line for entry in sets for line in _never(entry)]
    lines += [f"  {printable(name)} is append_only: nothing is forgotten there from here, its trusted side does" for name in append_only]
    if unscheduled:
        lines.append(f"  no schedule: {', '.join(map(printable, unscheduled))} (`drtool run --due` never takes {_them(unscheduled)})")
    commands = (
        *(entry.next for entry in troubled),
        *(entry.next for entry in late),
        *(SWEEP for _entry in dead),
        *(AUDIT for _entry in locks),
    )
    lines += [f"  next: {command}" for command in dict.fromkeys(printable(command) for command in commands if command)]
    return lines


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _gone(entry: GoneSet) -> str:
    """Its points stay: a forget counts those of a set of the policy."""
    count, name = counted(entry.points, "point"), printable(entry.set)
    newest = f"the newest of {stamp(entry.newest)}"
    return f"  {name} is no set of the policy and has {count}, {newest}: nothing forgets them. See: drtool points {name}"


def _reading(entry: ReadingStatus) -> str:
    words = f"{printable(entry.repository)}: verified through {entry.done} of {entry.slices}"
    if entry.oldest_seconds is None:
        words += ", the rest was never read"
    else:
        words += f", oldest byte read {duration(entry.oldest_seconds)} ago"
    return words + (f" {BAD} the cycle began {duration(entry.cycle_age_seconds)} ago and is late" if entry.late else "")


def _row(entry: SetStatus, now: datetime) -> tuple[str, ...]:
    nothing, never = ("not known", "not known") if entry.unread else ("none", "never")
    point = f"{short_id(entry.point)} {clock_time(entry.instant, now)}" if entry.point and entry.instant else nothing
    age = duration(entry.age_seconds) if entry.age_seconds is not None else never
    copies = " ".join(map(printable, entry.copies)) or ("" if entry.damaged_copies or entry.unread else f"none {BAD}")
    copies += "".join(f" ({printable(name)} damaged {BAD})" for name in entry.damaged_copies)
    return (
        printable(entry.set),
        point,
        age,
        f"{duration(entry.rpo_seconds)} {GOOD if entry.rpo_met else BAD}",
        (copies + "".join(_lacking(entry, name) for name in entry.missing_copies)).lstrip(),
        _proof(entry),
        _rto(entry),
    )


def _lacking(entry: SetStatus, name: str) -> str:
    return f" ({printable(name)} {'not known ' if name in entry.unread else ''}{BAD})"


def _never(entry: SetStatus) -> list[str]:
    return [f"  {printable(name)} was never drilled with {printable(entry.set)}" for name in entry.never_drilled]


def _proof(entry: SetStatus) -> str:
    proof = entry.last_proof
    if proof is None or entry.proof_age_seconds is None:
        return f"not known {BAD}" if entry.unknown else f"never proven {BAD}"
    mark = GOOD if proof.outcome in {"succeeded", "objective_missed"} and not entry.moved else BAD
    return f"{printable(proof.subject)} {duration(entry.proof_age_seconds)} {mark} ({printable(proof.repository)})"


def _rto(entry: SetStatus) -> str:
    rto_forecast = entry.rto_forecast
    if (
        rto_forecast is not None
        and rto_forecast.forecast.p50_seconds is not None
        and (rto_forecast.met is False or entry.rto_seconds is None)
    ):
        # The p90 is what is judged, so it is what is shown when it is too long.
        expected = rto_forecast.forecast.p90_seconds if rto_forecast.met is False else rto_forecast.forecast.p50_seconds
        limit = duration(entry.rto_objective_seconds)
        return f"forecast {duration(expected or 0.0)} of {limit} {BAD if rto_forecast.met is False else GOOD}"
    if entry.rto_seconds is None:
        measured = "not known" if entry.unknown else "not measured"
        return f"{measured}, {duration(entry.rto_objective_seconds)} asked {BAD}"
    mark = GOOD if entry.rto_met else BAD
    return f"{duration(entry.rto_seconds)} of {duration(entry.rto_objective_seconds)} {mark}"
