"""Timers' calls through odd nights, a leap day, three days of sleep and an hour without a network: each time is served once.

What is expected stands here as `systemd-analyze calendar` (254) tells it, or is arithmetic of the zone's own offsets.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.timer_life import EVERY_SECONDS, SCENARIOS, Life, Scenario, Span, at, live, machine
from drtool.model.timer import WantedTimers
from drtool.planning.timers import offset_of
from drtool.timers.systemd import units

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata"])
BY_NAME = {each.name: each for each in SCENARIOS}


@pytest.fixture(scope="module")
def lives() -> dict[str, Life]:
    return {name: live(each) for name, each in BY_NAME.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # At 02:30 of 29 March there is no such time, and systemd leaves the day out: drtool backs up as soon as the clocks went on.
        ("night in which clocks go on", ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30", "2026-03-31 00:30"]),
        ("night in which clocks go back", ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30", "2026-10-27 01:30"]),
        ("hourly, clocks go back", [f"2026-10-{day} {hour:02}:00" for day, hour in ((24, 23), (25, 0), (25, 1), (25, 2), (25, 3))]),
        ("leap day", ["2028-02-28 03:00", "2028-02-29 03:00", "2028-03-01 03:00", "2028-03-02 03:00"]),
        ("on a leap day only", ["2028-02-29 03:00", "2032-02-29 03:00"]),
        ("a hundred hosts", ["2026-06-02 03:00", "2026-06-03 03:00"]),
    ],
)
def test_each_scheduled_time_is_served_once_by_each_host(lives: dict[str, Life], name: str, expected: list[str]) -> None:
    life = lives[name]
    for served in life.served.values():
        assert [slot for slot, _at in served] == [at(text) for text in expected]
        assert all(timedelta() <= begun - slot < timedelta(seconds=EVERY_SECONDS) for slot, begun in served)
    assert life.tried == {host: [begun for _slot, begun in served] for host, served in life.served.items()}


def test_after_three_days_of_sleep_one_run_makes_up_for_all(lives: dict[str, Life]) -> None:
    """Three times passed asleep; the first call after it serves the latest, and nothing is done twice."""
    for served in lives["three days of sleep"].served.values():
        assert [slot for slot, _at in served] == [at(f"2026-06-{day:02} 03:00") for day in (2, 5, 6, 7, 8)]
        assert timedelta() <= served[1][1] - at("2026-06-05 20:00") < timedelta(seconds=EVERY_SECONDS)


def test_an_hour_without_a_network_costs_tries_and_no_run(lives: dict[str, Life]) -> None:
    """It waits 5, 10, 20 minutes: the fourth try comes 35 minutes after the first, when the network has been back for five."""
    life = lives["an hour without a network"]
    for host, tried in life.tried.items():
        assert [each - tried[0] for each in tried[:-1]] == [timedelta(minutes=minutes) for minutes in (0, 5, 15, 35)]
        assert [slot for slot, _at in life.served[host]] == [at("2026-06-02 03:00"), at("2026-06-03 03:00")]
        assert life.served[host][0][1] == tried[3]


def test_a_hundred_hosts_do_not_ask_in_one_second(lives: dict[str, Life]) -> None:
    offsets = [offset_of("home", machine=machine(number), every_seconds=EVERY_SECONDS) for number in range(100)]
    first = int.from_bytes(hashlib.sha256(b"host-000/home").digest()[:8]) % 300
    assert offsets[0] == first
    runs = lives["a hundred hosts"].runs_of(at("2026-06-02 03:00"))
    assert sorted((begun - at("2026-06-02 03:00")).total_seconds() for begun in runs) == sorted(offsets)
    assert max(Counter(offsets).values()) <= 4, "of 100 in 300 seconds"
    assert min(Counter(offset // 30 for offset in offsets).values()) >= 3, "no half minute of the five is left out"
    assert len(Counter(offset // 30 for offset in offsets)) == 10


def test_hosts_that_start_at_one_moment_keep_their_seconds() -> None:
    """What was missed is made up for at a host's own next call: by `Persistent=` all would call at the start, in one second."""
    wanted = WantedTimers("home", "/usr/bin/drtool", (), "/var/lib/drtool", ("run",), EVERY_SECONDS, 77, (), ())
    (timer,) = [each.text for each in units(wanted) if each.name.endswith(".timer")]
    assert "OnCalendar=*-*-* *:01,06,11,16,21,26,31,36,41,46,51,56:17\n" in timer
    assert "Persistent" not in timer
    assert "OnBootSec" not in timer


def _daily(zone: ZoneInfo, day: date, hour: int, minute: int) -> datetime:
    """Return when a day's wall clock shows a time first, in UTC; where it never does, when the clocks have gone on."""
    wall = datetime.combine(day, time(hour, minute), tzinfo=zone)
    found = wall.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return found
    before, after = wall.replace(fold=0).utcoffset(), wall.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    low, high = (wall.replace(tzinfo=None) - max(before, after)).replace(tzinfo=UTC), found  # the gap lies between
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset() else (middle, high)
    return high.replace(microsecond=0) + (timedelta(seconds=1) if high.microsecond else timedelta())


@example("Australia/Lord_Howe", date(2026, 10, 2), 2, 15, 299)
@example("America/Havana", date(2026, 3, 6), 0, 0, 0)
@example("America/Havana", date(2026, 10, 30), 0, 30, 150)
@example("America/New_York", date(2026, 10, 30), 1, 30, 7)
@example("Europe/Berlin", date(2028, 2, 27), 0, 0, 7)
@settings(max_examples=40)
@given(ZONES, st.dates(date(2024, 1, 2), date(2030, 12, 20)), st.integers(0, 23), st.sampled_from([0, 15, 30]), st.integers(0, 299))
def test_a_daily_schedule_is_served_on_every_day_of_every_zone(zone: str, day: date, hour: int, minute: int, offset: int) -> None:
    start = datetime.combine(day, time(12), tzinfo=UTC)
    span = Span(start, start + timedelta(days=5))
    life = live(Scenario("any", f"{minute} {hour} * * *", zone, span), offset=lambda _host: offset)
    days = [_daily(ZoneInfo(zone), day + timedelta(days=number), hour, minute) for number in range(-1, 8)]
    expected = [each for each in days if start < each and each + timedelta(seconds=EVERY_SECONDS) <= span.end]
    assert life.slots[: len(expected)] == expected
    assert all(len(life.runs_of(slot)) == 1 for slot in life.slots)
