"""What the listings of all repositories amount to: everything a look needs of them, of one size however many points there are.

Nothing in it grows old: what is said of an age is worked out from its instants when it is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.attempt import Attempts
from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.forecast import RtoForecast
from drtool.model.gone_set import GoneSet
from drtool.model.hold import Hold


@dataclass(frozen=True, slots=True)
class MachineSummary:
    """How many points of a set another machine of our name made, and of when the newest is."""

    points: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class OthersSummary:
    """What lies in our name and is not ours, of one set: points by machine, by strangers, by a replaced key; drills by who signed them."""

    machines: Mapping[str, MachineSummary] = field(default_factory=dict)
    strangers: int = 0
    retired: int = 0
    disputed: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    retired_drills: int = 0
    drills: Mapping[str, int] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()
    """Those in force although somebody who may not end them wrote that they are over, with what was written."""


@dataclass(frozen=True, slots=True)
class SetSummary:
    """One set: its newest complete, whole point, who holds that, and what else was seen of it."""

    point: str = ""
    instant: datetime | None = None
    bytes: int = 0
    workloads: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    partial: datetime | None = None
    """Of when the newest point is that is not complete."""
    future: int = 0
    """Points dated in the future."""
    broken: Mapping[str, int] = field(default_factory=dict)
    """By repository how many points are not whole there."""
    newest_broken: tuple[str, ...] = ()
    """The repositories in which the newest point is one of those."""
    unasked: Mapping[str, int] = field(default_factory=dict)
    """By repository of how many points nobody knows what a platform keeps, as it could not be asked."""
    natives: int = 0
    """How many artifacts of the newest point a platform keeps."""
    native_sites: tuple[tuple[str, ...], ...] = ()
    """The failure domains in which such an artifact is, once for each different answer."""
    proof: Evidence | None = None
    drill: Evidence | None = None
    drilled: tuple[str, ...] = ()
    """The repositories that a passed drill restored from."""
    quarantines: tuple[Hold, ...] = ()
    held: Mapping[str, datetime] = field(default_factory=dict)
    """By repository of when the newest complete point in it is."""
    vanished: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By repository what was known there and is gone, in words."""
    others: OthersSummary = field(default_factory=OthersSummary)


@dataclass(frozen=True, slots=True)
class ReadingSummary:
    """How far the cycle is in which a repository is read slice by slice."""

    done: int
    slices: int
    cycle: datetime
    complete: bool
    oldest: datetime | None
    """When the slice was read that was read longest ago; None: one never was."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was listed, in short; true from `taken` until what it knows changes, or `until` is reached."""

    taken: datetime
    as_of: datetime
    """When the oldest listing behind it was taken."""
    until: datetime | None
    """When something dated later comes within sight, so that the listings have to be looked through again; None: nothing is."""
    sets: Mapping[str, SetSummary]
    damaged: Mapping[str, Damage] = field(default_factory=dict)
    readings: Mapping[str, ReadingSummary] = field(default_factory=dict)
    gone: tuple[GoneSet, ...] = ()
    told: Mapping[str, Attempts] = field(default_factory=dict)
    """What repositories tell of each thing with a schedule (`run/documents`)."""
    rto_forecasts: Mapping[str, tuple[RtoForecast, ...]] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By set the parts of its fingerprint."""

    @property
    def lasts(self) -> bool:
        """Tell whether it may be kept: of an empty repository it is told that nothing was due there until now, whenever that is."""
        return not any(each.since == self.taken for each in self.told.values())
