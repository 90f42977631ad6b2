from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Level(StrEnum):
    """How much a restored thing has shown, from least to most; what reads a level has passed through those below it."""

    NONE = ""
    PRESENT = "present"
    """It came back."""
    READABLE = "readable"
    """Every byte was read and agrees with its digest."""
    COMPLETE = "complete"
    """It agrees with what was counted at the source."""
    OPENS = "opens"
    """Its own program or format takes it."""
    ANSWERS = "answers"
    """What runs on it answers."""
    RIGHT = "right"
    """What it answers is what the policy expects."""

    @property
    def rank(self) -> int:
        """Position on the ladder, 0 for none."""
        return list(Level).index(self)


def highest(levels: Iterable[Level]) -> Level:
    """Return the highest of some levels; NONE of nothing."""
    return max(levels, key=lambda level: level.rank, default=Level.NONE)


def reached(base: Level, passed: Iterable[Level], held_back: Iterable[Level]) -> Level:
    """Return the level a thing reached.

    `base` is what its restore alone has shown, `passed` the levels of the checks that passed, `held_back` those of checks that failed,
    were skipped or never asked: nothing at or above the lowest of these counts.
    """
    lowest = min((level.rank for level in held_back), default=len(Level))
    return highest(level for level in (base, *passed) if level.rank < lowest)
