"""A member that goes, or falls far below what it was, is named, however large the others are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.hold import QUARANTINE, Hold, ending, quarantines
from drtool.model.looked import Looked, looked_at
from drtool.model.native import NativeState
from drtool.model.point import Artifact, Canary, Census, DataSnapshot, Manifest, Member, RecoveryPoint
from drtool.model.policy import Quarantine, Retention
from drtool.model.quarantine import Stop, beyond, in_one, measures, reasons_to_stop
from drtool.model.shrunk import FEW_BYTES, FEW_FILES, newest_of_each, shrunk
from drtool.planning.retention import verdicts
from tests.planning.planning_values import BY, DAY, NOW, daily, point

OFF = Quarantine(None, None, None)
CANARY = Canary(BY, "documents", "NEW", "R0", NOW, "0" * 64)


def tree(name: str, files: int, size: int, *, canary: Canary | None = None, **selector: Any) -> Member:  # noqa: ANN401
    artifact = Artifact(name, "tree", "t" * 64, name, Census(files, size, canary=canary))
    return Member(name, "here", "files", selector, NOW, (artifact,))


def stream(name: str, *sizes: int, form: str = "stream", **selector: Any) -> Member:  # noqa: ANN401
    artifacts = tuple(Artifact(f"{name}{number}", form, "t" * 64, name, Census(1, size)) for number, size in enumerate(sizes))
    return Member(name, name, "stream", selector, NOW, artifacts)


def manifest(*members: Member) -> Manifest:
    return Manifest("OLD", "documents", BY, "R0", NOW, NOW, complete=True, members=members)


def told(before: Member, now: Member, *, rules: Quarantine | None = None, may_be_empty: frozenset[str] = frozenset()) -> str:
    large = tree("here:/large", 5000, 10**9)
    stops = shrunk(manifest(large, before), (large, now), rules or Quarantine(), point="NEW", may_be_empty=may_be_empty)
    return in_one(stops) if stops else ""


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (tree("here:/usb", 20, 160), tree("here:/usb", 0, 0), "0 files where 20 were"),
        (tree("here:/usb", 2, 3), tree("here:/usb", 0, 0), "0 files where 2 were"),
        (tree("here:/db", 1, 400_000), tree("here:/db", 1, 0), "0 bytes where 400000 were"),
        (tree("here:/db", 1, 400_000), tree("here:/db", 1, 199_999), "199999 bytes where 400000 were"),
        (tree("here:/usb", 8, 80), tree("here:/usb", 3, 80), "3 files where 8 were"),
        (tree("here:/usb", 6, 9000, canary=CANARY), tree("here:/usb", 1, 300, canary=CANARY), "0 files where 5 were and 300 bytes"),
        (stream("dump", 100_000), stream("dump", 10), "10 bytes where 100000 were"),
        (stream("dump", 90), stream("dump", 0), "0 bytes where 90 were"),
        (stream("vm", 10**9, form="native"), stream("vm", 0, form="native"), "0 bytes where"),
        (stream("disk", 10**9, 50, 60, chain=7), stream("disk", 10**6, chain=7), "1000000 bytes where 1000000000 were"),
        (tree("here:/ds", 5000, 10**9), stream("here:/ds", 0), "0 bytes where 1000000000 were"),
    ],
)
def test_a_member_that_fell_is_named(before: Member, now: Member, words: str) -> None:
    said = told(before, now)
    assert said.startswith(f"{now.workload}: {words}")
    assert said.endswith(": drtool diff OLD NEW")
    assert told(before, now, rules=OFF) == "", "quarantine: off"
    assert told(before, now, may_be_empty=frozenset({now.workload})) == "", "allow_empty"
    assert told(now, now) == "", "what is as it was is no news, nor is what was empty before"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (tree("here:/usb", 8, 9000), tree("here:/usb", 4, 4500)),
        (tree("here:/few", FEW_FILES - 1, 80), tree("here:/few", 1, 10)),
        (tree("here:/log", 1, FEW_BYTES - 1), tree("here:/log", 1, 0)),
        (stream("cron", 300), stream("cron", 20)),
        (stream("disk", 1000, 10**9, chain=7), stream("disk", 1000, chain=7)),
        (tree("here:/ds", 5000, 10**9), stream("here:/ds", 10**8)),
        (tree("here:/ds", 0, 0), tree("here:/ds", 9, 9999)),
    ],
    ids=["half", "few files", "few bytes", "a short stream", "links of a chain", "another way", "growth"],
)
def test_what_is_no_loss_is_not_told(before: Member, now: Member) -> None:
    assert told(before, now) == ""


def test_many_are_counted_and_fit_a_tag() -> None:
    names = [f"here:/{'deep/' * 60}{number}" for number in range(9)]
    before = manifest(*(tree(name, 10**9, 10**15) for name in names))
    (stop,) = shrunk(replace(before, point="0" * 26), [tree(name, 1, 10**14) for name in names], Quarantine(), point="9" * 26)
    assert "; 8 more shrank" in stop.words
    assert len(stop.words) <= 200


SIZE = st.integers(0, 10**7)


@given(files=SIZE, size=SIZE, left=SIZE, bytes_left=SIZE, others=st.integers(0, 10**12))
def test_what_is_told_depends_on_the_member_alone(files: int, size: int, left: int, bytes_left: int, others: int) -> None:
    own, now = tree("here:/one", files, size), tree("here:/one", left, bytes_left)
    other = tree("here:/other", others, others)
    stops = shrunk(manifest(other, own), (now, other), Quarantine(), point="NEW")
    lost = files and not left
    fell = (files >= FEW_FILES and 2 * left < files) or (size >= FEW_BYTES and 2 * bytes_left < size)
    assert bool(stops) == bool(lost or fell)
    assert all(len(stop.words) <= 200 for stop in stops)


def holding(name: str, *workloads: str, **changes: Any) -> RecoveryPoint:  # noqa: ANN401
    data = tuple(DataSnapshot(f"{name}{each}", each, each, name) for each in workloads)
    return replace(point(name, **changes), data=data)


def kinds(*points: RecoveryPoint, rules: Quarantine | None = None, **changes: Any) -> list[str]:  # noqa: ANN401
    return [stop.kind for stop in reasons_to_stop(points, rules or Quarantine(), point="NEW", now=NOW, **changes)]


BOTH = holding("BOTH", "a", "b", instant=NOW - 2 * DAY)
ONE = holding("ONE", "a", instant=NOW - DAY)


def test_a_member_that_is_gone_stops_it_though_the_run_before_died_unseen() -> None:
    new = holding("NEW", "a")
    (stop,) = reasons_to_stop((BOTH, new), Quarantine(), point="NEW", now=NOW)
    assert stop == Stop("gone", "b is not in it any more: drtool diff BOTH NEW")
    assert kinds(BOTH, ONE, new) == ["gone"], "the one before it was never looked at"
    assert kinds(BOTH, holding("NEW", "a", "b", "c")) == []
    assert kinds(BOTH, new, rules=OFF) == []
    assert kinds(BOTH, replace(new, complete=False)) == [], "what a partial point lacks is told by itself"
    assert kinds(replace(BOTH, complete=False), new) == []
    assert kinds(BOTH, ONE, new, looked=Looked(NOW - timedelta(hours=1))) == [], "that it is gone was accepted"
    assert kinds(BOTH, new, looked=Looked(NOW)) == []


def test_what_platforms_keep_is_gone_when_they_were_asked() -> None:
    kept = NativeState(present=1, there=("b",))
    before = replace(holding("OLD", "a", instant=NOW - DAY), natives=1, native_members=1, native=kept)
    there = replace(before, point="NEW", instant=NOW, data=holding("NEW", "a").data)
    assert kinds(before, there) == []
    assert kinds(before, replace(there, native=NativeState())) == [], "nobody asked"
    assert kinds(before, replace(there, natives=0, native_members=0, native=NativeState())) == ["gone"]


def test_members_are_compared_with_the_point_before_and_the_oldest_usual_one() -> None:
    usual = daily(9, newest=NOW - DAY)
    new = point("NEW")
    assert [each.point for each in measures((*usual, new), point="NEW", now=NOW)] == ["P009", "P003"]
    assert [each.point for each in measures((*usual[:1], new), point="NEW", now=NOW)] == ["P009"]
    assert measures((new,), point="NEW", now=NOW) == ()
    assert measures((*usual, replace(new, complete=False)), point="NEW", now=NOW) == measures((*usual, new), point="NEW", now=NOW)
    partial = [replace(each, complete=False) for each in (*usual[:-1], new)]
    assert [each.point for each in measures(partial, point="NEW", now=NOW)] == ["P009", "P003"], "a set that is always partial"
    assert [each.point for each in measures((*partial, usual[-1]), point="NEW", now=NOW)] == ["P009", "P003", usual[-1].point]
    assert measures((*usual, new), point="NEW", now=NOW, looked=Looked(NOW)) == ()
    looked = Looked(usual[0].instant)
    assert [each.point for each in measures((*usual, new), point="NEW", now=NOW, looked=looked)] == ["P009"]


def test_copies_measure_from_before_the_oldest_point_of_the_repository() -> None:
    new, *usual = (point("NEW"), *daily(9, newest=NOW - DAY))
    far = {each.point: each for each in usual}
    assert beyond({"NEW": new}, "NEW", {"far": far}) == {name: ("far", each) for name, each in far.items()}
    here = {each.point: each for each in (new, *usual[:3])}
    assert beyond(here, "NEW", {"far": far, "further": {"P001": far["P001"]}}) == {"P006": ("far", far["P006"])}
    assert beyond(here, "NEW", {"far": {"LATER": replace(new, point="LATER")}}) == {}
    assert beyond({**far, "NEW": new}, "NEW", {"far": far}) == {}


@given(st.lists(st.text(min_size=1, max_size=150), min_size=1, max_size=4))
def test_all_reasons_are_one_that_ends_with_what_to_type(words: list[str]) -> None:
    plain = [each.replace(":", "") for each in words]
    spelt = in_one(Stop("cliff", f"{each}: drtool diff A B") for each in plain)
    assert spelt.startswith(plain[0])
    assert spelt.endswith(": drtool diff A B")
    assert spelt.count("drtool") == 1 + plain[0].count("drtool") + sum(each.count("drtool") for each in plain[1:] if f"; {each}" in spelt)
    assert len(spelt) <= 200


MEMBERS = ("here:/usb", "here:/db")
RUN = st.fixed_dictionaries(
    {
        "usb": st.sampled_from(["full", "empty", "gone"]),
        "db": st.sampled_from(["full", "full", "empty"]),
        "ends": st.sampled_from(["whole", "whole", "partial", "died"]),
    }
)


def forgotten(kept: list[RecoveryPoint], holds: tuple[Hold, ...], last: int, now: datetime) -> list[RecoveryPoint]:
    """Return what stays of them by `keep: {last: …}`."""
    judged = verdicts(kept, Retention(last=last), repository="near", set="documents", now=now, holds=holds)
    return [each for each in kept if each.point not in {verdict.point for verdict in judged if not verdict.reasons}]


@given(days=st.lists(st.one_of(RUN, RUN, st.none()), max_size=30), last=st.integers(1, 4))
def test_the_only_good_copy_of_a_member_outlives_any_number_of_others(days: list[dict[str, str] | None], last: int) -> None:
    """A little machine: each day makes a point, looks at its members, and forgets by `keep: {last: …}`; some runs die before they look.

    On other days a person releases what stands: that accepts what had been lost when it was written, and nothing that was lost since.
    """
    now, died, times = NOW, 0, 0
    sealed = {"GOOD": manifest(*(tree(name, 20, 160) for name in MEMBERS))}
    kept = [holding("GOOD", "large", *MEMBERS, instant=now)]
    holds: tuple[Hold, ...] = ()
    lost: dict[str, datetime] = {}
    accepted: set[str] = set()
    for number, run in enumerate(days):
        now += DAY
        if run is None:
            for hold in quarantines(holds, "documents", now):
                accepted |= {name for name, when in lost.items() if when <= hold.created}
                holds += (ending(hold, id=f"R{number}", created=now, machine=""),)
            continue
        name, states = f"P{number:03d}", dict(zip(MEMBERS, (run["usb"], run["db"]), strict=True))
        dies = run["ends"] == "died"
        died, times = (died + 1, times + (died == 0)) if dies else (0, times)
        there = {member: 20 if state == "full" else 0 for member, state in states.items() if state != "gone"}
        whole = run["ends"] != "partial"
        kept.append(replace(holding(name, "large", *there, instant=now), complete=whole))
        members = [tree(member, files, files) for member, files in there.items()]
        sealed[name] = replace(manifest(*members), point=name, complete=whole)
        new = {member for member, state in states.items() if state == "empty" or (state == "gone" and whole)}
        lost |= dict.fromkeys(new - lost.keys(), now)
        if dies and (died > 5 or times > 1):
            return  # all that makes the usual is of runs that nobody saw to their end, or both points that are read are
        if dies:
            continue
        seen = looked_at(holds, "documents", now=now)
        stops = [*reasons_to_stop(kept, Quarantine(), point=name, now=now, looked=seen)]
        for each in measures(kept, point=name, now=now, looked=seen):
            stops += shrunk(sealed[each.point], members, Quarantine(), point=name)
            members = newest_of_each(members, sealed[each.point])
        standing = quarantines(holds, "documents", now)
        if stops and not standing:
            holds += (Hold(f"H{number}", "documents", BY, in_one(stops), now, kind=QUARANTINE),)
        if not stops and not standing:
            kept = forgotten(kept, holds, last, now)
        held = {member for each in kept for member in _full(sealed[each.point])}
        assert {*MEMBERS} - accepted <= held, "until somebody said that it may be gone"


def _full(sealed: Manifest) -> set[str]:
    return {member.workload for member in sealed.members if member.artifacts[0].census.files == 20}
