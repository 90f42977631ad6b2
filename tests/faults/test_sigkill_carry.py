"""Killed while a cutover carries what the point left out back into service, or is taken back: nothing of it is ever lost.

An undisturbed call tells where it was killed for: every command of the exchange itself that may change something. Those that leave the
same world are one; each further one is settled by a sweep, a backup, the same call again, or an undo, by turns.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drtool import process
from tests.faults.conftest import KILL_POINTS
from tests.faults.fault_world import Ended, World, remove

LEFT_OUT = {"media/film": "a film", "deep/big.iso": "an image", "deep/below/other.iso": "another"}
STORED = {"letter": "dear", "deep/kept": "kept", "table": "rows"}
CHANGED = {"letter": "broken", "written since": "new"}
MOST = 10
_ONLY_LOOK = {"find", "df", "test", "id", "realpath", "cat", "restic"}


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def lay(folder: Path, content: dict[str, str]) -> None:
    for name, body in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body)


@pytest.fixture(scope="module")
def carrying(broken_world: World) -> World:
    """A set that leaves things out, and was stored; since then one file was changed, one written and one removed."""
    world = broken_world
    rules = {"paths": [str(world.tree)], "exclude": ["*.iso", f"{world.tree}/media"]}
    documents = {**world.policy["sets"]["documents"], "protect": [{"here": rules}], "copies": [], "quarantine": "off"}
    world.write_policy({**world.policy, "sets": {"documents": documents}, "drills": {}})
    remove(world.tree)
    world.tree.mkdir()
    lay(world.tree, {**LEFT_OUT, **STORED})
    world.must("run")
    lay(world.tree, CHANGED)
    (world.tree / "table").unlink()
    world.save()
    return world


BEFORE = {**LEFT_OUT, **{name: body for name, body in STORED.items() if name != "table"}, **CHANGED}
AFTER = {**LEFT_OUT, **STORED}


def changing(undisturbed: Ended, step: str) -> list[int]:
    """Return the events of the exchange at which something may be under way."""
    return [
        number
        for number, (kind, where, program) in enumerate(undisturbed.heard, start=1)
        if f"/{step}/" in f"/{where}" and kind == "command_started" and program not in _ONLY_LOOK
    ]


def shape(world: World) -> Any:  # noqa: ANN401 - compared, nothing else
    """Return what stands in the world, whatever the runs are called."""
    return json.dumps(places_of(world.data))


def places_of(data: Path) -> list[Any]:
    """Return what lies in a folder, and how far the exchanges got whose records lie in it."""
    names = sorted(str(path.relative_to(data)) for path in data.rglob("*"))
    known: dict[str, int] = {}
    parts = [[part if part[:1] != "." and ".before-" not in part else _numbered(part, known) for part in name.split("/")] for name in names]
    states = sorted(json.loads(path.read_text()).get("state", "") for path in data.rglob(".drtool-*.json") if path.is_file())
    return [parts, states]


def _numbered(part: str, known: dict[str, int]) -> str:
    return f"{part[:8]}{known.setdefault(part, len(known))}{part[-5:]}"


def assert_nothing_lost(world: World) -> None:
    bodies = [path.read_text() for path in world.data.rglob("*") if path.is_file()]
    for body in (*LEFT_OUT.values(), *CHANGED.values()):
        assert bodies.count(body) == 1, f"{body!r} is there {bodies.count(body)} times"


def until_quiet(world: World) -> None:
    """Wait for what a killed call left running: a rename under way outlives who started it."""
    runs = [path.name for path in (world.state / "runs").iterdir()]
    end = time.monotonic() + 30
    while any(found for run in runs for found in process.find_labelled(run)):
        assert time.monotonic() < end
        time.sleep(0.05)


def kill_everywhere(
    world: World, verb: str, *names: str, step: str, lost: Callable[[World], None] = assert_nothing_lost, most: int = MOST
) -> list[tuple[int, Path]]:
    """Kill a call at each command of its exchange; return one saved world for each that differs from all others, at most so many."""
    start = world.root.with_name(f"{world.root.name}.{verb}")
    world.save_as(start)
    undisturbed = world.must(verb, *names)
    seen: set[str] = set()
    worlds: list[tuple[int, Path]] = []
    for number in changing(undisturbed, step):
        world.load_from(start)
        ended = world.drtool(verb, *names, at=number)
        assert ended.code == -signal.SIGKILL, ended.explain()
        until_quiet(world)
        lost(world)
        if (found := shape(world)) not in seen and len(worlds) < most:
            seen.add(found)
            worlds.append((number, world.root.with_name(f"{world.root.name}.{verb}.{number}")))
            world.save_as(worlds[-1][1])
    remove(start)
    return worlds


def settle(world: World, verb: str, name: str) -> None:
    """Type what somebody types then; where the places lie in pieces it is refused, and a sweep is what helps."""
    done = world.drtool(verb, *([name] if name else []))
    if done.outcome == "succeeded":
        return
    assert verb in ("restore", "undo"), done.explain()
    assert_nothing_lost(world)
    world.must("sweep")
    world.must("restore", "documents") if verb == "restore" else world.drtool("undo", name)


def problems_of(world: World, worlds: list[tuple[int, Path]], verbs: dict[str, str], states: tuple[dict[str, str], ...]) -> list[str]:
    problems = []
    for turn, (number, path) in enumerate(worlds):
        world.load_from(path)
        remove(path)
        verb = tuple(verbs)[turn % len(verbs)]
        try:
            settle(world, verb, verbs[verb])
            assert_nothing_lost(world)
            assert files_below(world.tree) in states
            world.must("sweep")
            assert [left.name for left in world.data.iterdir() if left.name.startswith(".drtool-") and left.is_dir()] == []
            assert files_below(world.tree) in states
        except AssertionError as error:
            problems.append(f"{number}, then {verb}: {error}")
    return problems


@pytest.mark.timeout(600)
def test_a_cutover_that_carries_is_killed(carrying: World, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    world = carrying
    world.load()
    worlds = kill_everywhere(world, "restore", "documents", step="cutover")
    assert len(worlds) > 3
    record_property(KILL_POINTS, len(worlds))
    problems = problems_of(world, worlds, {"restore": "documents", "sweep": "", "run": ""}, (BEFORE, AFTER))
    assert not problems, "\n\n".join(problems)


@pytest.mark.timeout(600)
def test_taking_it_back_is_killed(carrying: World, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    world = carrying
    world.load()
    report = world.must("restore", "documents").report
    assert report is not None
    assert files_below(world.tree) == AFTER
    worlds = kill_everywhere(world, "undo", report["run"], step="undo")
    assert len(worlds) > 3
    record_property(KILL_POINTS, len(worlds))
    problems = problems_of(world, worlds, {"undo": report["run"], "sweep": "", "restore": "documents", "run": ""}, (BEFORE, AFTER))
    assert not problems, "\n\n".join(problems)
