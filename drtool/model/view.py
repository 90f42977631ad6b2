from __future__ import annotations

from dataclasses import dataclass

from drtool.model.evidence import EvidenceRecord
from drtool.model.examination import EvidenceView
from drtool.model.hold import Hold
from drtool.model.point import RecoveryPoint


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
    unasked: bool = False
    """Whether it is whole is not known: a platform that keeps something of it could not be asked."""

    @property
    def counts(self) -> bool:
        """Complete, and whole somewhere."""
        return self.point.complete and bool(self.repositories)

    @property
    def listed(self) -> tuple[str, ...]:
        """Every repository that has something of it, those that hold it whole first."""
        return (*self.repositories, *self.not_whole)


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """One piece of evidence: where it lies, its record if a signature vouches for it, and what is wrong with that signature."""

    view: EvidenceView
    record: EvidenceRecord | None = None
    fault: str = ""
