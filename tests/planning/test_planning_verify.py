"""Every byte within a cycle, a slice at a time, and what may be said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.evidence import Evidence, Reading
from drtool.model.inventory import Listing
from drtool.model.plan import Verify
from drtool.model.policy import VerifyPolicy
from drtool.model.reading import pack_text, packs_of, still_read
from drtool.planning.evidence import verified_points
from drtool.planning.maintenance import with_maintenance
from drtool.planning.reading import next_slice, reading_status, slices_of
from drtool.planning.verify import plan_due_verify
from tests.planning.planning_values import DAY, NOW, daily, evidence, inventory, listing, policy, repository

DAILY = VerifyPolicy("0 6 * * *", timedelta(days=30))


def read(number: int, done: tuple[int, ...], *, slices: int = 3, cycle: datetime = NOW - 3 * DAY, **changes: object) -> Evidence:
    at = cycle + (number - 1) * DAY
    body = {
        "id": f"V{number}",
        "subject": "verify",
        "set": "",
        "point": "",
        "started": at,
        "ended": at + timedelta(hours=1),
        "reading": Reading(number, slices, cycle, done),
    }
    return evidence(**{**body, **changes})


@pytest.mark.parametrize(
    ("schedule", "days", "slices"),
    [("0 6 * * *", 30, 30), ("@hourly", 30, 256), ("0 6 1 * *", 30, 1), ("0 6 * * 0", 28, 4), ("0 6 * * *", None, 1)],
)
def test_how_many_slices(schedule: str, days: int | None, slices: int) -> None:
    assert slices_of(VerifyPolicy(schedule, timedelta(days=days) if days else None)) == slices


def test_the_next_slice_is_the_lowest_that_is_not_done() -> None:
    cycle = NOW - 3 * DAY
    assert next_slice(None, slices=3) == (1, None)
    assert next_slice(listing("near", evidence=(read(1, (1,)),)), slices=3) == (2, cycle)
    assert next_slice(listing("near", evidence=(read(1, (1,)), read(2, (2,)))), slices=3) == (1, cycle), "data of slice 1 moved"
    failed = read(2, (1,), outcome="data_wrong")
    assert next_slice(listing("near", evidence=(read(1, (1,)), failed)), slices=3) == (2, cycle)
    assert next_slice(listing("near", evidence=(read(3, (1, 2, 3)),)), slices=3) == (1, None), "a new cycle"
    assert next_slice(listing("near", evidence=(read(1, (1,)),)), slices=4) == (1, None), "the policy cuts otherwise now"
    ahead = read(1, (1, 2, 3), ended=NOW + DAY)
    assert next_slice(listing("near", evidence=(ahead, read(2, (2,)))), slices=3) == (1, cycle), "no reading has ended tomorrow"
    elsewhere = read(1, (1,), repository="offsite")
    assert next_slice(listing("near", evidence=(elsewhere,)), slices=3) == (1, None)


def test_only_a_complete_cycle_verifies_and_only_what_was_sealed_before_it() -> None:
    points = daily(6, newest=NOW - DAY)  # sealed 6, 5, … 1 days ago
    cycle = (read(1, (1,)), read(2, (1, 2)))
    assert verified_points(listing("near", points, evidence=cycle)) == frozenset()
    whole = (*cycle, read(3, (1, 2, 3)))
    assert verified_points(listing("near", points, evidence=whole)) == {"P001", "P002", "P003"}
    assert verified_points(listing("near", points, evidence=(*cycle, read(3, (1, 2, 3), outcome="data_wrong")))) == frozenset()
    one = evidence(subject="verify", point="P006", started=NOW)
    assert verified_points(listing("near", points, evidence=(one,))) == {"P006"}, "a point that was read alone stands alone"
    assert verified_points(listing("near", points, evidence=(replace(one, outcome="data_wrong"),))) == frozenset()


def test_what_is_due_is_the_next_slice() -> None:
    near, offsite = replace(repository("near"), verify=DAILY), replace(repository("offsite"), verify=VerifyPolicy("0 6 * * *"))
    of = policy(repositories={"near": near, "offsite": offsite})
    begun = read(1, (1,), slices=30, cycle=NOW - DAY)
    seen = inventory(listing("near", evidence=(begun,)), listing("offsite"))
    plan = plan_due_verify(of, seen.repositories, repositories=("near", "offsite"), now=NOW, run="R")
    assert [step.action for step in plan.steps] == [Verify("near", 2, 30, NOW - DAY), Verify("offsite")]
    empty = replace(plan, steps=())
    due = with_maintenance(of, seen, empty, prunes=(), readings=("near", "offsite"))
    assert [step.action for step in due.steps] == [Verify("near", 2, 30, NOW - DAY), Verify("offsite")]


def test_status_tells_how_far_and_how_old() -> None:
    near = replace(repository("near"), verify=VerifyPolicy("0 6 * * *", 3 * DAY))
    of = policy(repositories={"near": near, "offsite": repository("offsite")})

    def told(*records: Evidence, now: datetime = NOW) -> list[tuple[int, int, float | None, bool]]:
        listings: dict[str, Listing] = {"near": listing("near", evidence=records)}
        return [(each.done, each.slices, each.oldest_seconds, each.late) for each in reading_status(of, listings, now=now)]

    assert told() == []
    assert told(read(1, (1,))) == [(1, 3, None, False)]
    older = [read(number, tuple(range(1, number + 1)), cycle=NOW - 6 * DAY) for number in (1, 2, 3)]
    assert told(*older, read(1, (1,))) == [(1, 3, (5 * DAY).total_seconds(), False)]
    assert told(*older, read(1, (1,)), now=NOW + DAY) == [(1, 3, (6 * DAY).total_seconds(), True)]
    assert told(*older) == [(3, 3, (6 * DAY).total_seconds(), False)]


def test_a_name_that_came_after_something_went_is_read_again() -> None:
    before = (frozenset({"a1"}), frozenset({"b1"}), frozenset({"c1"}))
    assert still_read((1, 2), before=before, now=before) == (1, 2)
    grown = (frozenset({"a1", "a2"}), *before[1:])
    assert still_read((1, 2), before=before, now=grown) == (1, 2), "a backup added it: later points"
    moved: tuple[frozenset[str], ...] = (frozenset({"a1", "a2"}), frozenset(), frozenset({"c1"}))
    assert still_read((1, 2), before=before, now=moved) == (2,), "b1 may have become a2"
    assert still_read((1, 2), before=before[:2], now=before) == ()


NAMES = st.integers(0, 2**40)
STEP = st.one_of(
    st.tuples(st.just("backup"), st.integers(0, 5)),
    st.tuples(st.just("prune"), st.integers(0, 7)),
    st.tuples(st.just("read"), st.integers(0, 3)),
)


@given(steps=st.lists(STEP, max_size=40), first=st.integers(1, 8))
def test_no_byte_of_before_the_cycle_escapes_a_complete_one(steps: list[tuple[str, int]], first: int) -> None:
    """A little store: a pack has an origin (old or new data) and is renamed when prune moves it; a slice is a name modulo four."""
    slices, counter = 4, first
    packs: dict[int, bool] = dict.fromkeys(range(first), True)  # name → holds data of before the cycle
    seen: set[int] = set()

    def by_slice() -> tuple[frozenset[str], ...]:
        return tuple(frozenset(f"{name:08x}" for name in packs if name % slices == number) for number in range(slices))

    done: tuple[int, ...] = ()
    before = by_slice()
    for what, number in steps:
        if what == "backup":
            for _new in range(number):
                packs[counter] = False
                counter += 1
        elif what == "prune" and packs:
            name = sorted(packs)[number % len(packs)]
            packs[counter] = packs.pop(name)
            counter += 1
        elif what == "read":
            now = by_slice()
            done = tuple(sorted({*still_read(done, before=packs_of(pack_text(before)), now=now), number + 1}))
            seen |= {name for name in packs if name % slices == number}
            before = now
            if len(done) == slices:
                assert {name for name, old in packs.items() if old} <= seen
                return
