"""How fast what a repository holds grows, by the sizes of its points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from drtool.model.point import RecoveryPoint
from drtool.model.quantity import spell_bytes
from drtool.planning.words import spell_count

_FEWEST_POINTS: Final = 3
_SHORTEST_DAYS: Final = 2.0
_DAY_SECONDS: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Growth:
    """How many bytes the sets of a repository grow in a day together, by how many points, over how many days."""

    bytes_a_day: float
    points: int
    days: float

    @property
    def words(self) -> str:
        """Say it in one sentence, with where it comes from."""
        return (
            f"its sets grow by {spell_bytes(round(self.bytes_a_day))} a day, by {spell_count(self.points, 'point')} of {self.days:.0f} days"
        )


def growing(points: Iterable[RecoveryPoint]) -> Growth | None:
    """Return how fast complete points grew, of every set from its first point to its last; None: too few, too young, or they do not grow.

    A set that shrank counts as nothing: what is freed there is not what another set fills.
    """
    by_set: dict[str, list[RecoveryPoint]] = {}
    for point in points:
        if point.complete and point.counts:
            by_set.setdefault(point.set, []).append(point)
    speed, counted, longest = 0.0, 0, 0.0
    for members in by_set.values():
        ordered = sorted(members, key=lambda each: each.instant)
        days = (ordered[-1].instant - ordered[0].instant).total_seconds() / _DAY_SECONDS
        if len(ordered) >= _FEWEST_POINTS and days >= _SHORTEST_DAYS:
            speed += max(0.0, (ordered[-1].bytes - ordered[0].bytes) / days)
            counted += len(ordered)
            longest = max(longest, days)
    return Growth(speed, counted, longest) if speed > 0 else None
