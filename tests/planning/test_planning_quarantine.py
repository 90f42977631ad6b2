"""A point that looks wrong pushes nothing out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.model.hold import QUARANTINE, Hold, active_holds
from drtool.model.looked import Looked, looked_at
from drtool.model.plan import Forget, Guard
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Quarantine, Retention, usual_quarantine
from drtool.model.quarantine import reasons_to_stop
from drtool.planning.backup import plan_run
from drtool.planning.due import slots
from drtool.planning.quarantine import explained
from drtool.planning.retention import verdicts
from drtool.planning.status import assess
from tests.planning.planning_values import BY, DAY, NOW, backup_set, daily, every_wait_is_known, inventory, listing, point, policy

OFF = Quarantine(None, None, None)
USUAL = daily(5, newest=NOW - DAY, files=100, bytes=1000)


def kinds(*points: RecoveryPoint, rules: Quarantine | None = None, newest: str = "NEW", **changes: object) -> list[str]:
    stops = reasons_to_stop(points, rules or Quarantine(), point=newest, now=NOW, **changes)  # type: ignore[arg-type]
    return [stop.kind for stop in stops]


@pytest.mark.parametrize(
    ("files", "size", "expected"),
    [(100, 1000, []), (50, 500, []), (49, 1000, ["cliff"]), (100, 499, ["cliff"]), (0, 0, ["cliff"]), (100_000, 10**9, [])],
)
def test_a_new_point_is_compared_with_the_usual(files: int, size: int, expected: list[str]) -> None:
    assert kinds(*USUAL, point("NEW", files=files, bytes=size)) == expected


def test_the_words_say_what_to_look_at() -> None:
    (stop,) = reasons_to_stop((*USUAL, point("NEW", files=1, bytes=1)), Quarantine(), point="NEW", now=NOW)
    assert stop.words == "1 files where 100 were usual and 1 bytes where 1000 were usual: drtool diff P005 NEW"
    old = point("0" * 26, NOW - DAY, files=10**9, bytes=10**15)
    (stop,) = reasons_to_stop((old, point("9" * 26, files=1, bytes=10**14)), Quarantine(), point="9" * 26, now=NOW)
    assert len(stop.words) <= 200, "a tag keeps 200 characters of a reason"


def test_partial_points_and_one_bad_day_do_not_make_the_usual() -> None:
    partial = daily(3, newest=NOW - timedelta(hours=2), complete=False, files=1, bytes=1)
    assert kinds(*USUAL, *partial, point("NEW", files=90, bytes=900)) == []
    assert kinds(*USUAL, point("NEW", files=1, bytes=1, complete=False)) == []
    assert kinds(point("NEW", files=1, bytes=1)) == []
    once = point("ODD", NOW - timedelta(hours=3), files=1000, bytes=10_000)
    assert kinds(*USUAL, once, point("NEW", files=90, bytes=900)) == []


def test_growth_only_when_asked_for() -> None:
    grown = (*USUAL, point("NEW", files=301, bytes=3001))
    assert kinds(*grown) == []
    assert kinds(*grown, rules=Quarantine(grows_above=3.0)) == ["growth"]
    assert kinds(*grown, rules=replace(OFF, grows_above=3.1)) == []


def burst(count: int) -> list[RecoveryPoint]:
    return [point(f"B{number:03d}", NOW - timedelta(minutes=number), files=100, bytes=1000) for number in range(count)]


def test_a_burst_is_what_neither_schedule_nor_history_explain() -> None:
    assert kinds(*burst(50), newest="B000") == []
    assert kinds(*burst(51), newest="B000") == ["burst"]
    assert kinds(*burst(51), newest="B000", rules=OFF) == []
    earlier = [point(f"E{number:03d}", NOW - DAY - timedelta(minutes=number), files=100, bytes=1000) for number in range(40)]
    assert kinds(*burst(80), *earlier, newest="B000") == []
    assert kinds(*burst(81), *earlier, newest="B000") == ["burst"]
    assert explained(backup_set(schedule="*/10 * * * *"), now=NOW).points_per_day == 288
    assert explained(backup_set(schedule="@daily"), now=NOW).points_per_day == 50
    assert explained(backup_set(schedule="*/10 * * * *", quarantine=OFF), now=NOW) == OFF


def test_twenty_points_of_a_daily_set_in_one_day_are_told() -> None:
    usual = usual_quarantine("@daily")
    for schedule in ("@daily", "0 3 * * *", "0 3 * * 0", "@monthly"):
        rules = explained(backup_set(schedule=schedule, quarantine=usual), now=NOW)
        assert kinds(*burst(20), newest="B000", rules=rules) == ["burst"]
        assert kinds(*burst(12), newest="B000", rules=rules) == []
    hourly = explained(backup_set(schedule="@hourly", quarantine=usual), now=NOW)
    assert kinds(*burst(48), newest="B000", rules=hourly) == []
    assert kinds(*burst(49), newest="B000", rules=hourly) == ["burst"]
    earlier = [point(f"E{number:03d}", NOW - DAY - timedelta(minutes=number), files=100, bytes=1000) for number in range(24)]
    assert kinds(*burst(48), *earlier, newest="B000", rules=usual) == [], "what other days were like explains it"


MONDAYS = "*/10 * * * 1"
LATE = datetime.fromisoformat("2026-11-23T23:50:00+00:00")


def on_schedule(schedule: str, now: datetime) -> list[RecoveryPoint]:
    """Return the points of a set that began a day ago and was never late."""
    times = [slot for slot in slots(schedule, start=now - DAY, count=24 * 60) if slot <= now]
    return [point(f"S{number:04d}", at, files=100, bytes=1000) for number, at in enumerate(times)]


def test_a_burst_is_measured_against_the_day_in_which_it_was_made() -> None:
    rules = explained(backup_set(schedule=MONDAYS), now=LATE)
    made = on_schedule(MONDAYS, LATE)
    assert len(made) == 144
    assert rules.points_per_day == 288
    assert reasons_to_stop(made, rules, point=made[-1].point, now=LATE) == ()


def test_what_tomorrow_asks_for_explains_no_points_of_today() -> None:
    assert explained(backup_set(schedule=MONDAYS), now=LATE - DAY).points_per_day == 50


@settings(deadline=None, max_examples=40)
@given(
    every=st.integers(5, 59),
    hours=st.tuples(st.integers(0, 23), st.integers(0, 23)).map(sorted),
    day=st.sampled_from(["*", "1", "1-5", "0,6"]),
    minute=st.integers(0, 10 * 24 * 60),
)
def test_a_set_that_keeps_its_schedule_never_bursts(every: int, hours: list[int], day: str, minute: int) -> None:
    schedule = f"*/{every} {hours[0]}-{hours[1]} * * {day}"
    now = NOW + timedelta(minutes=minute)
    rules = explained(backup_set(schedule=schedule), now=now)
    assert reasons_to_stop(on_schedule(schedule, now), rules, point="", now=now) == ()


def test_the_future_stops_it_always() -> None:
    assert kinds(*USUAL, point("NEW", files=100, bytes=1000), point("AHEAD", NOW + DAY), rules=OFF) == ["future"]
    assert kinds(*USUAL, point("NEW", files=100, bytes=1000), point("SOON", NOW + timedelta(minutes=5), files=100, bytes=1000)) == []


def test_what_was_looked_at_is_the_new_measure() -> None:
    small = point("SMALL", NOW - timedelta(hours=2), files=10, bytes=100)
    looked = Looked(NOW - timedelta(hours=1))
    new = point("NEW", files=11, bytes=110)
    assert kinds(*USUAL, small, new) == ["cliff"]
    assert kinds(*USUAL, small, new, looked=looked) == []
    assert kinds(*USUAL, small, point("NEW", files=4, bytes=110), looked=looked) == ["cliff"]
    assert kinds(*USUAL, small, newest="SMALL", looked=looked) == []
    assert kinds(*burst(51), newest="B000", looked=Looked(NOW - timedelta(minutes=30))) == []


def test_a_run_guards_every_set_unless_it_is_turned_off() -> None:
    points = daily(9, newest=NOW - DAY)
    seen = inventory(listing("near", points), listing("offsite", points))
    plan = plan_run(policy(), seen, sets=("documents",), now=NOW, run="R", points={"documents": "NEW"})
    every_wait_is_known(plan)
    (guard,) = [step for step in plan.steps if isinstance(step.action, Guard)]
    assert guard.needs == ("documents/seal",)
    assert isinstance(guard.action, Guard)
    assert guard.action.copies == ("offsite",)
    forgets = {step.id: step for step in plan.steps if isinstance(step.action, Forget)}
    assert guard.id in (*forgets["documents/forget/near"].after, *forgets["documents/forget/near"].needs)
    assert all(isinstance(step.action, Forget) and step.action.rules == Quarantine() for step in forgets.values())
    off = plan_run(policy(backup_set(quarantine=OFF)), seen, sets=("documents",), now=NOW, run="R", points={"documents": "NEW"})
    assert not any(isinstance(step.action, Guard) for step in off.steps)


def test_status_tells_what_to_type() -> None:
    hold = Hold("H1", "documents", BY, "1 files where 100 were usual: drtool diff A B", NOW - DAY, kind=QUARANTINE)
    seen = inventory(listing("near", USUAL, holds=(hold,)), listing("offsite", USUAL, holds=(hold,)))
    (status,) = assess(policy(), seen, now=NOW)
    assert [text for text in status.attention if "until you have looked" in text] == [
        "nothing of documents is forgotten until you have looked: 1 files where 100 were usual; if all is well: drtool hold release H1"
    ]
    assert status.next == "drtool diff A B"
    pin = replace(hold, kind="")
    (status,) = assess(policy(), inventory(listing("near", USUAL, holds=(pin,)), listing("offsite", USUAL)), now=NOW)
    assert not any("looked" in text for text in status.attention)


SIZES = st.lists(st.tuples(st.sampled_from(["good", "empty", "look"]), st.integers(1, 20)), max_size=40)


@given(days=SIZES, last=st.integers(1, 4))
def test_a_good_copy_outlives_any_number_of_empty_ones(days: list[tuple[str, int]], last: int) -> None:
    """A little machine: each day makes a point, guards, and forgets by `keep: {last: …}` as the engine does; a person may look."""
    now = NOW
    kept = [point("GOOD", now, files=1000, bytes=1000)]
    holds: tuple[Hold, ...] = ()
    accepted = False
    for number, (what, extra) in enumerate(days):
        now += DAY
        if what == "look":
            standing = [hold for hold in active_holds(holds, now) if hold.kind == QUARANTINE]
            holds += tuple(replace(hold, id=f"R{number}", releases=hold.id, created=now) for hold in standing)
            accepted = accepted or bool(standing)
            continue
        count = 1000 + extra if what == "good" else extra
        new = point(f"P{number:03d}", now, files=count, bytes=count)
        kept.append(new)
        stops = reasons_to_stop(kept, Quarantine(), point=new.point, now=now, looked=looked_at(holds, "documents", now=now))
        if stops and not any(hold.kind == QUARANTINE for hold in active_holds(holds, now)):
            holds += (Hold(f"H{number}", "documents", BY, stops[0].words, now, kind=QUARANTINE),)
        before = set(kept)
        judged = verdicts(kept, Retention(last=last), repository="near", set="documents", now=now, holds=holds)
        lost = {verdict.point for verdict in judged if not verdict.reasons}
        if not stops:
            kept = [each for each in kept if each.point not in lost]
        if any(hold.kind == QUARANTINE for hold in active_holds(holds, now)):
            assert set(kept) == before, "nothing goes while it is quarantined"
        if not accepted:
            assert any(each.files >= 1000 for each in kept), "a good copy is always there until somebody said the empty ones are right"


def test_a_chain_that_begins_anew_is_no_cliff_of_the_set() -> None:
    """Its files are its streams; how its members changed is compared with their manifests."""
    chain = [replace(each, artifacts=3, members=1) for each in USUAL]
    assert kinds(*USUAL, point("NEW", files=1, bytes=10)) == ["cliff"]
    assert kinds(*chain, replace(point("NEW", files=1, bytes=10), artifacts=1, members=1)) == []
