"""What somebody answers who begins: enough for a first policy, as it was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KEPT: Final = "last: 3, daily: 14, weekly: 8, monthly: 12, verified: 2"
"""Which points are kept where nobody says otherwise: days, weeks and a year back, and what was proven."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders of this machine, or of the one that `ssh` leads to."""

    paths: tuple[str, ...]
    ssh: str = ""


@dataclass(frozen=True, slots=True)
class Datasets:
    """Datasets of a TrueNAS, and how it is spoken to; `key` is a reference, `ca` the path of a certificate."""

    names: tuple[str, ...]
    url: str
    user: str
    key: str
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy lies: the address of a restic repository, where its key is found, and what else its store wants to see.

    `seen_from` is its address from the machine whose folders are protected, where that is another one. `shared_with` is what lies on the
    same file system, and makes a copy no off-site copy.
    """

    restic: str
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)
    seen_from: str = ""
    shared_with: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that a first policy says; without a `sandbox` it has no drill."""

    name: str
    protect: Folders | Datasets
    near: Place | None
    offsite: Place | None
    schedule: str
    keep: Mapping[str, Any]
    rpo: str = "24h"
    rto: str = "1h"
    sandbox: str = ""

    @property
    def first(self) -> str:
        """The name of the repository that is written first."""
        return "offsite" if self.near is None else "near"

    @property
    def farthest(self) -> str:
        """The name of the repository that would be left after a fire."""
        return "near" if self.offsite is None else "offsite"

    @property
    def places(self) -> dict[str, Place]:
        """The copies by the names of their repositories."""
        both = {"near": self.near, "offsite": self.offsite}
        return {name: place for name, place in both.items() if place is not None}
