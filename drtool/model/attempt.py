"""What is remembered of the things that are done by a schedule: when they were last tried, how that ended, when they last succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_BEGUN = 32
"""How many attempts at one scheduled time are counted: waits double, so that no interval of a year holds as many."""
MOST_FAILURES = 10
"""How many failures of one thing are remembered, newest last."""

UNTIL_LOOKED = "nothing of it is forgotten until you have looked"
"""How an attempt tells that it was not good for a hold alone: no longer so once that is released."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that a schedule asks for: `run` of a set, `drill` of a drill, `prune` or `verify` of a repository."""

    verb: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb}/{self.name}"


class Lesson(StrEnum):
    """What an attempt teaches the schedule: it was good; it used its scheduled time up; waiting may help."""

    GOOD = "good"
    USED = "used"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: the lesson, the outcome's word, the class name of what failed, its words, and what it said to type next."""

    lesson: Lesson
    outcome: str
    kind: str = ""
    what: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt that was not good."""

    at: datetime
    run: str
    outcome: str
    kind: str = ""
    what: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is remembered of one task; everything in it is bounded, and nothing of it is pushed out by other tasks.

    `begun` are the attempts in a row of which each but the last taught that waiting may help; its last is the last attempt. `lesson` is
    None while that is under way, or when it was killed.
    """

    begun: tuple[datetime, ...] = ()
    run: str = ""
    """The run of the last attempt; empty: the repository told of it."""
    ended: datetime | None = None
    lesson: Lesson | None = None
    outcome: str = ""
    kind: str = ""
    what: str = ""
    succeeded: datetime | None = None
    """When the last good attempt began."""
    since: datetime | None = None
    """What was scheduled before this is not owed: it lies before all that is remembered."""
    failures: tuple[FailedAttempt, ...] = ()
    place: str = ""
    """Digest of the repository's address: of another place this tells nothing."""
    hint: str = ""
    """What the last attempt said to type next; empty: nothing, or an earlier release wrote it down."""

    @property
    def last(self) -> datetime | None:
        """When the last attempt began."""
        return self.begun[-1] if self.begun else None
