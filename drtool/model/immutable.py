"""Copies that nobody can delete before a date: versions of objects, their locks, and what was found, extended and recovered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

COMPLIANCE: Final = "COMPLIANCE"
GOVERNANCE: Final = "GOVERNANCE"
PARTS: Final = ("config", "keys", "index", "data", "snapshots")
"""What a repository consists of, in the order in which it is brought back: a point is there again when everything it needs is."""
NAMED: Final = 10
"""So many objects are told by their names."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Until when nobody can delete a version; in GOVERNANCE mode somebody with the right to bypass it still can."""

    mode: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or (`marker`) the record that it was deleted; `digest` is the server's word for its content."""

    id: str
    written: datetime
    size: int = 0
    digest: str = ""
    marker: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """Every version of one object, the newest first; `name` is below the repository: `data/00/00ab…`."""

    name: str
    versions: tuple[ObjectVersion, ...]

    @property
    def current(self) -> ObjectVersion | None:
        """The version that whoever asks by name alone is given; None where that is none."""
        newest = self.versions[0]
        return None if newest.marker else newest

    @property
    def data(self) -> tuple[ObjectVersion, ...]:
        """The versions that hold something, the oldest first."""
        return tuple(each for each in reversed(self.versions) if not each.marker)

    @property
    def identity(self) -> str:
        """The last word of its name: of all but `config` the SHA-256 of its content."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class BucketLock:
    """How a bucket protects what is in it; `default_days` is what a new object gets."""

    versioning: str = ""
    object_lock: bool = False
    mode: str = ""
    default_days: int = 0
    expiring: tuple[str, ...] = ()
    """Rules by which what is needed would be deleted or expire, in words."""
    unasked: tuple[str, ...] = ()
    """What these credentials may not ask."""
    skew_seconds: float = 0.0
    """How far the server's clock is ahead of ours."""


@dataclass(frozen=True, slots=True)
class ImmutableAudit:
    """What a kept point needs of a bucket, and until when it is locked.

    `needed` is never too small: every object that is not known to be needless counts. `short` are locked for less than what was promised,
    `unlocked` not at all (they are no part of `short`); `hidden` lie behind a delete marker that nobody here laid, the first since
    `hidden_since`; `gone` have no version left; `changed` have several versions that differ. Of the parts in `lacking` nothing is there.
    `by_day` counts when locks run out (`2026-12-24`), the first days of all.
    """

    repository: str
    taken: datetime
    promised_seconds: float | None
    bucket: BucketLock
    needed: int = 0
    short: int = 0
    unlocked: int = 0
    hidden: int = 0
    gone: int = 0
    changed: int = 0
    foreign: int = 0
    earliest: datetime | None = None
    by_day: Mapping[str, int] = field(default_factory=dict)
    soonest: tuple[str, ...] = ()
    hidden_names: tuple[str, ...] = ()
    hidden_since: datetime | None = None
    lacking: tuple[str, ...] = ()
    missed_points: tuple[str, ...] = ()
    """What this machine knew there and does not find, in sentences."""
    basis: str = ""
    """By what it was decided which packs are needed."""
    requests: int = 0
    asked: int = 0
    """How many locks were asked for; of the others it was known."""
    missed: tuple[str, ...] = ()
    """Of `attention` what says that something is not there."""
    attention: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class ExtendPlan:
    """What `immutable extend` would do: `due` of `needed` objects are locked for less than `renewed_below`, and would be until `until`."""

    repository: str
    until: datetime
    renewed_below: datetime
    mode: str
    needed: int
    due: int
    earliest: datetime | None
    basis: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extended:
    """What was extended; `earliest` is when the first lock of what is needed runs out now, `missed` and `next` are the audit's after it."""

    repository: str
    until: datetime
    extended: int
    needed: int
    earliest: datetime | None
    requests: int
    missed: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class RecoverPlan:
    """What `immutable recover` would do.

    `uncover` objects lie behind delete markers that would be removed, `bring_back` were overwritten or are hidden where no marker may be
    removed: the right version would be copied over. `set_aside` are no content of their name, and would be hidden by a delete marker.
    `lost` have no version of the right content.
    """

    repository: str
    since: datetime
    uncover: int = 0
    bring_back: int = 0
    set_aside: int = 0
    lost: int = 0
    fine: int = 0
    left: int = 0
    """Hidden before `since`: whoever forgot and pruned them meant it."""
    left_lately: int = 0
    """Of those, hidden within a week before it, and not known to have been removed by this machine."""
    first_lately: datetime | None = None
    read: int = 0
    """How many bytes were read to tell the right version."""
    lost_names: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    foreign: int = 0

    @property
    def changes(self) -> int:
        """How many objects it would change."""
        return self.uncover + self.bring_back + self.set_aside


@dataclass(frozen=True, slots=True)
class PointLook:
    """Whether a point is whole again: `whole` is None where this restic cannot tell it of one point."""

    point: str
    set: str
    instant: datetime
    whole: bool | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was brought back, and which points are whole again, the newest first; `log` tells every change, and what stood there before.

    `unlisted` are points that this machine knows there and that are not listed.
    """

    repository: str
    uncovered: int
    brought_back: int
    set_aside: int
    lost: int
    lost_names: tuple[str, ...]
    missing_packs: int
    points: tuple[PointLook, ...]
    words: str
    log: str
    requests: int
    unlisted: tuple[str, ...] = ()
