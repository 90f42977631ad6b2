"""What a machine misses in a repository, and what it does not: others write and forget there too."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as values

from drtool.model.codec import canonical, decode
from drtool.model.damage import Damage
from drtool.model.evidence import Reading
from drtool.model.inventory import Listing
from drtool.model.memory import Memory
from drtool.model.point import RecoveryPoint
from drtool.planning import memory as decide
from drtool.planning.evidence import damage, verified_points
from drtool.planning.memory import MOST_HEADS, MOST_IN_ALL, MOST_MISSING, MOST_POINTS, remember, spell_vanished
from tests.planning.planning_values import BY, DAY, NOW, daily, evidence, listing, point

EMPTY = Memory("near")
HOUR = timedelta(hours=1)


def days(count: int, **changes: Any) -> tuple[RecoveryPoint, ...]:  # noqa: ANN401
    """Points of as many days, the oldest first."""
    return daily(count, **changes)[::-1]


def seen(memory: Memory, found: Listing) -> Memory:
    """A listing during which nobody else wrote anything down."""
    return remember(memory, memory, found, by=BY)


def missing(memory: Memory) -> list[str]:
    return [each.name for each in memory.vanished if each.kind == "point"]


def signed(number: int, digest: str = "", signer: str = "SHA256:one") -> dict[str, object]:
    return {"id": f"E{signer}{number}", "signer": signer, "number": number, "digest": digest or f"d{number}"}


def test_what_this_machine_wrote_is_missed_wherever_it_stood() -> None:
    points = days(4)
    memory = decide.sealed(EMPTY, points)
    for gone in points:
        left = seen(memory, listing("near", (each for each in points if each != gone)))
        assert missing(left) == [gone.point]
        assert missing(seen(left, listing("near", ()))) == [each.point for each in points]
        assert missing(seen(left, listing("near", points))) == [], "it is there again"


def test_what_this_machine_forgets_is_not_missed_at_any_instant_of_the_forgetting() -> None:
    points = days(3)
    memory = seen(decide.sealed(EMPTY, points), listing("near", points))
    before, left = memory, listing("near", points[1:])
    promised = decide.given_up(memory, (points[0].point,), there=[each.point for each in points])
    assert missing(remember(before, promised, left, by=BY)) == [], "a listing that began before it was written down"
    assert missing(seen(promised, left)) == [], "killed once it was gone, before that was written down"
    assert missing(remember(before, decide.forgotten(promised, (points[0].point,)), left, by=BY)) == []
    again = decide.given_up(promised, (points[1].point,), there=[each.point for each in points])
    kept = {each.point: each.given_up for each in again.points}
    assert kept == {"P001": False, "P002": True, "P003": False}, "a forgetting that failed holds for its own points only"


def test_where_a_trusted_side_forgets_only_the_newest_of_a_set_is_missed() -> None:
    points = days(4)
    memory = decide.sealed(EMPTY, points)
    for gone in points:
        found = remember(memory, memory, listing("near", (each for each in points if each != gone)), by=BY, others_forget=True)
        assert missing(found) == ([gone.point] if gone == points[-1] else [])


def test_what_is_written_while_a_listing_is_taken_is_not_missed() -> None:
    before = decide.sealed(EMPTY, days(2))
    known = decide.sealed(before, [point("NEW")])
    assert missing(remember(before, known, listing("near", days(2)), by=BY)) == []
    assert missing(seen(known, listing("near", days(2)))) == ["NEW"]


def test_others_forget_what_is_theirs_and_nobody_forgets_the_newest() -> None:
    points = days(3)
    memory = seen(EMPTY, listing("near", points))
    assert missing(memory) == [], "what is learned is not told"
    newer = point("NEW")
    assert missing(seen(memory, listing("near", (points[2], newer)))) == [], "another machine's retention"
    assert missing(seen(memory, listing("near", points[:2]))) == ["P003"], "an older state of the repository"
    back = seen(seen(memory, listing("near", points[:2])), listing("near", (*points[:2], newer)))
    assert missing(back) == ["P003"], "a later run does not make it good"
    assert missing(seen(memory, listing("near", ()))) == ["P001", "P002", "P003"]
    ahead = point("AHEAD", NOW + DAY)
    assert missing(seen(seen(EMPTY, listing("near", (ahead,))), listing("near", ()))) == [], "a date in the future is nobody's newest"
    other = replace(points[2], by="somebody else")
    assert missing(seen(seen(EMPTY, listing("near", (other,))), listing("near", ()))) == []


def test_a_manifest_in_place_of_another_is_missed() -> None:
    (known,) = days(1)
    memory = decide.sealed(EMPTY, (known,))
    assert missing(seen(memory, listing("near", (replace(known, digest="e" * 64),)))) == [known.point]


def test_what_is_remembered_is_bounded_and_no_flood_pushes_out_what_is_ours() -> None:
    ours = days(3, newest=NOW - 300 * DAY)
    memory = decide.sealed(EMPTY, ours)
    flood = [point(f"F{number:05d}", NOW - number * HOUR) for number in range(200)]
    memory = seen(memory, listing("near", (*ours, *flood)))
    assert len(memory.points) == len(ours) + MOST_POINTS
    assert missing(seen(memory, listing("near", flood))) == [each.point for each in ours]
    many = [point(f"S{number:05d}", set=f"set{number}") for number in range(MOST_IN_ALL + 10)]
    assert len(seen(EMPTY, listing("near", many)).points) == MOST_IN_ALL
    for number in range(MOST_MISSING):
        memory = seen(decide.sealed(memory, [point(f"L{number:03d}", NOW - HOUR + number * timedelta(seconds=1))]), listing("near", ()))
        memory = seen(decide.sealed(memory, [point(f"M{number:03d}", NOW + number * timedelta(seconds=1))]), listing("near", ()))
    assert len(missing(memory)) == MOST_MISSING
    heads = [evidence(**signed(1, signer=f"SHA256:{number:04d}")) for number in range(MOST_HEADS * 2)]
    memory = seen(
        seen(EMPTY, listing("near", evidence=(evidence(**signed(3)),))), listing("near", evidence=(evidence(**signed(3)), *heads))
    )
    assert len(memory.heads) == MOST_HEADS
    assert memory.heads[0].signer == "SHA256:one"
    assert decode(Memory, json.loads(canonical(memory))) == memory


def test_evidence_that_is_cut_off_or_exchanged_is_missed() -> None:
    chain = [evidence(**signed(number)) for number in (1, 2, 3)]
    memory = seen(EMPTY, listing("near", evidence=chain))
    assert memory.vanished == ()
    for left in (chain[:2], (), (*chain[:2], evidence(**signed(3, "other")))):
        (lost,) = seen(memory, listing("near", evidence=left)).vanished
        assert (lost.kind, lost.name, lost.before) == ("evidence", "SHA256:one", "3")
    grown = seen(seen(memory, listing("near", evidence=chain[:2])), listing("near", evidence=(*chain, evidence(**signed(4)))))
    assert grown.vanished == ()
    unsigned = evidence()
    assert seen(seen(EMPTY, listing("near", evidence=(unsigned,))), listing("near")).vanished == ()


def test_another_repository_at_the_address_is_told_by_its_id() -> None:
    memory = decide.identified(EMPTY, "a" * 64, at=NOW)
    assert memory.vanished == ()
    (lost,) = decide.identified(memory, "b" * 64, at=NOW).vanished
    assert (lost.kind, lost.name, lost.before) == ("repository", "b" * 64, "a" * 64)
    (words,) = spell_vanished("near", (lost,), set="documents")
    assert words == "another repository stands at the address of near: its id is bbbbbbbb, it was aaaaaaaa"
    assert decide.identified(decide.identified(memory, "b" * 64, at=NOW), "a" * 64, at=NOW).vanished == ()


def test_an_accepted_repository_is_compared_with_what_it_was_then() -> None:
    points = days(4)
    memory = decide.damaged(decide.sealed(decide.identified(EMPTY, "a", at=NOW), points), Damage(NOW, "a pack is gone"))
    lost = decide.identified(seen(memory, listing("near", points[:2])), "b", at=NOW)
    taken = decide.accepted(lost, listing("near", points[:2]), by=BY, identity="b")
    assert taken.vanished == ()
    assert taken.identity == "b"
    assert taken.damage == memory.damage, "that a person knows of it heals nothing"
    assert taken.accepted[-1].given_up == ("repository b", "point P003", "point P004")
    assert missing(seen(taken, listing("near", points[1:2]))) == ["P001"], "what is ours stays ours"


def test_words_name_the_set_the_number_and_the_newest() -> None:
    points = days(3)
    lost = seen(decide.sealed(EMPTY, points), listing("near", points[:1])).vanished
    assert spell_vanished("near", lost, set="documents") == (
        "near went back in time: 2 points of documents are gone that drtool did not forget (the newest P003 of 2026-11-23 13:00 UTC)",
    )
    assert spell_vanished("near", lost, set="photos") == ()
    assert len(spell_vanished("near", lost)) == 1


@settings(max_examples=300, deadline=None)
@given(
    steps=values.lists(values.sampled_from(["seal", "forget", "die", "list", "begin", "other"]), max_size=30),
    lost=values.integers(min_value=1, max_value=3),
)
def test_honest_repositories_are_never_suspected_and_lost_points_always(steps: list[str], lost: int) -> None:
    there: list[RecoveryPoint] = []
    memory, before = EMPTY, EMPTY
    for number, step in enumerate(steps):
        if step in ("seal", "other"):
            fresh = point(f"P{number:03d}", NOW - DAY + number * HOUR / 10)
            there.append(fresh)
            memory = decide.sealed(memory, [fresh]) if step == "seal" else memory
        elif step in ("forget", "die") and len(there) > 1:
            gone = there.pop(0)
            memory = decide.given_up(memory, (gone.point,), there=(each.point for each in there))
            memory = decide.forgotten(memory, (gone.point,)) if step == "forget" else memory
        elif step == "begin":
            before = memory
        else:
            memory = remember(before, memory, listing("near", there), by=BY)
            before = memory
        assert memory.vanished == ()
    memory = seen(memory, listing("near", there))
    assert memory.vanished == ()
    left = there[:-lost]
    if len(left) < len(there) <= MOST_POINTS:
        assert missing(seen(memory, listing("near", left))) == [each.point for each in there[-lost:]]


def test_damage_that_a_step_saw_stands_until_it_was_read_well() -> None:
    noted = Damage(NOW - DAY, "a pack is gone")
    read = evidence(id="E1", subject="verify", point="", set="", started=NOW - HOUR, ended=NOW)
    sliced = replace(read, reading=Reading(3, 3, NOW - 2 * DAY, (1, 2, 3)))
    whole = replace(read, reading=Reading(3, 3, NOW - HOUR, (1, 2, 3)))
    drilled = evidence(id="E2", point="P002", ended=NOW)
    of_point = replace(read, id="E3", point="P002", set="documents")

    def found(note: Damage, *records: object, **changes: Any) -> Damage | None:  # noqa: ANN401
        return damage(listing("near", days(3), evidence=records, damage=(replace(note, **changes),)))

    assert found(noted) == noted
    assert found(noted, read) is None
    assert found(noted, whole) is None
    assert found(noted, sliced) == noted, "its first slices were read before the damage was seen"
    assert found(noted, sliced, sliced=True) is None
    assert found(noted, replace(whole, reading=Reading(2, 3, NOW - HOUR, (1, 2)))) == noted
    assert found(noted, drilled, of_point) == noted, "one point is not the repository"
    assert found(noted, drilled, point="P002") is None
    assert found(noted, of_point, point="P002") is None
    assert found(noted, drilled, point="P003") is not None
    assert found(noted, replace(drilled, outcome="failed"), point="P002") is not None
    assert found(noted, replace(drilled, ended=NOW - 2 * DAY), point="P002") is not None


def test_a_red_reading_of_one_point_is_damage_and_takes_back_that_point_only() -> None:
    read = evidence(id="E1", subject="verify", point="", set="", started=NOW - HOUR, ended=NOW - HOUR)
    red = evidence(id="E2", subject="verify", point="P002", outcome="data_wrong", ended=NOW)
    near = listing("near", days(3, newest=NOW - 2 * HOUR), evidence=(read, red))
    found = damage(near)
    assert found is not None
    assert found.point == "P002"
    assert verified_points(near) == {"P001", "P003"}
    again = replace(red, id="E3", outcome="succeeded", ended=NOW + timedelta(minutes=1))
    assert damage(replace(near, evidence=(read, red, again))) is None
    noted = replace(near, evidence=(read,), damage=(Damage(NOW, "x", "documents", "P002"),))
    assert verified_points(noted) == {"P001", "P003"}
    assert verified_points(replace(noted, damage=(Damage(NOW, "x"),))) == frozenset()


def test_the_same_damage_is_written_down_once_and_taken_back_by_a_reading() -> None:
    memory = EMPTY
    for number in range(40):
        memory = decide.damaged(memory, Damage(NOW + number * HOUR, "x" * 1000, "documents", f"P{number % 20}"))
    assert len(memory.damage) == decide.MOST_DAMAGE
    assert all(len(each.what) < 1000 for each in memory.damage)
    memory = decide.damaged(decide.damaged(EMPTY, Damage(NOW, "x", point="P1")), Damage(NOW, "y"))
    assert decide.read_well(memory, since=NOW - HOUR).damage == memory.damage, "it was seen while it was read"
    assert [each.point for each in decide.read_well(memory, since=NOW, point="P1").damage] == [""]
    assert decide.read_well(memory, since=NOW).damage == ()
