"""A point counts where its manifest and every artifact of it are listed: one definition, asked of every decision."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.attempt import Task
from drtool.model.errors import NotFound
from drtool.model.inventory import Listing
from drtool.model.plan import Copy
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.policy import Retention
from drtool.planning.attempted import told_by
from drtool.planning.backup import plan_run
from drtool.planning.choose import choose_point
from drtool.planning.copy import plan_copy
from drtool.planning.evidence import verified_points
from drtool.planning.retention import verdicts
from drtool.planning.rto_forecast import newest_points
from drtool.planning.status import assess
from tests.planning.planning_values import DAY, NOW, backup_set, daily, evidence, inventory, listing, point, policy

HOUR = timedelta(hours=1)
GUTTED = point("P2", NOW - HOUR, lacking=1)
WHOLE = point("P1", NOW - 2 * DAY)


def _data(*pairs: tuple[str, str]) -> tuple[DataSnapshot, ...]:
    return tuple(DataSnapshot(f"id{number}", tree, workload, "P1") for number, (workload, tree) in enumerate(pairs))


@pytest.mark.parametrize(
    ("members", "artifacts", "trees", "data", "lacking"),
    [
        (2, 2, ("aaaaaaaa", "bbbbbbbb"), (("a", "aaaaaaaa1"), ("b", "bbbbbbbb2")), 0),
        (2, 2, ("aaaaaaaa", "bbbbbbbb"), (("a", "aaaaaaaa1"),), 1),
        (2, 2, ("aaaaaaaa", "bbbbbbbb"), (), 2),
        (1, 2, ("aaaaaaaa", "bbbbbbbb"), (("a", "aaaaaaaa1"),), 1),  # two artifacts of one member
        (1, 2, ("aaaaaaaa",), (("a", "aaaaaaaa1"), ("a", "aaaaaaaa1")), 1),  # one twice is not two
        (2, 2, ("aaaaaaaa",), (("a", "aaaaaaaa1"), ("a", "cccccccc1")), 1),  # what a first attempt left stands in for nothing
        (1, 1, ("aaaaaaaa",), (("a", "cccccccc1"),), 1),  # rewritten
        (1, 1, ("aaaaaaaa",), (("a", "cccccccc1"), ("a", "aaaaaaaa1")), 0),
        (2, 2, ("aaaaaaaa",), (("a", "aaaaaaaa1"), ("b", "aaaaaaaa1")), 0),  # equal contents of two members
        (2, 0, (), (("a", "aaaaaaaa1"), ("b", "bbbbbbbb2")), 0),  # sealed by a release that told no artifacts
        (2, 0, (), (("a", "aaaaaaaa1"), ("a", "bbbbbbbb2")), 1),
        (2, 0, (), (), 2),
    ],
)
def test_what_a_listing_lacks(
    members: int, artifacts: int, trees: tuple[str, ...], data: tuple[tuple[str, str], ...], lacking: int
) -> None:
    listed = point("P1", members=members, artifacts=artifacts, trees=trees).listed_with(_data(*data))
    assert (listed.lacking, listed.whole, listed.counts) == (lacking, not lacking, not lacking)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.text("0123456789abcdef", min_size=16, max_size=16)), min_size=1, unique=True), st.data()
)
def test_a_point_is_whole_exactly_when_nothing_is_gone(pairs: list[tuple[str, str]], chance: st.DataObject) -> None:
    sealed = point(
        "P1",
        members=len({workload for workload, _tree in pairs}),
        artifacts=len(pairs),
        trees=tuple(sorted({tree[:8] for _workload, tree in pairs})),
    )
    left = chance.draw(st.lists(st.sampled_from(pairs), unique=True))
    assert sealed.listed_with(_data(*left)).whole == (len(left) == len(pairs))


def test_what_is_not_whole_is_kept_by_no_rule_in_place_of_what_is() -> None:
    broken = tuple(point(f"B{number}", NOW - number * HOUR, lacking=1) for number in range(1, 6))
    judged = {verdict.point: verdict.reasons for verdict in verdicts((*broken, *daily(3, newest=NOW - DAY)), Retention(last=2, daily=2),
                                                                     repository="near", set="documents", now=NOW)}  # fmt: skip
    assert {name for name in ("P001", "P002", "P003") if judged[name]} == {"P002", "P003"}
    assert "newest complete" in judged["P003"]
    assert not any("newest complete" in " ".join(judged[each.point]) for each in broken)


def test_what_is_not_whole_is_verified_by_nothing() -> None:
    reading = evidence(subject="verify", point="", set="", started=NOW, ended=NOW)
    drill = evidence(point="P2")
    seen = listing("near", (WHOLE, GUTTED), evidence=(reading, drill))
    assert verified_points(seen) == {"P1"}


def _of(*listings: Listing) -> dict[str, Listing]:
    return {each.repository: each for each in listings}


def test_status_counts_only_whole_copies() -> None:
    (only_near,) = assess(policy(), inventory(listing("near", (replaced(GUTTED),)), listing("offsite", (GUTTED,))), now=NOW)
    assert (only_near.copies, only_near.missing_copies) == (("near",), ("offsite",))
    assert any("offsite" in words and "not whole" in words for words in only_near.attention)
    assert only_near.next == "drtool copy documents"


def test_the_age_is_that_of_the_newest_whole_point() -> None:
    (status,) = assess(policy(), inventory(listing("near", (WHOLE, GUTTED)), listing("offsite", (WHOLE, GUTTED))), now=NOW)
    assert (status.point, status.age_seconds, status.rpo_met) == ("P1", 2 * DAY.total_seconds(), False)


def test_an_older_point_that_is_not_whole_is_told_too() -> None:
    fresh, old = point("P3", NOW - HOUR), point("P1", NOW - DAY, lacking=2)
    (status,) = assess(policy(), inventory(listing("near", (fresh, replaced(old))), listing("offsite", (fresh, old))), now=NOW)
    assert any("1 point of documents in offsite is not whole" in words for words in status.attention)


def replaced(gutted: RecoveryPoint) -> RecoveryPoint:
    return point(gutted.point, gutted.instant)


def test_a_repository_whose_newest_point_is_not_whole_tells_of_no_run() -> None:
    at = NOW.replace(hour=3)
    seen = inventory(listing("near", (point("P1", at, lacking=1),)))
    task = Task("run", "documents")
    assert told_by(policy(), task, seen.repositories["near"], now=NOW) is None
    whole = told_by(policy(), task, listing("near", (point("P1", at),)), now=NOW)
    assert whole is not None
    assert whole.succeeded == at


def test_copy_brings_again_what_is_not_whole_there_and_never_from_what_is_not_whole_here() -> None:
    broken_here = point("P0", NOW - 3 * DAY, lacking=1)
    seen = inventory(listing("near", (broken_here, WHOLE, replaced(GUTTED))), listing("offsite", (WHOLE, GUTTED)))
    plan = plan_copy(policy(), seen, sets=("documents",), now=NOW, run="R")
    (step,) = plan.steps
    assert step.action == Copy("near", "offsite", ("P2",))
    assert "again" in step.why
    assert any(skipped.outcome == "partial" and "P0" in skipped.reason for skipped in plan.skipped), "nobody holds it whole"


def test_copy_heals_the_repository_that_is_written_to() -> None:
    seen = inventory(listing("near", (WHOLE, GUTTED)), listing("offsite", (WHOLE, replaced(GUTTED))))
    plan = plan_copy(policy(), seen, sets=("documents",), now=NOW, run="R")
    assert [step.action for step in plan.steps] == [Copy("offsite", "near", ("P2",))]


def test_a_run_copies_again_what_is_not_whole_there() -> None:
    seen = inventory(listing("near", (WHOLE, replaced(GUTTED))), listing("offsite", (WHOLE, GUTTED)))
    plan = plan_run(policy(), seen, sets=("documents",), now=NOW, run="R", points={"documents": "P9"})
    (action,) = [step.action for step in plan.steps if isinstance(step.action, Copy)]
    assert action.points == ("P2", "P9")


def test_the_newest_whole_point_is_chosen_and_only_whole_copies_first() -> None:
    chosen = choose_point(_of(listing("near", (WHOLE, GUTTED)), listing("offsite", (WHOLE, GUTTED))), set="documents", now=NOW)
    assert chosen.point == "P1"
    chosen = choose_point(_of(listing("near", (WHOLE, GUTTED)), listing("offsite", (replaced(GUTTED),))), set="documents", now=NOW)
    assert (chosen.point, chosen.copies) == ("P2", ("offsite", "near"))


def test_what_is_whole_nowhere_is_taken_by_name_and_for_the_members_that_are_there() -> None:
    half = point("P2", NOW - HOUR, members=2).listed_with(_data(("here:/home", "a")))
    listings = _of(listing("near", (WHOLE, half)))
    assert choose_point(listings, set="documents", now=NOW, point="P2").point == "P2"
    assert choose_point(listings, set="documents", now=NOW, workloads=("here:/home",)).point == "P2"
    assert choose_point(listings, set="documents", now=NOW, workloads=("here:/etc",)).point == "P1"
    with pytest.raises(NotFound, match="not whole"):
        choose_point(_of(listing("near", (GUTTED,))), set="documents", now=NOW)


def test_a_copy_that_has_the_member_comes_before_one_that_has_not() -> None:
    home = point("P2", NOW - HOUR, members=2).listed_with(_data(("here:/home", "a")))
    etc = point("P2", NOW - HOUR, members=2).listed_with(_data(("here:/etc", "b")))
    chosen = choose_point(_of(listing("near", (home,)), listing("offsite", (etc,))), set="documents", now=NOW, workloads=("here:/etc",))
    assert chosen.copies[0] == "offsite"


def test_a_forecast_is_for_the_newest_whole_point() -> None:
    points = (*daily(3, bytes=100, files=10), point("G", NOW - 2 * HOUR, bytes=9, files=1, lacking=1))
    assert newest_points(_of(listing("near", points)), now=NOW)["documents", "near"].point == "P003"


def test_sets_without_copies_say_what_cannot_be_healed() -> None:
    alone = backup_set(copies=())
    plan = plan_copy(policy(alone), inventory(listing("near", (GUTTED,))), sets=("documents",), now=NOW, run="R")
    assert any("P2" in skipped.reason and skipped.outcome == "partial" for skipped in plan.skipped)
