"""A point is whole only while a platform says that it has its part: one definition, asked of every decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.model.errors import NotFound
from drtool.model.hold import Hold
from drtool.model.native import NativeState
from drtool.model.plan import Copy, Forget
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.policy import CopyPolicy, Retention
from drtool.model.rotation import mark
from drtool.model.workload import Leftover
from drtool.planning.backup import plan_run
from drtool.planning.choose import choose_point
from drtool.planning.copy import plan_copy
from drtool.planning.evidence import verified_points
from drtool.planning.off_site import is_off_site
from drtool.planning.retention import verdicts
from drtool.planning.status import SetStatus, assess
from drtool.planning.sweep import plan_sweep
from drtool.planning.views import view_points
from tests.planning.planning_values import DAY, NOW, backup_set, evidence, inventory, listing, point, policy, repository

HOUR = timedelta(hours=1)
PRESENT = NativeState(present=1, sites=(("home",),), there=("here:vm",))
GONE = NativeState(gone=1, lacking=("here:vm",))
UNKNOWN = NativeState(lacking=("here:vm",))
STATES = {"present": PRESENT, "gone": GONE, "unknown": UNKNOWN}


def kept(name: str, state: NativeState, days: float = 0.0, **changes: object) -> RecoveryPoint:
    return point(name, NOW - HOUR - days * DAY, artifacts=1, natives=1, native_members=1, native=state, **changes)


@pytest.mark.parametrize(
    ("natives", "native_members", "members", "data", "state", "whole"),
    [
        (1, 1, 1, (), PRESENT, True),
        (1, 1, 1, (), GONE, False),
        (1, 1, 1, (), UNKNOWN, False),
        (1, 0, 1, (("a", "aaaaaaaa1"),), PRESENT, True),  # a member with a disk in the repository and one at its platform
        (1, 0, 1, (), PRESENT, False),
        (1, 1, 2, (("a", "aaaaaaaa1"),), PRESENT, True),
        (1, 1, 2, (), PRESENT, False),
        (2, 1, 2, (("a", "aaaaaaaa1"),), PRESENT, False),  # of two only one is present
        (2, 1, 2, (("a", "aaaaaaaa1"),), replace(PRESENT, present=2), True),
    ],
)
def test_what_makes_it_whole(
    natives: int, native_members: int, members: int, data: tuple[tuple[str, str], ...], state: NativeState, *, whole: bool
) -> None:
    artifacts = natives + (members - native_members)
    listed = point("P1", members=members, artifacts=artifacts, natives=natives, native_members=native_members, native=state)
    listed = listed.listed_with(DataSnapshot(f"id{number}", tree, workload, "P1") for number, (workload, tree) in enumerate(data))
    assert (listed.whole, listed.counts) == (whole, whole)


def test_what_is_not_told_of_is_unknown_and_so_not_whole() -> None:
    fresh = point("P1", artifacts=1, natives=1, native_members=1)
    assert (fresh.whole, fresh.stored, fresh.unasked) == (False, True, 1)
    assert (kept("P1", GONE).unasked, kept("P1", PRESENT).unasked) == (0, 0)


@pytest.mark.parametrize("state", ["gone", "unknown"])
def test_no_decision_counts_it(state: str) -> None:
    broken, whole = kept("P2", STATES[state]), kept("P1", PRESENT, days=1)
    known = {"near": listing("near", (whole, broken))}
    assert choose_point(known, set="documents", now=NOW).point == "P1"
    assert [view.counts for view in view_points(known, now=NOW)] == [False, True]
    (status,) = assess(policy(backup_set()), inventory(listing("near", (whole, broken))), now=NOW)
    assert status.point == "P1"
    read = tuple(evidence(subject="verify", ended=NOW, point=name, set="") for name in ("P1", "P2"))
    assert verified_points(listing("near", (whole, broken), evidence=read)) == {"P1"}


def test_what_is_unknown_is_not_called_gone() -> None:
    known = {"near": listing("near", (kept("P1", UNKNOWN),))}
    with pytest.raises(NotFound, match="was not there to be asked"):
        choose_point(known, set="documents", now=NOW)
    (view,) = view_points(known, now=NOW)
    assert view.unasked
    (status,) = assess(policy(backup_set()), inventory(listing("near", (kept("P1", UNKNOWN),))), now=NOW)
    assert "is not known" in " ".join(status.attention)
    assert "gone" not in " ".join(status.attention)
    assert "no complete recovery point" not in " ".join(status.attention)


def test_what_is_gone_is_not_called_unknown() -> None:
    known = {"near": listing("near", (kept("P1", GONE),))}
    with pytest.raises(NotFound, match="not whole"):
        choose_point(known, set="documents", now=NOW)
    (view,) = view_points(known, now=NOW)
    assert not view.unasked
    (status,) = assess(policy(backup_set()), inventory(listing("near", (kept("P1", GONE),))), now=NOW)
    assert "data is gone" in " ".join(status.attention)


def reasons(*points: RecoveryPoint, keep: int) -> dict[str, tuple[str, ...]]:
    return {each.point: each.reasons for each in verdicts(points, Retention(last=keep), repository="near", set="documents", now=NOW)}


def test_what_is_unknown_is_never_forgotten() -> None:
    judged = reasons(kept("P3", PRESENT), kept("P2", UNKNOWN, 1), kept("P1", UNKNOWN, 2), keep=1)
    assert all(judged.values())
    assert "could not be asked for" in " ".join(judged["P1"])


def test_a_forgetting_that_was_killed_is_finished_by_the_next() -> None:
    """What its platform kept went first; the point is in nobody's way, and would have been forgotten with it."""
    judged = reasons(kept("P3", PRESENT), kept("P2", PRESENT, 1), kept("P1", GONE, 2), keep=2)
    assert judged["P1"] == ()
    assert judged["P2"]


def test_a_platform_that_lost_everything_makes_no_point_go_early() -> None:
    judged = reasons(*(kept(f"P{number}", GONE, 5 - number) for number in range(1, 6)), keep=3)
    assert [name for name, why in judged.items() if why] == ["P5", "P4", "P3"]


def test_what_lost_its_platforms_part_takes_no_whole_points_place() -> None:
    judged = reasons(kept("P4", GONE), kept("P3", GONE, 1), kept("P2", PRESENT, 2), kept("P1", PRESENT, 3), keep=2)
    assert judged["P2"]
    assert judged["P1"]


def test_what_holds_a_member_alone_stays() -> None:
    data = (DataSnapshot("id", "tree", "here:config", "P1"),)
    only = replace(kept("P1", GONE, 2), data=data)
    assert reasons(kept("P3", PRESENT), kept("P2", PRESENT, 1), only, keep=2)["P1"] == ("newest with here:config",)


@pytest.mark.parametrize(("state", "copied"), [("present", True), ("unknown", True), ("gone", False)])
def test_what_is_gone_is_not_copied(state: str, *, copied: bool) -> None:
    seen = inventory(listing("near", (kept("P1", STATES[state]),)), listing("offsite"))
    found = plan_copy(policy(), seen, sets=("documents",), now=NOW, run="R")
    assert [step.action.points for step in found.steps if isinstance(step.action, Copy)] == ([("P1",)] if copied else [])
    told = " ".join(each.reason for each in found.skipped)
    assert ("no repository has it" in told, "could not be asked" in told) == (state == "gone", state == "unknown")


def test_no_reading_of_a_repository_verifies_it() -> None:
    stored, native = point("P1", NOW - DAY), kept("P2", PRESENT)
    reading = evidence(subject="verify", point="", set="", started=NOW, ended=NOW)
    assert verified_points(listing("near", (stored, native), evidence=(reading,))) == {"P1"}
    drilled = listing("near", (stored, native), evidence=(evidence(ended=NOW, point="P2"),))
    assert verified_points(drilled) == {"P2"}


@pytest.mark.parametrize(
    ("sites", "off_site"),
    [
        ((), True),
        ((("home",),), False),
        ((("away",),), True),
        ((("away", "home"),), True),
        ((("away",), ("home",)), False),
        ((("",),), False),
    ],
)
def test_a_point_is_as_off_site_as_its_worst_artifact(sites: tuple[tuple[str, ...], ...], *, off_site: bool) -> None:
    assert is_off_site(sites, home=frozenset({"home"})) is off_site


def status_of(state: NativeState) -> SetStatus:
    known = kept("P1", state)
    places = {name: replace(repository(name), site=name) for name in ("near", "offsite")}
    seen = inventory(listing("near", (known,)), listing("offsite", (known,)))
    (status,) = assess(policy(repositories=places), seen, now=NOW)
    return status


def test_a_copy_of_what_stays_at_home_is_told() -> None:
    at_home, elsewhere = status_of(PRESENT), status_of(replace(PRESENT, sites=(("elsewhere",),)))
    assert "the copy of documents in near and offsite is no off-site copy" in " ".join(at_home.attention)
    assert at_home.off_site == ()
    assert "off-site" not in " ".join(elsewhere.attention)
    assert elsewhere.off_site == ("near", "offsite")


CLAIMED = Leftover("here", "native", "3@a", "DEAD", "homelab", store="here")


def swept(leftover: Leftover, claims: frozenset[tuple[str, str]] | None) -> tuple[int, str]:
    found = plan_sweep((leftover,), run="R", now=NOW, by="homelab", dead_runs=frozenset({"DEAD"}), live_runs=frozenset(), claims=claims)
    return len(found.steps), " ".join(each.reason for each in found.skipped)


@pytest.mark.parametrize(
    ("claims", "goes", "told"),
    [
        (frozenset({("here", "3@a")}), 0, ""),
        (frozenset({("here", "3@b"), ("there", "3@a")}), 1, ""),
        (frozenset(), 1, ""),
        (None, 0, "whether a manifest names it is not known: not every repository could be read"),
    ],
)
def test_a_sweep_releases_only_what_no_manifest_names(claims: frozenset[tuple[str, str]] | None, goes: int, told: str) -> None:
    assert swept(CLAIMED, claims) == (goes, told)


def test_a_hold_keeps_what_a_platform_keeps_by_keeping_its_point() -> None:
    hold = Hold("H", "documents", "homelab", "a person", NOW, point="P1")
    judged = verdicts(
        (kept("P2", PRESENT), kept("P1", PRESENT, 1)), Retention(last=1), repository="near", set="documents", now=NOW, holds=(hold,)
    )
    assert [bool(each.reasons) for each in judged] == [True, True]


def test_forgettings_wait_for_one_another_only_where_a_platform_keeps_something() -> None:
    documents = backup_set(keep=Retention(last=1), copies=(CopyPolicy("offsite", Retention(last=1)),))
    for old, waits in ((kept("P1", PRESENT, 1), True), (point("P1", NOW - DAY), False)):
        seen = inventory(listing("near", (old,)), listing("offsite", (old,)))
        plan = plan_run(policy(documents), seen, sets=("documents",), now=NOW, run="R", points={"documents": "P9"})
        first, second = [step for step in plan.steps if isinstance(step.action, Forget)]
        assert (first.id in second.after) is waits


def test_the_mark_of_a_point_of_an_earlier_release_stays_what_it_was() -> None:
    plain = point("P1")
    assert mark(plain) == mark(replace(plain, native=PRESENT))
    assert mark(plain) != mark(replace(plain, natives=1))
