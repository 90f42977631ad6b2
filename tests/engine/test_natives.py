"""Asking platforms what they keep: as few questions as there can be, and no answer where there was none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.engine.natives import Natives, have, recall, require_as_recorded, stores_of
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound, Refused, Unavailable
from drtool.model.inventory import Listing, Problem
from drtool.model.locator import Locator
from drtool.model.memory import Vanished
from drtool.model.native import Held, NativePlace
from drtool.model.point import Artifact, Census, Manifest, Member
from drtool.planning.choose import choose_point
from drtool.ports import LandingWay
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_repository import MemoryRepository, Storage
from drtool.testing.memory_store import MemoryStore, Shelf
from tests.planning.planning_values import NOW

INTO = LandingWay(LocalRunner(), recalled=Locator("toy", 1))


class Counting(MemoryStore):
    """Counts the questions, and may answer with an error."""

    def __init__(self, name: str, error: DrtoolError | None = None) -> None:
        self.questions: list[int] = []
        self.put: list[bytes] = []
        self.error = error
        super().__init__(name=name, by="test", shelf=Shelf(), put=lambda _into, _locator, body: self.put.append(body), site=name)

    def present(self, places: Sequence[NativePlace]) -> tuple[Held | None, ...]:
        self.questions.append(len(places))
        if self.error is not None:
            raise self.error
        return super().present(places)


def native(name: str, *places: NativePlace) -> Artifact:
    return Artifact(name, "native", "", f"/{name}", Census(1, 4), places=places)


def member(workload: str, *artifacts: Artifact) -> Member:
    return Member(workload, workload.partition(":")[0], "toy", {}, NOW, artifacts)


class World:
    """One repository, whose manifests name what two stores keep."""

    def __init__(self) -> None:
        self.one, self.two = Counting("one"), Counting("two")
        self.clock = FixedClock()
        self.natives = Natives(lambda: {"one": self.one, "two": self.two})
        self.reads: list[str] = []
        self.repository = self.opened(Storage())
        self.repository.initialise()

    def opened(self, storage: Storage, *, by: str = "test") -> MemoryRepository:
        return MemoryRepository(name="near", by=by, storage=storage, clock=self.clock, complete=self.natives.complete)

    def seal(self, point: str, *members: Member, by: str = "test") -> None:
        made = Manifest(point, "all", by, "R0", NOW - timedelta(days=1), NOW, True, members)
        self.repository.append(made)

    def states(self) -> dict[str, tuple[int, int, int]]:
        points = self.repository.list().points
        return {each.point: (each.native.present, each.native.gone, each.unasked) for each in points}


@pytest.fixture
def world() -> World:
    return World()


def test_each_store_is_asked_once_for_all_points(world: World) -> None:
    places = [world.one.keep(f"a{number}", b"body", run="R") for number in range(5)]
    other = world.two.keep("b", b"body", run="R")
    for number, place in enumerate(places):
        world.seal(f"P{number}", member("one:a", native("disk", place)), member("two:b", native("disk", other)))
    assert world.states() == {f"P{number}": (2, 0, 0) for number in range(5)}
    assert (world.one.questions, world.two.questions) == ([5], [1])


def test_a_manifest_is_read_once_and_only_where_something_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    world.seal("P2", member("here:/x", Artifact("x", "tree", "a" * 64, "/x", Census(1, 1))))
    read = MemoryRepository.read

    def counted(self: MemoryRepository, snapshot: str) -> bytes:
        world.reads.append(snapshot)
        return read(self, snapshot)

    monkeypatch.setattr(MemoryRepository, "read", counted)
    for _look in range(3):
        world.states()
    assert len(world.reads) == 1


def test_nobody_is_asked_where_nothing_is_kept(world: World) -> None:
    world.seal("P1", member("here:/x", Artifact("x", "tree", "a" * 64, "/x", Census(1, 1))))
    world.states()
    assert (world.one.questions, world.two.questions) == ([], [])


def test_one_place_of_several_is_enough_and_says_where(world: World) -> None:
    here, there = world.one.keep("a", b"body", run="R"), world.two.keep("b", b"body", run="R")
    world.seal("P1", member("one:a", native("disk", here, there)))
    (point,) = world.repository.list().points
    assert point.native.sites == (("one", "two"),)
    world.one.shelf.bodies.clear()
    (point,) = world.repository.list().points
    assert (point.whole, point.native.sites) == (True, (("two",),))
    world.one.error = Unavailable("away")
    assert world.states() == {"P1": (1, 0, 0)}
    world.two.shelf.bodies.clear()
    assert world.states() == {"P1": (0, 0, 1)}, "one place is gone and the other unknown"
    world.one.error = None
    assert world.states() == {"P1": (0, 1, 0)}


@pytest.mark.parametrize("error", [Unavailable("away"), Refused("no role"), NotFound("no such store"), Corrupt("odd")])
def test_whatever_a_store_says_instead_of_an_answer_is_unknown(world: World, error: DrtoolError) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    world.one.error = error
    assert world.states() == {"P1": (0, 0, 1)}


def test_who_is_told_to_stop_stops(world: World) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    world.one.error = Interrupted("stop")
    with pytest.raises(Interrupted):
        world.states()


def test_a_store_that_the_policy_does_not_have_is_unknown(world: World) -> None:
    world.seal("P1", member("one:a", native("disk", NativePlace("three", "home", "x"))))
    assert world.states() == {"P1": (0, 0, 1)}


def test_something_else_in_its_place_is_not_it(world: World) -> None:
    place = world.one.keep("a", b"body", run="R")
    world.seal("P1", member("one:a", native("disk", place)))
    world.one.shelf.bodies["a"] = b"ransom"
    assert world.states() == {"P1": (0, 1, 0)}
    with pytest.raises(Corrupt, match="holds something else at a"):
        have(native("disk", place), {"one": world.one})
    with pytest.raises(Corrupt):
        require_as_recorded(world.one.verify(place), place, what="P1")


def test_what_lies_in_another_member_is_told_by_workload(world: World) -> None:
    good, bad = world.one.keep("a", b"body", run="R"), NativePlace("one", "home", "lost")
    world.seal("P1", member("one:a", native("disk", good)), member("one:b", native("disk", good), native("more", bad)))
    (point,) = world.repository.list().points
    assert (point.native.there, point.native.lacking) == (("one:a",), ("one:b",))
    assert choose_point({"near": world.repository.list()}, set="all", now=NOW, workloads=("one:a",)).point == "P1"
    with pytest.raises(NotFound):
        choose_point({"near": world.repository.list()}, set="all", now=NOW, workloads=("one:b",))


def claims(world: World, *listings: Listing, but: frozenset[str] = frozenset()) -> object:
    return world.natives.claims(listings or (world.repository.list(),), {"near": world.repository}, but=but)


def test_every_manifest_claims_whoever_wrote_it(world: World) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    world.seal("P2", member("one:a", native("disk", world.one.keep("b", b"body", run="R"))), by="another")
    listing = world.repository.list()
    ours = tuple(each for each in listing.points if each.by == "test")
    judged = replace(listing, points=ours, others=tuple(each for each in listing.points if each.by != "test"))
    assert claims(world, judged) == {("one", "a"), ("one", "b")}
    assert claims(world, judged, but=frozenset({ours[0].manifest})) == {("one", "b")}


@pytest.mark.parametrize("change", ["unread", "missed"])
def test_what_could_not_be_listed_or_is_missed_leaves_every_claim_unknown(world: World, change: str) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    listing = world.repository.list()
    changed = {
        "unread": replace(listing, points=(), problem=Problem("Unavailable", "away")),
        "missed": replace(listing, points=(), vanished=(Vanished("point", "P1", NOW),)),
    }[change]
    assert claims(world, changed) is None


def damaged(world: World) -> Listing:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    listing = world.repository.list()
    world.natives = Natives(lambda: {"one": world.one})
    world.repository.storage.damaged.update(world.repository.storage.trees)
    return listing


def test_a_damaged_manifest_of_ours_leaves_every_claim_unknown(world: World) -> None:
    assert claims(world, damaged(world)) is None


def test_a_damaged_manifest_of_somebody_else_stops_nothing(world: World) -> None:
    listing = damaged(world)
    assert claims(world, replace(listing, points=(), others=listing.points)) == frozenset()


def test_a_manifest_that_its_tags_contradict_leaves_it_unknown(world: World) -> None:
    world.seal("P1", member("one:a", native("disk", world.one.keep("a", b"body", run="R"))))
    listing = world.repository.list()
    lying = replace(listing, points=tuple(replace(each, natives=2, artifacts=2) for each in listing.points))
    world.natives = Natives(lambda: {"one": world.one})
    (point,) = world.natives.complete(lying, world.repository.read).points
    assert point.unasked == 2


class Source:
    """Offers stores by names."""

    def __init__(self, name: str, *stores: str) -> None:
        self.name, self._stores = name, stores

    def stores(self) -> tuple[Counting, ...]:
        return tuple(map(Counting, self._stores))


def test_a_store_is_called_like_its_source() -> None:
    sources = (Source("pve", "pve", "pve:pbs", "others"), Source("nas", "nas"))
    assert sorted(stores_of(sources)) == ["nas", "pve", "pve:pbs"]  # type: ignore[arg-type]


def test_the_next_place_is_tried_and_the_worst_is_told(world: World) -> None:
    here, there = world.one.keep("a", b"body", run="R"), world.two.keep("b", b"body", run="R")
    stores = {"one": world.one, "two": world.two}
    world.one.error = Unavailable("away")
    assert recall(native("disk", here, there), INTO, stores, workload="one:a") == 4
    assert world.two.put == [b"body"]
    world.two.shelf.bodies["b"] = b"ransom"
    with pytest.raises(Corrupt):
        recall(native("disk", here, there), INTO, stores, workload="one:a")
    world.two.shelf.bodies.clear()
    with pytest.raises(Unavailable):
        recall(native("disk", here, there), INTO, stores, workload="one:a")


def test_what_only_a_platform_brings_back_goes_into_no_directory(world: World) -> None:
    place = world.one.keep("a", b"body", run="R")
    with pytest.raises(Refused, match="brings it back only at home"):
        recall(native("disk", place), LandingWay(LocalRunner(), directory="/tmp"), {"one": world.one}, workload="one:a")
    assert world.one.put == []
