"""Killed while members that lie in one another are exchanged, taken back, and brought back: nothing of either is ever lost.

Each has things that its point left out; they are members of one set or of two, and the outer one holds the inner or leaves it out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import KILL_POINTS
from tests.faults.fault_world import World, remove
from tests.faults.test_sigkill_carry import files_below, kill_everywhere, lay

LEFT_OUT = {"media/film": "a film", "own.iso": "an image", "deep/big.iso": "another", "deep/below/other.iso": "a third"}
STORED = {"letter": "dear", "table": "rows", "deep/kept": "kept", "deep/below/note": "noted"}
CHANGED = {"letter": "broken", "written since": "new", "deep/kept": "spoilt", "deep/written since": "newer"}
BEFORE = {**LEFT_OUT, **{name: body for name, body in STORED.items() if name != "table"}, **CHANGED}
AFTER = {**LEFT_OUT, **STORED}
BETWEEN = {**AFTER, **{name: body for name, body in CHANGED.items() if name.startswith("deep/")}}
"""The outer one is what the point holds, the inner one what it was."""
EVERY = 1000
SETTLED = 10
"""So many of the worlds that differ are gone on with, spread evenly over all."""


@pytest.fixture(params=["two sets", "one set"])
def nested(world: World, request: pytest.FixtureRequest) -> World:
    """A tree and a folder of it, stored; since then files of both were changed and written."""
    apart = request.param == "two sets"
    outer = {"paths": [str(world.tree)], "exclude": ["*.iso", f"{world.tree}/media", *([f"{world.tree}/deep"] if apart else [])]}
    inner = {"paths": [f"{world.tree}/deep"], "exclude": ["*.iso"]}
    common = {**world.policy["sets"]["documents"], "copies": [], "quarantine": {"shrinks_below": "off"}}  # it had others before
    parts = {"documents": [{"here": outer}], "inner": [{"here": inner}]} if apart else {"documents": [{"here": outer}, {"here": inner}]}
    sets = {name: {**common, "protect": protect} for name, protect in parts.items()}
    world.write_policy({**world.policy, "sets": sets, "drills": {}})
    remove(world.tree)
    world.tree.mkdir()
    lay(world.tree, {**LEFT_OUT, **STORED})
    world.must("run")
    lay(world.tree, CHANGED)
    (world.tree / "table").unlink()
    return world


def sets_of(world: World) -> tuple[str, ...]:
    return tuple(world.app().policy.sets)


def in_service(world: World) -> dict[str, str]:
    """Return what is there but what is kept aside in it, and what a dead run staged in it, which a sweep removes."""
    there = files_below(world.tree).items()
    return {
        name: body for name, body in there if ".before-" not in name and not any(part.startswith(".drtool-") for part in name.split("/"))
    }


def assert_nothing_lost(world: World) -> None:
    bodies = [path.read_text() for path in world.data.rglob("*") if path.is_file()]
    for body in (*LEFT_OUT.values(), *CHANGED.values()):
        assert bodies.count(body) == 1, f"{body!r} is there {bodies.count(body)} times"


def assert_nothing_of_either_lost(world: World) -> None:
    """What was restored is somewhere too."""
    assert_nothing_lost(world)
    bodies = [path.read_text() for path in world.data.rglob("*") if path.is_file()]
    for body in STORED.values():
        assert body in bodies, f"{body!r} is gone"


def spread(worlds: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    chosen = worlds[:: -(-len(worlds) // SETTLED)]
    for each in worlds:
        if each not in chosen:
            remove(each[1])
    return chosen


def restored(world: World) -> str:
    report = world.must("restore", *sets_of(world)).report
    assert report is not None
    assert in_service(world) == AFTER
    return str(report["run"])


def assert_settled(world: World) -> None:
    assert [path.name for path in world.data.rglob(".drtool-*") if path.is_dir()] == []
    assert in_service(world) in (BEFORE, BETWEEN, AFTER)


@pytest.mark.timeout(600)
def test_an_exchange_of_members_in_one_another_is_killed(nested: World, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    world, names = nested, sets_of(nested)
    worlds = kill_everywhere(world, "restore", *names, step="cutover", lost=assert_nothing_lost, most=EVERY)
    assert len(worlds) > 6
    record_property(KILL_POINTS, len(worlds))
    problems = []
    for turn, (number, path) in enumerate(spread(worlds)):
        world.load_from(path)
        remove(path)
        try:
            if turn % 2 or world.drtool("restore", *names).outcome != "succeeded":  # refused while places lie in pieces
                world.must("sweep")
                assert_nothing_lost(world)
                assert_settled(world)
                world.must("restore", *names)
            assert in_service(world) == AFTER
            world.must("sweep")
            assert_nothing_lost(world)
            assert_settled(world)
        except AssertionError as error:
            problems.append(f"{number}: {error}")
    assert not problems, "\n\n".join(problems)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("again", [False, True], ids=["taken back", "brought back"])
def test_taking_members_in_one_another_back_is_killed(nested: World, again: bool, record_property: Any) -> None:  # noqa: ANN401, FBT001 - pytest's own
    world, run = nested, restored(nested)
    if again:
        report = world.must("undo", run).report
        assert report is not None
        assert in_service(world) == BEFORE
        run = str(report["run"])
    wanted, former = (AFTER, BEFORE) if again else (BEFORE, AFTER)
    worlds = kill_everywhere(world, "undo", run, step="undo", lost=assert_nothing_of_either_lost, most=EVERY)
    assert len(worlds) > 6
    record_property(KILL_POINTS, len(worlds))
    problems = []
    for turn, (number, path) in enumerate(spread(worlds)):
        world.load_from(path)
        remove(path)
        try:
            if turn % 2:
                world.must("sweep")
                assert_nothing_of_either_lost(world)
                assert_settled(world)
            ended = world.drtool("undo", run)
            assert ended.outcome in ("succeeded", "NotFound"), ended.explain()  # finished by the sweep before it, nothing is left to do
            assert_nothing_of_either_lost(world)
            assert_settled(world)
            assert in_service(world) == wanted
            world.must("undo", newest_kept(world))
            assert in_service(world) == former
            assert_nothing_of_either_lost(world)
        except AssertionError as error:
            problems.append(f"{number}, turn {turn}: {error}")
    assert not problems, "\n\n".join(problems)


def newest_kept(world: World) -> str:
    return max(thing.leftover.run for thing in world.app().kept())
