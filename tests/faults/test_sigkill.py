"""Killed at every step: the next run or sweep makes everything good again.

One undisturbed call of a verb tells the kill points: each event of its journal, and the middle of each restic call (restic living on as an
orphan, and dying with us). Each point starts from the same saved world; those that leave worlds of one shape behind are settled once.

What a death leaves between two calls is shown in memory for every platform (`drtool.testing.kill_contract`); what memory has not is in the
middle of restic: its locks, its orphans, its half-written files.
"""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterable
from typing import Any

import pytest

from drtool import process
from drtool.catalog.runs import Runs
from drtool.model.event import EventKind
from tests.faults.conftest import KILL_POINTS
from tests.faults.fault_world import PASSWORDS, Ended, World, remove
from tests.faults.test_sigkill_carry import places_of
from tests.rig.tree import assert_same

VERBS = ("run", "copy", "restore", "drill", "prune")
NAMES = {"run": ["documents"], "copy": ["documents"], "restore": ["documents"], "drill": ["proof"], "prune": ["near"]}
CHUNKS = 4

_ONE_MOMENT = {("step_started", "command_started"), ("step_ended", "step_started")}
_OWED = {"before", "after", "on_failure", "before_restore", "after_restore", "record"}
"""Steps that the next sweep may have to carry out for a dead run."""
_ONLY_LOOK = {"find", "xargs", "df", "test", "id"}


def event_points(undisturbed: Ended) -> list[dict[str, Any]]:
    """Every event.

    Two between which nothing can change are one moment, and the later stands for both: a step's start and its first command, two steps, a
    command that only looks and what follows it.
    """
    points: list[dict[str, Any]] = []
    for number, (event, following) in enumerate(itertools.pairwise(undisturbed.heard), start=1):
        looks = event[0] == "command_started" and event[2] in _ONLY_LOOK and not event[1].startswith("release/")
        if not looks and (event[0], following[0]) not in _ONE_MOMENT:
            points.append({"at": number})
    return [*points, {"at": len(undisturbed.heard)}]


def restic_points(undisturbed: Ended) -> list[dict[str, Any]]:
    """The middle of every restic call: the first of each step dying in both ways, later ones of it by turns."""
    points: list[dict[str, Any]] = []
    calls = restic_steps(undisturbed)
    for number, step in enumerate(calls, start=1):
        is_first = step not in calls[: number - 1]
        if is_first or number % 2 == 0:
            points.append({"command": number, "family": True, "milliseconds": 25 + number * 37 % 250})
        if is_first or number % 2 == 1:
            points.append({"command": number, "family": False, "milliseconds": 10 + number * 53 % 250})
    return points


def restic_steps(undisturbed: Ended) -> list[str]:
    """The step of each restic call, in their order."""
    return [step for kind, step, program in undisturbed.heard if kind == "command_started" and program.startswith("restic")]


def one_of_each_kind(points: Iterable[dict[str, Any]], undisturbed: Ended) -> list[dict[str, Any]]:
    """Of the points in restic calls the first of each kind of step, dying in both ways."""
    steps = restic_steps(undisturbed)
    chosen: dict[tuple[str, bool], dict[str, Any]] = {}
    for point in points:
        kind = next(part for part in steps[point["command"] - 1].split("/") if part != "documents")
        chosen.setdefault((kind, point["family"]), point)
    return list(chosen.values())


def shape(world: World) -> str:
    """Return what stands in the world, whatever runs and snapshots are called, what runs in it still, and what the dead run owes."""
    files = {
        f"{name}/{folder.name}": sum(path.is_file() for path in folder.rglob("*"))
        for name in PASSWORDS
        for folder in (world.root / name).iterdir()
        if folder.is_dir()
    }
    runs = [path.name for path in (world.state / "runs").iterdir()]
    orphans = sorted(found.label.partition("/")[2].partition("/")[0] for run in runs for found in process.find_labelled(run))
    lab = sorted(path.name[:8] for path in world.lab.rglob("*"))
    hooks = [line.split()[0] for line in world.log.read_text().splitlines()]
    owed = sorted(
        f"{event.kind.value} {event.step}"
        for run in Runs(str(world.state)).unfinished()
        for event in run.events()
        if event.kind is not EventKind.COMMAND_STARTED and {*event.step.split("/")} & _OWED
    )
    there = (len(world.own_staging()), len(list(world.temporary.iterdir())), (world.tree / "written after the backup").exists())
    return json.dumps([files, places_of(world.data), orphans, lab, hooks, owed, there])


def prepare(world: World, verb: str) -> None:
    """Bring the world to where this verb has the most to do."""
    world.write_policy()
    world.load()
    if verb == "copy":
        policy = {**world.policy, "sets": {"documents": {**world.policy["sets"]["documents"], "copies": []}}, "drills": {}}
        world.write_policy(policy)
        world.must("run")
        world.write_policy()
    elif verb == "restore":
        (world.tree / "written after the backup").write_text("old")
        (world.tree / "special" / "empty").unlink()


def same(expected: Any, actual: Any) -> bool:  # noqa: ANN401 - two paths
    try:
        assert_same(expected, actual)
    except AssertionError:
        return False
    return True


def check_restore(world: World) -> None:
    """The old tree or the new one, whole: never a mixture, and what was in the way is kept."""
    is_new = same(world.original, world.tree)
    asides = sorted(world.data.glob("documents.before-*[!n]"))
    if is_new:
        kept = [path for path in asides if path.is_dir()]
        assert len(kept) == 1
        assert (kept[0] / "written after the backup").read_text() == "old"
    else:
        assert (world.tree / "written after the backup").read_text() == "old"
        assert not (world.tree / "special" / "empty").exists()
        (world.tree / "written after the backup").unlink()


def settle_and_check(world: World, verb: str, point: dict[str, Any], number: int) -> None:
    recover = "run" if number % 2 == 0 and verb != "restore" else "sweep"
    again = world.drtool(recover)
    assert again.outcome == "succeeded", f"{recover} after it: {again.explain()}"
    try:
        points = world.assert_settled()
    except AssertionError as error:
        raise AssertionError(f"{error}, after {recover} {again.explain()} {again.report and again.report['steps']}") from error
    if verb == "restore":
        check_restore(world)
    for repository in ("near", "offsite"):
        assert points[repository], f"no point is left in {repository}"
    if number % 7 == 0 or point.get("family") is False:
        repository = ("near", "offsite")[number % 2]
        world.assert_sound(repository)
        world.assert_restorable(repository, points[repository][0])


def kill_at(world: World, verb: str, start: Any, points: list[tuple[int, dict[str, Any]]], undisturbed: Ended) -> tuple[int, list[str]]:  # noqa: ANN401 - a path
    """Kill a verb at each point, settle each world of a shape of its own, and return how often it died, and what was wrong then."""
    problems, killed, seen = [], 0, set[str]()
    for number, point in points:
        world.load_from(start)
        ended = world.drtool(verb, *NAMES[verb], **point)
        assert ended.code in (-signal.SIGKILL, 0), ended.explain()
        killed += ended.code != 0
        if (found := shape(world)) in seen:
            continue
        seen.add(found)
        try:
            settle_and_check(world, verb, point, number)
        except AssertionError as error:
            where = undisturbed.heard[point["at"] - 1] if "at" in point else f"restic call {point['command']}"
            problems.append(f"{point} {where}: {str(error)[:1500]}")
    return killed, problems


@pytest.mark.timeout(600)
@pytest.mark.parametrize("verb", VERBS)
def test_killed_in_restic_calls(broken_world: World, verb: str, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    """One restic call of each kind of step, in both ways, and the last event of all."""
    world = broken_world
    prepare(world, verb)
    start = world.root.with_name(f"{world.root.name}.{verb}")
    world.save_as(start)
    undisturbed = world.must(verb, *NAMES[verb])
    points = one_of_each_kind(restic_points(undisturbed), undisturbed)
    killed, problems = kill_at(world, verb, start, list(enumerate([*points, {"at": len(undisturbed.heard)}])), undisturbed)
    record_property(KILL_POINTS, killed)
    remove(start)
    assert not problems, f"{len(problems)} of {killed} kill points:\n\n" + "\n\n".join(problems)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("verb", VERBS)
def test_killed_anywhere(broken_world: World, verb: str, chunk: int, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    world = broken_world
    prepare(world, verb)
    start = world.root.with_name(f"{world.root.name}.{verb}")
    world.save_as(start)
    undisturbed = world.must(verb, *NAMES[verb])
    points = list(enumerate([*event_points(undisturbed), *restic_points(undisturbed)]))
    length = -(-len(points) // CHUNKS)
    killed, problems = kill_at(world, verb, start, points[chunk * length : (chunk + 1) * length], undisturbed)
    record_property(KILL_POINTS, killed)
    remove(start)
    assert not problems, f"{len(problems)} of {killed} kill points:\n\n" + "\n\n".join(problems)
