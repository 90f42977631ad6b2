from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drtool.model.hold import Hold
from drtool.model.plan import Verdict
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.policy import Retention
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.retention import verdicts
from tests.planning.planning_values import DAY, NOW, daily, point


def _judge(
    points: tuple[RecoveryPoint, ...],
    keep: Retention,
    *,
    verified: frozenset[str] = frozenset(),
    holds: tuple[Hold, ...] = (),
) -> dict[str, tuple[str, ...]]:
    found = verdicts(points, keep, repository="near", set="documents", now=NOW, verified=verified, holds=holds)
    return {verdict.point: verdict.reasons for verdict in found}


def test_every_rule_gives_its_reason() -> None:
    reasons = _judge(daily(40), Retention(last=2, daily=3, weekly=2, monthly=2, yearly=1, hourly=1, within=2 * DAY))
    assert reasons["P040"] == (
        "last 1 of 2",
        "hourly 2026-11-23 13:00",
        "daily 2026-11-23",
        "weekly 2026-W48",
        "monthly 2026-11",
        "yearly 2026",
        "within 2d",
        "newest complete",
    )
    assert reasons["P039"] == ("last 2 of 2", "daily 2026-11-22", "weekly 2026-W47", "within 2d")
    assert reasons["P017"] == ("monthly 2026-10",)
    assert sorted(name for name, kept in reasons.items() if kept) == ["P017", "P037", "P038", "P039", "P040"]


def test_buckets_are_utc_and_iso_weeks() -> None:
    east = datetime(2027, 1, 1, 1, 0, tzinfo=UTC) - timedelta(hours=2)
    reasons = verdicts(
        (point("A", east), point("B", datetime(2024, 2, 29, tzinfo=UTC))),
        Retention(daily=2, weekly=1),
        repository="near",
        set="documents",
        now=east,
    )
    assert reasons[0].reasons == ("daily 2026-12-31", "weekly 2026-W53", "newest complete")
    assert reasons[1].reasons == ("daily 2024-02-29",)


def _holding(name: str, age: timedelta, *workloads: str, **changes: object) -> RecoveryPoint:
    return point(name, NOW - age, data=tuple(DataSnapshot(f"{name}-{each}", "", each, name) for each in workloads), **changes)


def test_partial_points_follow_the_rules_among_themselves() -> None:
    partial = tuple(point(f"H{number}", NOW - number * DAY, complete=False) for number in range(1, 6))
    reasons = _judge((*partial, *daily(4)), Retention(last=2, daily=3))
    assert reasons["H1"] == ("last 1 of 2 among the partial", "daily 2026-11-22 among the partial")
    assert [name for name in reasons if reasons[name] and name.startswith("H")] == ["H1", "H2", "H3"]
    assert [name for name in reasons if reasons[name] and name.startswith("P")] == ["P004", "P003", "P002"]


def test_the_newest_that_holds_a_member_waits_for_a_newer_one_that_does() -> None:
    points = (
        _holding("complete", 1 * DAY, "a"),
        _holding("half", 2 * DAY, "a", complete=False),
        _holding("last-b", 3 * DAY, "a", "b", complete=False),
        _holding("old-b", 4 * DAY, "b", complete=False),
        _holding("gutted", 5 * DAY, "c", lacking=1),
        _holding("many", 6 * DAY, "c", "d", "e", "f", "g", complete=False),
    )
    reasons = _judge(points, Retention(yearly=0, last=0, within=timedelta(hours=1)))
    assert {name: kept for name, kept in reasons.items() if kept} == {
        "complete": ("within 1h", "newest complete"),
        "last-b": ("newest with b",),
        "gutted": ("newest with c",),
        "many": ("newest with d, e, f and 1 more",),
    }
    newer = _holding("again", timedelta(hours=3), "b", complete=False)
    assert _judge((newer, *points), Retention(last=0, within=timedelta(hours=1)))["last-b"] == ()
    ahead = _holding("ahead", -DAY, "b", complete=False)
    assert "newest with b" in _judge((ahead, *points), Retention(last=0, within=timedelta(hours=1)))["last-b"], "the future takes no place"


def test_verified_floor() -> None:
    verified = frozenset({"P001", "P004", "P006"})
    reasons = _judge(daily(9), Retention(last=1, verified=2), verified=verified)
    assert reasons["P006"] == ("verified floor 1 of 2",)
    assert reasons["P004"] == ("verified floor 2 of 2",)
    assert reasons["P001"] == ()


def test_the_future_stops_the_forget() -> None:
    reasons = _judge((*daily(4), point("ahead", NOW + timedelta(minutes=11))), Retention(last=1))
    assert reasons["ahead"] == ("dated in the future",)
    assert reasons["P004"][:2] == ("last 1 of 1", "newest complete")
    assert all("ahead is dated in the future" in kept[-1] for name, kept in reasons.items() if name != "ahead")
    near_enough = _judge((*daily(4), point("close", NOW + FUTURE_TOLERANCE)), Retention(last=1))
    assert near_enough["P004"] == ()


def test_holds() -> None:
    whole = Hold("H1", "documents", "me", "litigation", NOW - DAY)
    one = Hold("H2", "documents", "me", "golden", NOW - DAY, point="P002", until=NOW + DAY)
    other = Hold("H3", "other", "me", "elsewhere", NOW - DAY)
    ended = Hold("H4", "documents", "me", "over", NOW - 2 * DAY, point="P001", until=NOW - timedelta(hours=26))
    gone = Hold("H5", "documents", "me", "no such point", NOW - DAY, point="P999")
    reasons = _judge(daily(4), Retention(last=1), holds=(one, other, ended, gone))
    assert reasons["P002"] == ("hold H2: golden",)
    assert reasons["P001"] == ()
    assert all("hold H1: litigation" in kept for kept in _judge(daily(4), Retention(last=1), holds=(whole,)).values())
    release = Hold("H6", "documents", "me", "done", NOW, releases="H1")
    assert _judge(daily(4), Retention(last=1), holds=(whole, release))["P001"] == ()


def test_no_rule_keeps_everything_and_other_sets_are_not_judged() -> None:
    reasons = _judge((*daily(3), point("X", set="other")), Retention())
    assert sorted(reasons) == ["P001", "P002", "P003"]
    assert all("no rule to forget by" in kept for kept in reasons.values())


POINTS = st.lists(
    st.builds(
        lambda number, hours, complete, lacking, members: _holding(
            f"P{number:03d}", timedelta(hours=hours), *members, complete=complete, lacking=lacking
        ),
        st.integers(0, 60),
        st.integers(0, 24 * 500),
        st.booleans(),
        st.integers(0, 1),
        st.sets(st.sampled_from("abc")),
    ),
    max_size=40,
    unique_by=lambda one: one.point,
).map(tuple)
RULES = st.builds(
    Retention,
    last=st.integers(0, 4),
    hourly=st.integers(0, 4),
    daily=st.integers(0, 9),
    weekly=st.integers(0, 5),
    monthly=st.integers(0, 5),
    yearly=st.integers(0, 2),
    within=st.none() | st.integers(0, 90).map(lambda days: days * DAY),
    verified=st.integers(0, 3),
)
VERIFIED = st.frozensets(st.integers(0, 60).map(lambda number: f"P{number:03d}"))


def _forgotten(found: tuple[Verdict, ...]) -> set[str]:
    return {verdict.point for verdict in found if not verdict.reasons}


@given(POINTS, RULES, VERIFIED)
def test_laws_of_retention(points: tuple[RecoveryPoint, ...], keep: Retention, verified: frozenset[str]) -> None:
    found = verdicts(points, keep, repository="near", set="documents", now=NOW, verified=verified)
    assert sorted(verdict.point for verdict in found) == sorted(one.point for one in points)
    kept = {verdict.point for verdict in found} - _forgotten(found)
    complete = sorted((one for one in points if one.counts), key=lambda one: (one.instant, one.point), reverse=True)
    if complete:
        assert complete[0].point in kept
    good = [one.point for one in complete if one.point in verified]
    assert kept.issuperset(good[: keep.verified])
    assert {one.point for one in complete[: keep.last]} <= kept


@given(POINTS, RULES, VERIFIED)
def test_partial_points_take_nobodys_place_and_nobody_theirs(
    points: tuple[RecoveryPoint, ...], keep: Retention, verified: frozenset[str]
) -> None:
    def kept(given: tuple[RecoveryPoint, ...]) -> set[str]:
        found = verdicts(given, keep, repository="near", set="documents", now=NOW, verified=verified)
        return {verdict.point for verdict in found if verdict.reasons}

    sound = tuple(one for one in points if one.counts)
    partial = tuple(one for one in points if not one.counts)
    assert kept(points) & {one.point for one in sound} == kept(sound)
    by_rule = kept(tuple(replace(one, data=()) for one in partial))
    staying = kept(points)
    for one in partial:
        newer = {
            each.workload
            for other in points
            if other.point in staying and (other.instant, other.point) > (one.instant, one.point)
            for each in other.data
        }
        holds_the_newest = any(each.workload not in newer for each in one.data)
        assert (one.point in staying) is (one.point in by_rule or holds_the_newest)


@given(POINTS, RULES, VERIFIED)
def test_forgetting_is_done_once(points: tuple[RecoveryPoint, ...], keep: Retention, verified: frozenset[str]) -> None:
    first = verdicts(points, keep, repository="near", set="documents", now=NOW, verified=verified)
    left = tuple(one for one in points if one.point not in _forgotten(first))
    second = verdicts(left, keep, repository="near", set="documents", now=NOW, verified=verified)
    assert not _forgotten(second)
    assert second == tuple(verdict for verdict in first if verdict.reasons)


@given(POINTS, RULES, VERIFIED, st.randoms(use_true_random=False))
def test_order_of_the_listing_does_not_matter(
    points: tuple[RecoveryPoint, ...], keep: Retention, verified: frozenset[str], chance: object
) -> None:
    shuffled = list(points)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert verdicts(shuffled, keep, repository="near", set="documents", now=NOW, verified=verified) == verdicts(
        points, keep, repository="near", set="documents", now=NOW, verified=verified
    )
