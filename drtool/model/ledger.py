"""The coverage ledger: everything that exists on the sources of a policy, and what becomes of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

PROTECTED: Final = "protected"
EXCLUDED: Final = "excluded"
UNPROTECTED: Final = "unprotected"
PROBLEM: Final = "problem"
NEW: Final = "new"
FILE_SYSTEM: Final = "file system"

SeenNames = Mapping[str, frozenset[str]]
"""By source the names of workloads that a machine has seen there; a source that is not named was never looked at."""


@dataclass(frozen=True, slots=True)
class Existing:
    """One thing on a source that could be worth protecting, by the name that a workload has or would have.

    With `paths` it is covered where a set protects each of them, at it or above it; without, where a set protects what has its name.
    `problem` says why nobody knows what is there. With `may_hide` it stands for what may be there and was not told: no exclusion by a
    pattern means that.
    """

    name: str
    kind: str
    paths: tuple[str, ...] = ()
    note: str = ""
    problem: str = ""
    may_hide: bool = False


@dataclass(frozen=True, slots=True)
class Stock:
    """What a source tells of everything that is there; `told` is what it keeps to itself, in words.

    `mounts` are all places where something is mounted, listed or not; None: nobody knows.
    """

    existing: tuple[Existing, ...]
    told: tuple[str, ...] = ()
    mounts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """One workload and the one word for it; without a workload it is about a set or a source that could not be asked.

    `state` is protected, excluded, unprotected or problem. `set` is the first of the `sets` that protect it.
    """

    workload: str
    source: str
    set: str
    state: str
    note: str = ""
    sets: tuple[str, ...] = ()
    kind: str = ""
    new: bool = False
    """This machine had looked at its source before, and it was not there."""
    until: datetime | None = None
    """The last day of its exclusion."""

    @property
    def is_unknown(self) -> bool:
        """Whether nobody could be asked, so that anything may be there."""
        return not self.workload or (self.state == PROBLEM and not self.sets)

    def is_bad(self, fail_on: Collection[str]) -> bool:
        """Tell whether a look fails by this line that shall fail on these words; by what a set has in its way it fails in any case."""
        if not self.workload or (self.state == PROBLEM and self.sets):
            return True
        unsure = self.is_unknown and not {UNPROTECTED, NEW}.isdisjoint(fail_on)
        return self.state in fail_on or unsure or (self.new and NEW in fail_on)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every workload once, and in `told` what else a person must know to believe it; `seen` are the names to be remembered."""

    lines: tuple[InventoryLine, ...]
    told: tuple[str, ...] = ()
    seen: SeenNames = field(default_factory=dict)

    @property
    def unprotected(self) -> int | None:
        """How many are unprotected; None where something could not be asked, as it may hold more."""
        return None if any(line.is_unknown for line in self.lines) else sum(line.state == UNPROTECTED for line in self.lines)
