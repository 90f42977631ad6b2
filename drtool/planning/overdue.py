from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from drtool.model.attempt import UNTIL_LOOKED, Attempts, FailedAttempt, Lesson, Task
from drtool.model.outcome import Outcome
from drtool.planning.due import is_overdue, next_turn
from drtool.planning.schedule import Timed
from drtool.planning.words import spell_duration, spell_instant

_LOOK_FIRST = frozenset({Outcome.PARTIAL.value, Outcome.FAILED.value, Outcome.REFUSED.value})
"""The same again would end the same: something at the source must change first."""

_RELEASED = "nothing of it was forgotten then; that hold is released, and the next run forgets again"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How one thing with a schedule stands: `attention` is what a person should know, empty when all is well."""

    task: Task
    last_attempt: datetime | None
    last_success: datetime | None
    outcome: str
    next_attempt: datetime | None
    overdue_since: datetime | None
    failures: tuple[FailedAttempt, ...] = ()
    attention: str = ""
    next: str = ""


def task_statuses(
    tasks: Mapping[Task, Timed], known: Mapping[Task, Attempts], *, alive: Iterable[Task] = (), now: datetime
) -> tuple[TaskStatus, ...]:
    """Say how everything with a schedule stands: the last attempt and success, what comes next, and what should have come and did not.

    Raises Refused for a schedule that cannot be read.
    """
    busy = frozenset(alive)
    return tuple(_status(task, timed, known.get(task), busy=task in busy, now=now) for task, timed in tasks.items())


def _status(task: Task, timed: Timed, attempts: Attempts | None, *, busy: bool, now: datetime) -> TaskStatus:
    if attempts is None:
        return TaskStatus(task, None, None, "", None, None)
    turn = next_turn(timed.schedule, timed.time_zone, known=attempts, now=now)
    missed = None if busy else is_overdue(timed.schedule, timed.time_zone, known=attempts, now=now)
    failed = not busy and attempts.begun != () and attempts.lesson is not Lesson.GOOD
    attention = following = ""
    if missed is not None:
        caller = "drtool drill --due" if task.verb == "drill" else "drtool run --due"
        attention = f"{_spelled(task)} was due at {spell_instant(missed)} and was not tried since: does a timer call `{caller}`?"
        following = caller
    elif failed:
        attention, following = _about_failure(task, attempts, turn.at if turn.again else None, now=now), _after(task, attempts)
    return TaskStatus(
        task=task,
        last_attempt=attempts.last,
        last_success=attempts.succeeded,
        outcome=attempts.outcome,
        next_attempt=turn.at,
        overdue_since=missed,
        failures=attempts.failures,
        attention=attention,
        next=following,
    )


def untimed_statuses(known: Mapping[Task, Attempts], *, now: datetime) -> tuple[TaskStatus, ...]:
    """Say how the last attempts ended that no schedule asked for and that were not good; what was good, or goes on, is left out."""
    return tuple(
        TaskStatus(
            task=task,
            last_attempt=attempts.last,
            last_success=attempts.succeeded,
            outcome=attempts.outcome,
            next_attempt=None,
            overdue_since=None,
            failures=attempts.failures,
            attention=_about_failure(task, attempts, None, now=now),
            next=_after(task, attempts),
        )
        for task, attempts in known.items()
        if attempts.begun and attempts.lesson is not Lesson.GOOD
    )


def once_released(known: Mapping[Task, Attempts], held: Collection[str]) -> dict[Task, Attempts]:
    """Return attempts without the advice to look of those sets whose forgetting nothing stops any more; `held` are the others."""
    return {
        task: replace(each, what=_RELEASED, hint=f"drtool run {task.name}")
        if task.verb == "run" and task.name not in held and each.what.startswith(UNTIL_LOOKED)
        else each
        for task, each in known.items()
    }


def _after(task: Task, attempts: Attempts) -> str:
    """Say what to type after an attempt that was not good: what it said itself, else whoever finds out, else the same again."""
    if attempts.hint:
        return attempts.hint
    unexplained = attempts.outcome in _LOOK_FIRST and not attempts.kind
    return "drtool doctor" if task.verb == "run" and unexplained else f"drtool {task.verb} {task.name}"


def _about_failure(task: Task, attempts: Attempts, again: datetime | None, *, now: datetime) -> str:
    age = spell_duration(max(0.0, (now - attempts.last).total_seconds())) if attempts.last is not None else ""
    outcome = attempts.outcome or Outcome.INTERRUPTED.value
    words = f"the last attempt at {_spelled(task)}, {age} ago, ended {outcome.replace('_', ' ')}"
    words += f" ({attempts.what})" if attempts.what else ""
    return words + (f"; a timer's call tries again from {spell_instant(again)} on" if again is not None else "")


def _spelled(task: Task) -> str:
    return {
        "run": f"the backup of {task.name}",
        "drill": f"the drill {task.name}",
        "prune": f"the prune of {task.name}",
        "verify": f"the reading of {task.name}",
    }.get(task.verb, str(task))
