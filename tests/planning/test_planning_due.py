from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.model.errors import Refused
from drtool.planning.due import is_due, latest_slot, slots

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


@settings(deadline=None)
@given(SCHEDULES, ZONES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_due_when_a_slot_lies_between(schedule: str, zone: str, success: datetime, passed: timedelta) -> None:
    now = success + passed
    assert is_due(schedule, zone, last_success=success, now=now) == (slots(schedule, zone, start=success, count=1)[0] <= now)


def test_never_succeeded_and_future_success_are_due() -> None:
    now = _at("2026-11-23 14:00")
    assert is_due("@daily", last_success=None, now=now)
    assert is_due("@daily", last_success=now + timedelta(days=9), now=now)
    assert not is_due("@daily", last_success=now, now=now)


def test_a_date_that_never_comes() -> None:
    now = _at("2026-11-23 14:00")
    assert slots("0 0 30 2 *", start=now, count=3) == ()
    assert latest_slot("0 0 30 2 *", "UTC", now) is None
    assert not is_due("0 0 30 2 *", last_success=now - timedelta(days=900), now=now)


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [("0 0 * *", "UTC"), ("0 0 0 * * *", "UTC"), ("61 * * * *", "UTC"), ("a b c d e", "UTC"), ("@daily", "Mars/Base"), ("@daily", "")],
)
def test_unreadable(schedule: str, zone: str) -> None:
    with pytest.raises(Refused) as caught:
        slots(schedule, zone, start=_at("2026-11-23 14:00"), count=1)
    assert caught.value.hint
