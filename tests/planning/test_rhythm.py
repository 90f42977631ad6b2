"""A set that is backed up by the schedule of its RPO keeps it, also when one attempt fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from drtool.planning.rhythm import schedule_for


def gaps(schedule: str) -> list[timedelta]:
    times = croniter(schedule, datetime(2026, 11, 23, tzinfo=UTC), ret_type=datetime)
    return [later - earlier for earlier, later in pairwise(islice(times, 400))]


@given(st.integers(10, 60 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_it_comes_twice_within_the_rpo(rpo: timedelta) -> None:
    assert max(gaps(schedule_for(rpo))) <= rpo / 2


@pytest.mark.parametrize(
    ("rpo", "schedule"),
    [
        (timedelta(seconds=1), "*/5 * * * *"),
        (timedelta(minutes=15), "*/5 * * * *"),
        (timedelta(minutes=59), "*/20 * * * *"),
        (timedelta(hours=2), "30 * * * *"),
        (timedelta(hours=24), "30 */12 * * *"),
        (timedelta(days=2), "30 1 * * *"),
        (timedelta(days=36500), "30 1 * * 0"),
    ],
)
def test_what_it_says(rpo: timedelta, schedule: str) -> None:
    assert schedule_for(rpo) == schedule
