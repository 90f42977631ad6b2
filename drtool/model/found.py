"""Where files that somebody looks for are: in which versions, and in which points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.inventory import Problem


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """One version of a file (its size and time of change), or a directory: the first and last point that hold it, of how many.

    `modified` is as the repository tells it. Of several points the last is what a restore would name; `repositories` hold that.
    """

    type: str
    bytes: int
    modified: str
    first: str
    first_instant: datetime
    last: str
    last_instant: datetime
    points: int
    repositories: tuple[str, ...]
    partial: bool = False
    """No complete point holds it: `last` is a partial one."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One path of one workload of a set, with its versions, the newest first."""

    set: str
    workload: str
    path: str
    versions: tuple[FoundVersion, ...]
    gone: bool
    """It is not in the newest complete point of its set; false also where that could not be searched."""


@dataclass(frozen=True, slots=True)
class Unsearched:
    """What of a point could not be gone through in any repository, and why."""

    point: str
    set: str
    workload: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class UnlistedRepository:
    """A repository of which nobody knows now what it holds, and why."""

    repository: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, by set and path; how many points it went through, and what it could not.

    `notes` is what a person must know of what was left out on purpose.
    """

    files: tuple[FoundFile, ...]
    points: int
    unsearched: tuple[Unsearched, ...] = ()
    unlisted: tuple[UnlistedRepository, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything that was asked for was gone through."""
        return not self.unsearched and not self.unlisted
