from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.evidence import EvidenceRecord
from drtool.model.examination import EvidenceView
from drtool.model.hold import Hold
from drtool.model.point import RecoveryPoint


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """One workload and what becomes of it; `state` is protected or problem."""

    workload: str
    source: str
    set: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PointView:
    """A point, the repositories that hold it whole, those in which it is verified, what holds it, and those that lack data of it."""

    point: RecoveryPoint
    repositories: tuple[str, ...]
    verified: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    not_whole: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    """Where it passed a drill."""

    @property
    def counts(self) -> bool:
        """Complete, and whole somewhere."""
        return self.point.complete and bool(self.repositories)

    @property
    def listed(self) -> tuple[str, ...]:
        """Every repository that has something of it, those that hold it whole first."""
        return (*self.repositories, *self.not_whole)


@dataclass(frozen=True, slots=True)
class GoneSet:
    """A set that has points and is not in the policy any more: how many, and of when the newest is."""

    set: str
    points: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run of this machine that died: what it left is still there, until a sweep, or the next run, tidies it up."""

    run: str
    verb: str
    since: datetime
    sets: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say so, for whoever looks."""
        of = f" of {', '.join(self.sets)}" if self.sets else ""
        return f"the {self.verb}{of} begun {self.since:%Y-%m-%d %H:%M} UTC died, and what it left was not tidied up yet"


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """One piece of evidence: where it lies, its record if a signature vouches for it, and what is wrong with that signature."""

    view: EvidenceView
    record: EvidenceRecord | None = None
    fault: str = ""
