"""A summary kept from an earlier look says at any later moment what the listings themselves would."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as some

from drtool.model.codec import canonical, decode
from drtool.model.evidence import Evidence
from drtool.model.hold import QUARANTINE, Hold
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Standing
from drtool.model.summary import Summary
from drtool.planning.cycle import reading_statuses
from drtool.planning.gone import gone_sets
from drtool.planning.reading import reading_status
from drtool.planning.status import assess, judge_sets
from drtool.planning.summary import summarise
from tests.planning.planning_values import BY, DAY, NOW, daily, evidence, inventory, listing, point, policy

STANDINGS = ["", "", "", Standing.STRANGER.value, Standing.ANOTHER_MACHINE.value, Standing.RETIRED.value]
POINTS = some.lists(
    some.tuples(
        some.integers(-200, 4000),  # minutes ago
        some.sampled_from(["documents", "documents", "gone"]),
        some.booleans(),
        some.integers(0, 1),
        some.sampled_from(STANDINGS),
        some.sampled_from(["nas", "laptop"]),
    ),
    max_size=9,
)
RECORDS = some.lists(
    some.tuples(
        some.integers(-60, 4000),
        some.sampled_from(["drill", "verify"]),
        some.sampled_from(["succeeded", "failed", "objective_missed", "data_wrong"]),
        some.sampled_from(["", "P1"]),
        some.booleans(),
        some.booleans(),
    ),
    max_size=6,
)
HOLDS = some.lists(some.tuples(some.integers(0, 99), some.booleans(), some.integers(0, 3), some.booleans()), max_size=4)


def _points(rows: list[tuple[int, str, bool, int, str, str]]) -> list[RecoveryPoint]:
    return [
        point(
            f"P{number}",
            NOW - timedelta(minutes=age, seconds=number),
            set=name,
            complete=complete,
            lacking=lacking,
            standing=standing,
            machine=machine,
            digest=f"{number:064x}",
            bytes=number << 21,
        )
        for number, (age, name, complete, lacking, standing, machine) in enumerate(rows)
    ]


def _records(rows: list[tuple[int, str, str, str, bool, bool]], repository: str) -> list[Evidence]:
    return [
        evidence(
            id=f"E{number}",
            subject=subject,
            outcome=outcome,
            point=about,
            ended=NOW - timedelta(minutes=age),
            repository=repository,
            counts=counts,
            retired=retired,
            signer="SHA256:x",
            tags_signer="SHA256:x",
        )
        for number, (age, subject, outcome, about, counts, retired) in enumerate(rows)
    ]


def _holds(rows: list[tuple[int, bool, int, bool]]) -> list[Hold]:
    found = []
    for number, (hours, forever, ends, counts) in enumerate(rows):
        until = None if forever else NOW + timedelta(hours=hours)
        body = Hold(f"H{number}", "documents", BY, "why: drtool points documents", NOW, until, kind=QUARANTINE, counts=counts)
        found.append(replace(body, releases=f"H{ends}") if ends < number else body)
    return found


def _kept(summary: Summary) -> Summary:
    return decode(Summary, json.loads(canonical(summary)))


@example([], [], [], [(0, False, 0, False), (1, False, 1, True), (0, False, 1, False)], 60)  # no stranger's word ends it, its date does
@given(POINTS, POINTS, RECORDS, HOLDS, some.integers(0, 6000))
def test_it_tells_at_any_later_moment_what_the_listings_tell(
    near: list[tuple[int, str, bool, int, str, str]],
    far: list[tuple[int, str, bool, int, str, str]],
    records: list[tuple[int, str, str, str, bool, bool]],
    holds: list[tuple[int, bool, int, bool]],
    minutes: int,
) -> None:
    listings = {
        "near": listing("near", _points(near), evidence=tuple(_records(records, "near")), holds=tuple(_holds(holds))),
        "offsite": listing("offsite", _points(far), evidence=tuple(_records(records[:2], "offsite"))),
    }
    of, later = policy(), NOW + timedelta(minutes=minutes)
    known = _kept(summarise(of, listings, now=NOW))
    if known.until is not None and later >= known.until:
        later = known.until - timedelta(seconds=1)
    assert judge_sets(of, known, now=later) == assess(of, inventory(*listings.values()), now=later)
    assert known.gone == gone_sets(of, listings)
    assert reading_statuses(of, known.readings, now=later) == reading_status(of, listings, now=later)
    assert _untimed(known) == _untimed(_kept(summarise(of, listings, now=later)))


def _untimed(summary: Summary) -> Summary:
    return replace(
        summary, taken=NOW, until=None, told={}, sets={name: replace(each, quarantines=()) for name, each in summary.sets.items()}
    )


def test_what_is_dated_later_comes_within_sight() -> None:
    def until(*instants: datetime) -> datetime | None:
        return summarise(policy(), {"near": listing("near", [point(f"P{each}", each) for each in instants])}, now=NOW).until

    assert until(NOW - DAY) is None
    assert until(NOW - DAY, NOW + DAY) == NOW + DAY - timedelta(minutes=10), "from then on it is believed"
    assert until(NOW + timedelta(minutes=5)) == NOW + timedelta(minutes=5)


def test_of_an_empty_repository_nothing_is_kept_that_tells_of_now() -> None:
    prunes = {name: replace(each, prune="0 5 * * *") for name, each in policy().repositories.items()}
    of = policy(repositories=prunes)
    assert not summarise(of, {"near": listing("near")}, now=NOW).lasts
    assert summarise(of, {"near": listing("near", daily(1)), "offsite": listing("offsite", daily(1))}, now=NOW).lasts


def _many(count: int) -> dict[str, Listing]:
    strangers = [replace(each, standing=Standing.STRANGER.value, point=f"X{each.point}") for each in daily(count)]
    drills = tuple(
        evidence(id=f"E{number}", point=f"P{number}", ended=NOW - number * DAY, number=number, repository="near") for number in range(count)
    )
    pins = tuple(
        hold
        for number in range(count)
        for hold in (
            Hold(f"H{number}", "documents", BY, "a restore", NOW - DAY, NOW + DAY, kind="restore"),
            Hold(f"R{number}", "documents", BY, "a restore", NOW - DAY, NOW + DAY, kind="restore", releases=f"H{number}"),
        )
    )
    return {"near": listing("near", [*daily(count), *strangers], evidence=drills, holds=pins)}


def test_it_is_of_one_size_however_many_points_drills_and_holds_there_are() -> None:
    few, many = (len(canonical(summarise(policy(), _many(count), now=NOW))) for count in (10, 3000))
    assert abs(many - few) < 100, "only numbers grew"
