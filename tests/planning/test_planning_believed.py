"""A clock that runs ahead makes nothing old, and a machine that was off goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.model.hold import Hold
from drtool.model.plan import Forget, Plan
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Retention
from drtool.planning.backup import plan_run
from drtool.planning.retention import verdicts
from tests.planning.planning_values import BY, DAY, NOW, backup_set, daily, inventory, listing, point, policy

HOUR = timedelta(hours=1)
MONTH = Retention(within=30 * DAY)
BY_HAND = backup_set(schedule=None, keep=Retention(last=1), copies=())
DAILY = backup_set(schedule="0 14 * * *", keep=Retention(last=1), copies=())


def _plan(chosen: BackupSet, points: Iterable[RecoveryPoint], now: datetime, *, holds: tuple[Hold, ...] = ()) -> Plan:
    seen = inventory(listing("near", points, holds=holds, taken=now), listing("offsite"))
    return plan_run(policy(chosen), seen, sets=(chosen.name,), now=now, run="R", points={chosen.name: "FRESH"})


def _lost(plan: Plan) -> set[str]:
    return {name for step in plan.steps if isinstance(step.action, Forget) for name in step.action.points}


def _forgotten(points: Iterable[RecoveryPoint], keep: Retention, now: datetime, holds: tuple[Hold, ...] = ()) -> set[str]:
    judged = verdicts(points, keep, repository="near", set="documents", now=now, holds=holds)
    return {each.point for each in judged if not each.reasons}


@given(
    ages=st.lists(st.integers(0, 60 * 24), min_size=1, max_size=12, unique=True),
    ahead=st.integers(2, 4000 * 24),
    runs=st.lists(st.integers(1, 23), max_size=4, unique=True),
    within=st.integers(1, 60 * 24),
)
def test_runs_with_the_clock_ahead_forget_by_age_no_more_than_before(ages: list[int], ahead: int, runs: list[int], within: int) -> None:
    """The clock runs ahead for less than a day, or so far that it leaves nothing between: however many runs, what was young stays."""
    keep = Retention(within=within * HOUR)
    newest = min(ages)
    kept = [point(f"P{age:05d}", NOW - age * HOUR) for age in ages]
    young = {each.point for each in kept if each.instant >= NOW - newest * HOUR - keep.within}  # type: ignore[operator]
    for number, later in enumerate([0, *sorted(runs)]):
        now = NOW + ahead * HOUR + min(later * HOUR, keep.within or HOUR) * 0.99
        kept.append(point(f"X{number}", now))
        lost = _forgotten(kept, keep, now)
        assert not lost & young
        kept = [each for each in kept if each.point not in lost]


@given(ages=st.lists(st.integers(0, 3000), min_size=1, max_size=20, unique=True), within=st.integers(1, 2000), late=st.integers(0, 5000))
def test_by_age_never_more_is_forgotten_than_restic_would(ages: list[int], within: int, late: int) -> None:
    """restic measures from the newest snapshot, whatever the clock says."""
    points = [point(f"P{age:05d}", NOW - age * HOUR) for age in ages]
    newest = NOW - min(ages) * HOUR
    lost = _forgotten(points, Retention(within=within * HOUR), NOW + late * HOUR)
    assert all(each.instant < newest - within * HOUR for each in points if each.point in lost)


@given(within=st.integers(1, 400), every=st.integers(1, 48))
def test_with_a_clock_that_is_right_what_is_old_goes(within: int, every: int) -> None:
    points = [point(f"P{number:04d}", NOW - number * every * HOUR) for number in range(60)]
    lost = _forgotten(points, Retention(within=within * HOUR), NOW)
    slack = min(within * HOUR, DAY) + every * HOUR
    assert {each.point for each in points if each.instant < NOW - within * HOUR - slack} <= lost


@given(until=st.integers(1, 2000), ahead=st.integers(0, 20_000), runs=st.integers(1, 5))
def test_no_hold_is_over_before_a_point_bears_its_date_out(until: int, ahead: int, runs: int) -> None:
    hold = Hold("H1", "documents", BY, "court order", NOW - DAY, until=NOW + until * HOUR, point="P005")
    kept = [*daily(5)]
    for number in range(runs):
        now = NOW + ahead * HOUR + number * HOUR
        kept.append(point(f"X{number}", now))
        assert "P005" not in _forgotten(kept, Retention(last=1), now, (hold,))


def test_a_hold_is_over_once_a_day_has_passed_since_a_point_of_later() -> None:
    hold = Hold("H1", "documents", BY, "court order", NOW - 3 * DAY, until=NOW - DAY - HOUR, point="P001")
    assert "P001" in _forgotten(daily(5, newest=NOW - DAY), Retention(last=1), NOW, (hold,))
    assert "P001" not in _forgotten(daily(5, newest=NOW - 2 * DAY), Retention(last=1), NOW, (hold,))
    ended = replace(hold, id="H2", releases="H1", created=NOW)
    assert "P001" in _forgotten(daily(5, newest=NOW - 2 * DAY), Retention(last=1), NOW, (hold, ended)), "a person's word counts at once"


@pytest.mark.parametrize("chosen", [BY_HAND, DAILY, backup_set(schedule="*/10 * * * *", keep=Retention(last=1), copies=())])
@pytest.mark.parametrize("ahead", [8 * DAY, 60 * DAY, 365 * DAY, 20_000 * DAY])
def test_a_leap_forgets_nothing_and_says_why(chosen: BackupSet, ahead: timedelta) -> None:
    plan = _plan(chosen, daily(5, newest=NOW), NOW + ahead)
    assert _lost(plan) == set()
    (note,) = plan.notes
    assert "nothing is forgotten in this run, and no hold is over by its date" in note
    assert "P005" in note
    assert "the next run forgets again" in note
    assert all(any("beyond the newest earlier point" in reason for reason in each.reasons) for each in plan.verdicts)


@pytest.mark.parametrize(
    ("chosen", "gap"), [(BY_HAND, 7 * DAY), (DAILY, 3 * DAY), (backup_set(schedule="*/10 * * * *", keep=Retention(last=1), copies=()), DAY)]
)
def test_a_few_missed_times_are_no_leap(chosen: BackupSet, gap: timedelta) -> None:
    plan = _plan(chosen, daily(5, newest=NOW), NOW + gap)
    assert _lost(plan) == {"P001", "P002", "P003", "P004", "P005"}
    assert plan.notes == ()


@settings(max_examples=60)
@given(off=st.integers(10, 400), every=st.integers(1, 3))
def test_a_machine_that_was_off_goes_on_with_the_next_run(off: int, every: int) -> None:
    back = NOW + off * DAY
    points = (*daily(5, newest=NOW), point("BACK", back))
    assert _lost(_plan(BY_HAND, points, back + every * DAY)) == {"P001", "P002", "P003", "P004", "P005", "BACK"}


@given(every=st.integers(8, 90), runs=st.integers(4, 9))
def test_a_machine_that_is_rarely_on_is_not_stuck(every: int, runs: int) -> None:
    kept: list[RecoveryPoint] = []
    most = 0
    for number in range(runs):
        now = NOW + number * every * DAY
        lost = _lost(_plan(DAILY, kept, now))
        kept = [*(each for each in kept if each.point not in lost), point(f"P{number:03d}", now)]
        most = max(most, len(kept))
    assert most <= 4


def test_a_copy_that_is_seldom_there_is_judged_by_what_is_known_elsewhere() -> None:
    chosen = backup_set(schedule="0 14 * * *", keep=Retention(last=1))
    seen = inventory(listing("near", daily(5, newest=NOW)), listing("offsite", daily(8, newest=NOW - 40 * DAY)))
    plan = plan_run(policy(chosen), seen, sets=("documents",), now=NOW + DAY, run="R", points={"documents": "FRESH"})
    assert {step.id for step in plan.steps if isinstance(step.action, Forget)} == {"documents/forget/near", "documents/forget/offsite"}


def test_once_the_clock_is_right_again_the_point_of_later_stops_forgetting_until_then() -> None:
    ahead = point("AHEAD", NOW + 60 * DAY)
    assert _lost(_plan(DAILY, (*daily(5, newest=NOW), ahead), NOW + DAY)) == set()
    after = (*daily(5, newest=NOW), ahead, point("NEXT", ahead.instant + DAY))
    assert _lost(_plan(DAILY, after, ahead.instant + 2 * DAY)) == {"P001", "P002", "P003", "P004", "P005", "AHEAD", "NEXT"}
