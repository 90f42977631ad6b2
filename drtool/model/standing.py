"""What a point in a repository is to this machine, and by what that is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from drtool.model.rotation import Retired, Rotation


class Standing(StrEnum):
    """What a point is to the machine that looks at it."""

    OURS = "ours"
    """Of our name, of this machine or one it took over, sealed by an accepted signer: only such a point counts, and is forgotten."""
    ANOTHER_NAME = "another_name"
    """Of a policy with another name: that policy's business."""
    ANOTHER_MACHINE = "another_machine"
    """Of our name, but sealed by another machine: it counts there."""
    STRANGER = "stranger"
    """In our name, but unsigned, altered, or signed by a key that nobody accepted here."""
    RETIRED = "retired"
    """Of our name and machine, signed by an accepted key, but not before that key was replaced."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Who counts here: the policy's name, machine ids, fingerprints of signers, and digests of unsigned tags known from before signing."""

    by: str
    machines: frozenset[str]
    signers: frozenset[str]
    unsigned: frozenset[str] = frozenset()
    retired: Retired = field(default_factory=dict)
    """The signers among them that were replaced, and what they had signed by then."""
    disputed: tuple[str, ...] = ()
    """What is claimed of successors of theirs and does not count, in words."""
    only_leftovers: frozenset[str] = frozenset()
    """Those of the machines of which only what they left at the sources was adopted: their points are another machine's."""

    def seals_as(self, machine: str) -> bool:
        """Tell whether the points of a machine are ours, where their signature is."""
        return machine in self.machines and machine not in self.only_leftovers


@dataclass(frozen=True, slots=True)
class Adopted:
    """A machine that was taken over: its id, the signers of its points, when, and how many points that brought."""

    machine: str
    signers: tuple[str, ...]
    at: datetime
    points: int = 0


@dataclass(frozen=True, slots=True)
class Adoption:
    """What adopting a machine would accept: its id (empty: a release that told no machines apart), the key that signed, its points.

    `first`: that key is accepted since this repository was first met. `keys` are those that followed one another on that machine, oldest
    first; `rivals` others that sign in that machine's name. `unsigned` are digests of tags that nobody signed and a person meant.
    """

    machine: str
    signer: str
    points: int
    sets: tuple[str, ...]
    oldest: datetime
    newest: datetime
    first: bool = False
    keys: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    """What it left at the sources, where that alone is taken over, and the digests of those labels that prove nothing here."""
    labels: tuple[str, ...] = ()
    over_runs: tuple[str, ...] = ()
    """The runs that left these: whoever takes them over says that those are over."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What this state directory knows of who it is and whom it accepts.

    `machines` and `signers` are its own, all that it ever had. `first` is who signed what lay in a repository when it was first
    met, where that was one alone. `contacted` are the repositories met, `unsigned` digests of the tags of what was unsigned then.
    """

    machines: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    first: str = ""
    adopted: tuple[Adopted, ...] = ()
    contacted: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    """Who follows whom among the keys it accepts, as it read it in the repositories; one that goes there stays here."""
    labels: tuple[str, ...] = ()
    """Digests of labels that a person took over: no machine that is known here proves them."""
    over_runs: tuple[str, ...] = ()
    """Runs without a journal here of which a person said, by taking over what they left, that they are over."""
    untold: tuple[str, ...] = ()
    """What was decided at first contact and nobody has been told yet."""
