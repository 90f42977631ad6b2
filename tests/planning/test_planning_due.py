from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.model.attempt import Attempts, Lesson
from drtool.model.errors import Refused
from drtool.planning.due import Turn, is_overdue, latest_slot, next_turn, slots

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"])
SCHEDULES = st.sampled_from(
    ["30 2 * * *", "30 1 * * *", "0 * * * *", "*/30 * * * *", "0 */2 * * *", "@daily", "@hourly", "15 4 29 2 *", "0 5 * * 0"]
)
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        ("30 1 * * *", "America/New_York", "2026-10-31 12:00", ["2026-11-01 05:30", "2026-11-02 06:30"]),
        ("@daily", "America/Havana", "2026-10-31 12:00", ["2026-11-01 04:00", "2026-11-02 05:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", ["2026-10-25 00:00", "2026-10-25 01:00"]),
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("@weekly", "UTC", "2026-11-23 00:00", ["2026-11-29 00:00", "2026-12-06 00:00"]),
    ],
)
def test_nights_and_leap_days(schedule: str, zone: str, start: str, expected: list[str]) -> None:
    assert slots(schedule, zone, start=_at(start), count=2) == tuple(_at(text) for text in expected)


@settings(deadline=None)
@given(SCHEDULES, ZONES, INSTANTS)
def test_slots_rise_and_the_latest_is_the_one_before(schedule: str, zone: str, start: datetime) -> None:
    found = slots(schedule, zone, start=start, count=4)
    assert len(found) == 4
    assert start < found[0]
    assert list(found) == sorted(frozenset(found))
    for earlier, later in pairwise(found):
        assert latest_slot(schedule, zone, earlier) == earlier
        assert latest_slot(schedule, zone, later - timedelta(seconds=1)) == earlier


def test_a_date_that_never_comes() -> None:
    now = _at("2026-11-23 14:00")
    assert slots("0 0 30 2 *", start=now, count=3) == ()
    assert latest_slot("0 0 30 2 *", "UTC", now) is None
    known = Attempts(begun=(now - timedelta(days=900),), lesson=Lesson.GOOD, succeeded=now - timedelta(days=900))
    assert next_turn("0 0 30 2 *", known=known, now=now) == Turn(due=False, at=None, slot=None)
    assert is_overdue("0 0 30 2 *", known=known, now=now) is None


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [("0 0 * *", "UTC"), ("0 0 0 * * *", "UTC"), ("61 * * * *", "UTC"), ("a b c d e", "UTC"), ("@daily", "Mars/Base"), ("@daily", "")],
)
def test_unreadable(schedule: str, zone: str) -> None:
    with pytest.raises(Refused) as caught:
        slots(schedule, zone, start=_at("2026-11-23 14:00"), count=1)
    assert caught.value.hint
