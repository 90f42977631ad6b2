"""When a disk is full, by how points grew."""

from __future__ import annotations

import pytest

from drtool.model.point import RecoveryPoint
from drtool.planning.growing import growing
from tests.planning.planning_values import DAY, NOW, point


def points(*sizes: int, every: float = 1.0, name: str = "documents", complete: bool = True) -> list[RecoveryPoint]:
    """Points of a set, the newest last, so many days apart."""
    count = len(sizes)
    return [
        point(f"{name}{number}", NOW - (count - 1 - number) * every * DAY, bytes=size, set=name, complete=complete)
        for number, size in enumerate(sizes)
    ]


def test_sets_grow_together_and_one_that_shrank_frees_nothing_for_others() -> None:
    found = growing([*points(100, 150, 300), *points(10, 20, 50, name="photos"), *points(900, 500, 100, name="old")])
    assert found is not None
    assert found.bytes_a_day == pytest.approx((300 - 100) / 2 + (50 - 10) / 2)
    assert (found.points, found.days) == (9, 2.0)
    assert "120 B a day" in found.words
    assert "9 points of 2 days" in found.words


@pytest.mark.parametrize(
    "too_little",
    [
        [],
        points(100, 900),
        points(100, 200, 900, every=0.9),
        points(100, 100, 100),
        points(900, 500, 100),
        points(100, 200, 900, complete=False),
    ],
)
def test_what_is_too_few_too_young_or_does_not_grow_says_nothing(too_little: list[RecoveryPoint]) -> None:
    assert growing(too_little) is None
