from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.memory import Vanished
from drtool.model.native import Claims
from drtool.model.point import RecoveryPoint, Unsealed
from drtool.model.rotation import SignedRotation
from drtool.model.unfinished import Unfinished
from drtool.model.workload import Leftover, Workload


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be observed or is not well: kind of error, what, and what to do."""

    kind: str
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One reading of one repository: only what is drtool's own; foreign snapshots are counted and left alone."""

    repository: str
    taken: datetime
    points: tuple[RecoveryPoint, ...] = ()
    """Those that count here: of our name and a machine of ours, sealed by an accepted signer. Unjudged listings hold everybody's."""
    holds: tuple[Hold, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    unsealed: tuple[Unsealed, ...] = ()
    others: tuple[RecoveryPoint, ...] = ()
    """What drtool made and is not ours, each with its standing: never counted, never forgotten."""
    foreign: int = 0
    problem: Problem | None = None
    """Set when it could not be read; the rest is then empty (or old, when it comes from the index)."""
    vanished: tuple[Vanished, ...] = ()
    """What this machine knew there and misses now."""
    damage: tuple[Damage, ...] = ()
    """What steps of this machine found wrong there, and no reading or drill has taken back."""

    rotations: tuple[SignedRotation, ...] = ()
    """What is said of signing keys that follow one another: anybody's word, until its signatures were looked at."""
    disputed: tuple[str, ...] = ()
    """What is claimed so and does not count here, in words."""
    unfinished: tuple[str, ...] = ()
    """What of a rotation of this machine's own key is not done, in words."""
    called: str = ""
    """What evidence in it calls it, where that is another name than ours: who names a bare repository knows none."""

    @property
    def every_point(self) -> tuple[RecoveryPoint, ...]:
        """What drtool made here, whoever sealed it; ours last, so that they win where two claim one id."""
        return (*self.others, *self.points)


@dataclass(frozen=True, slots=True)
class SetInventory:
    """What a set's selectors matched; `problems` name the sources that could not be asked."""

    set: str
    workloads: tuple[Workload, ...]
    problems: tuple[Problem, ...] = ()
    empty: tuple[str, ...] = ()
    """Sources whose selector matched nothing although the policy does not allow that."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """One immutable reading of what exists."""

    taken: datetime
    sets: Mapping[str, SetInventory] = field(default_factory=dict)
    repositories: Mapping[str, Listing] = field(default_factory=dict)
    leftovers: tuple[Leftover, ...] = ()
    unasked: tuple[Problem, ...] = ()
    """Of the sources that could not be asked for leftovers."""
    unfinished: tuple[Unfinished, ...] = ()
    """What the sweep before could not bring back into service, and why."""
    claims: Claims | None = None
    """What manifests name of what platforms keep; None: that was not asked, or is not known."""
