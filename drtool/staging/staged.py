from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drtool.model.locator import Locator, locate, read_locator
from drtool.model.plan import Landed, Move, Restored
from drtool.trees.filesystem import require_plain

KIND: Final = "staging"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Staged:
    """Where something was poured on a file system, and where it belongs: what a locator says of whatever is poured into directories."""

    staging: str
    content: str
    """The restored tree or file inside the staging place."""
    target: str
    marker: str
    """The label beside it: owner, run, expiry, and how far a cutover got."""
    moves: tuple[Move, ...] = ()
    """One per restored path; `target` stays where the whole workload belongs."""
    sandbox: str = ""
    """The directory of the sandbox that it lies in; empty elsewhere."""


def locator_of(staged: Staged) -> Locator:
    """Return the locator of a place on a file system."""
    return locate(KIND, _VERSION, staged)


def staged(thing: Landed | Restored) -> Staged:
    """Return where something landed or restored lies on a file system; Refused where that is not told, or in paths that are not plain."""
    place = read_locator(thing.locator, KIND, _VERSION, shape=Staged)
    paths = (place.staging, place.content, place.target, place.marker, place.sandbox)
    for path in (*paths, *(each for move in place.moves for each in (move.content, move.target, move.aside))):
        if path:
            require_plain(path)
    return place
