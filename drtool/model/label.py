"""By what a label that lies among a person's data is known to be this state directory's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

UNKNOWN_MACHINE = "unknown"
"""What is typed for a machine that did not write its id on what it left."""
UNREMEMBERED = "nothing on this machine remembers this restore"
"""Begins the note of a restore whose labels nobody can prove later: to take it back, they are taken over first."""
SPENT = "its label came back, as with a copy of the folder, and does nothing"
SPENT_HINT = "look at it, and remove that label and the folder of its name beside it"


def _kept_nowhere(_name: str) -> None:
    """Without a state directory nobody knows later which exchanges ended."""


@dataclass(frozen=True, slots=True)
class LabelProofs:
    """A key that never leaves the state directory, labels that a person took over, and runs of before there was a key."""

    key: bytes = field(default=b"", repr=False)
    """Empty: nothing is proven by it."""
    accepted: frozenset[str] = frozenset()
    """Digests of labels that `adopt --leftovers` took over."""
    earlier_runs: frozenset[str] = frozenset()
    """Restores of a release that proved no labels, which had not ended when there was a key: each of their labels is believed."""
    earlier_places: frozenset[tuple[str, str]] = frozenset()
    """Restores of such a release that had ended, each with a place that it exchanged: what they kept aside of that is believed."""
    spent: frozenset[str] = frozenset()
    """Labels, by file name, of exchanges that this state directory has ended: one that comes back does nothing any more."""
    spend: Callable[[str], None] = field(default=_kept_nowhere, compare=False, repr=False)
    """Write down that the exchange of a label, by file name, has ended."""
