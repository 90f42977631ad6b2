"""Killed at every step against a NAS: the next run or sweep leaves nothing of ours on it, and what was in service is in service.

A first, undisturbed call tells the moments to die at: each event of its journal, and each change it asks of the NAS, which carries it out
although nobody waits for the answer any more. Moments that leave the same world behind are one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.truenas.conftest import KILLED
from tests.truenas.nas_world import VERBS, NasWorld

Record = Callable[[str, object], None]
DATA_CALLS = {"run": "documents/store", "restore": "documents/restore", "drill": "documents/restore"}
"""Steps whose restic moves the data: it is killed with drtool in the middle, and left alone there."""
SLOW = {
    "run": ("pool.snapshot.create", "pool.snapshot.clone", "sharing.nfs.create"),
    "restore": ("pool.dataset.create", "pool.dataset.rename", "pool.dataset.update"),
    "drill": ("pool.dataset.delete",),
}
"""Calls that the NAS takes its time for, and ends when drtool is dead and the sweep under way."""


def in_the_middle_of_restic(world: NasWorld, verb: str) -> list[tuple[dict[str, Any], str]]:
    """Return two ways to die in the middle of each restic call that moves data."""
    world.prepare(verb)
    programs = [(step, program) for kind, step, program in world.must(verb).heard if kind == "command_started"]
    restic = [step for step, program in programs if program.startswith("restic")]
    world.settle(verb)
    numbers = [number for number, step in enumerate(restic, start=1) if step.startswith(DATA_CALLS[verb])]
    return [
        ({"command": number, "family": family, "milliseconds": 10 + number * 37 % 60}, f"in restic call {number}")
        for number in numbers
        for family in (True, False)
    ]


def die(world: NasWorld, verb: str, keys: dict[str, Any], *, recover: str) -> int:
    """Die there, settle, and return 1 if it did die."""
    world.prepare(verb)
    ended = world.drtool(verb, **keys)
    assert ended.code in (-signal.SIGKILL, 0), ended.explain()
    world.settle(verb, recover=recover)
    return int(ended.code != 0)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("verb", VERBS)
def test_killed_anywhere(nas_world: NasWorld, verb: str, record_property: Record) -> None:
    moments = [({point.key: point.number}, point.words) for point in nas_world.moments(verb)]
    moments += in_the_middle_of_restic(nas_world, verb)
    killed, problems = 0, []
    for number, (keys, words) in enumerate(moments):
        recover = "run" if number % 2 and verb != "restore" else "sweep"
        try:
            killed += die(nas_world, verb, keys, recover=recover)
        except AssertionError as error:
            problems.append(f"{keys} {words}, then {recover}: {str(error)[:3000]}")
    record_property(KILLED, killed)
    assert not problems, f"{len(problems)} of {killed} moments:\n\n" + "\n\n".join(problems)
    assert killed >= len(moments) - 2


@pytest.mark.parametrize(("verb", "method"), [(verb, method) for verb, methods in SLOW.items() for method in methods])
def test_a_nas_that_works_on_after_our_death(nas_world: NasWorld, verb: str, method: str, record_property: Record) -> None:
    """What it makes after the first sweep has looked is found by the next one."""
    world = nas_world
    number = next(point.number for point in world.moments(verb) if point.words == method)
    world.prepare(verb)
    world.lab.faults({"method": method, "kind": "slow", "seconds": 0.5, "call": 0})
    ended = world.drtool(verb, change=number)
    assert ended.code == -signal.SIGKILL, ended.explain()
    world.lab.faults()
    first = world.drtool("sweep")
    assert first.report is not None, first.explain()
    world.wait_until_idle()
    world.settle(verb)
    record_property(KILLED, 1)


def test_a_trace_that_stays_is_seen(nas_world: NasWorld) -> None:
    """The other way round: what these tests ask for would be missed if it were not so."""
    world = nas_world
    world.prepare("run")
    assert world.drtool("run", method="sharing.nfs.create", nth=1).code == -signal.SIGKILL
    world.wait_until_idle()
    clone, *others = world.left()
    assert clone.startswith("tank/drtool-clone-")
    assert [item.split(" ")[0] for item in others] == ["share", "snapshot"]
    world.settle("run")
