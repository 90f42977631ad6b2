"""Killed at every step: the next run or sweep makes everything good again.

A first, undisturbed call tells the kill points: each event of its journal, and the middle of each restic call (restic living on as an
orphan, and dying with us). Each point starts from the same saved world.
"""

from __future__ import annotations

import itertools
import signal
from typing import Any

import pytest

from tests.faults.conftest import KILL_POINTS
from tests.faults.fault_world import Ended, World, remove
from tests.rig.tree import assert_same

CHUNKS = 8
VERBS = ("run", "copy", "restore", "drill", "prune")
NAMES = {"run": ["documents"], "copy": ["documents"], "restore": ["documents"], "drill": ["proof"], "prune": ["near"]}


_ONE_MOMENT = {("step_started", "command_started"), ("step_ended", "step_started")}
_ONLY_LOOK = {"find", "xargs", "df", "test", "id"}


def kill_points(undisturbed: Ended) -> list[dict[str, Any]]:
    """Every event, and the middle of every restic call: the first of each step dying in both ways, later ones of it by turns.

    Two events between which nothing can change are one moment, and the later stands for both: a step's start and its first command,
    two steps, a command that only looks and what follows it.
    """
    points: list[dict[str, Any]] = []
    for number, (event, following) in enumerate(itertools.pairwise(undisturbed.heard), start=1):
        looks = event[0] == "command_started" and event[2] in _ONLY_LOOK and not event[1].startswith("release/")
        if not looks and (event[0], following[0]) not in _ONE_MOMENT:
            points.append({"at": number})
    points.append({"at": len(undisturbed.heard)})
    calls = [step for kind, step, program in undisturbed.heard if kind == "command_started" and program.startswith("restic")]
    for number, step in enumerate(calls, start=1):
        is_first = step not in calls[: number - 1]
        if is_first or number % 2 == 0:
            points.append({"command": number, "family": True, "milliseconds": 25 + number * 37 % 250})
        if is_first or number % 2 == 1:
            points.append({"command": number, "family": False, "milliseconds": 10 + number * 53 % 250})
    return points


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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("verb", VERBS)
def test_killed_anywhere(broken_world: World, verb: str, chunk: int, record_property: Any) -> None:  # noqa: ANN401 - pytest's own
    world = broken_world
    prepare(world, verb)
    world_of_verb = world.root.with_name(f"{world.root.name}.{verb}")
    world.save_as(world_of_verb)
    undisturbed = world.must(verb, *NAMES[verb])
    points = kill_points(undisturbed)
    problems = []
    killed = 0
    for number, point in list(enumerate(points))[chunk::CHUNKS]:
        world.load_from(world_of_verb)
        ended = world.drtool(verb, *NAMES[verb], **point)
        assert ended.code in (-signal.SIGKILL, 0), ended.explain()
        killed += ended.code != 0
        try:
            settle_and_check(world, verb, point, number)
        except AssertionError as error:
            where = undisturbed.heard[point["at"] - 1] if "at" in point else f"restic call {point['command']}"
            problems.append(f"{point} {where}: {str(error)[:1500]}")
    record_property(KILL_POINTS, killed)
    remove(world_of_verb)
    assert not problems, f"{len(problems)} of {killed} kill points:\n\n" + "\n\n".join(problems)
