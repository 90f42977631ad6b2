"""Killed in the middle on real ZFS: what plain directories only imitate is clone, rename, busy and destroy."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drtool.lab.truenas import appliance
from tests.rig import zfs
from tests.rig.truenas_lab import running_lab
from tests.truenas.conftest import FAULTS, KILLED
from tests.truenas.nas_world import NasWorld

pytestmark = zfs.ALONE

Record = Callable[[str, object], None]
MOMENTS = (
    ("run", "pool.snapshot.clone", 1),
    ("run", "sharing.nfs.create", 1),
    ("restore", "pool.dataset.create", 1),
    ("restore", "pool.dataset.rename", 1),
    ("restore", "pool.dataset.rename", 2),
    ("drill", "pool.dataset.rename", 1),
)


@pytest.fixture(scope="module")
def zfs_world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Iterator[NasWorld]:
    root = tmp_path_factory.mktemp("zfs")
    with pytest.MonkeyPatch.context() as patch, running_lab(root, real=True, pool="kill") as running:
        patch.setattr(appliance, "_TRIES", 100_000)
        world = NasWorld(running, restic_newest, root / "world", child=False)
        try:
            world.make()
            yield world
        finally:
            world.close()


@pytest.mark.timeout(900)
def test_killed_in_the_middle(zfs_world: NasWorld, record_property: Record) -> None:
    world = zfs_world
    for verb, method, nth in MOMENTS:
        world.prepare(verb)
        ended = world.drtool(verb, method=method, nth=nth)
        assert ended.code == -signal.SIGKILL, f"{verb} {method}: {ended.explain()}"
        world.wait_until_idle()
        assert world.left(), f"{verb} {method} left nothing to tidy up"
        world.settle(verb)
    record_property(KILLED, len(MOMENTS))


@pytest.mark.parametrize("verb", ["run", "restore"])
def test_the_connection_is_cut_after_every_change(zfs_world: NasWorld, verb: str, record_property: Record) -> None:
    world = zfs_world
    world.prepare(verb)
    changes = ("pool.snapshot.create", "pool.snapshot.clone", "pool.snapshot.delete", "pool.dataset.*e", "sharing.nfs.*e")
    world.lab.faults(*({"method": method, "kind": "cut_after", "call": 0} for method in changes))
    world.must(verb)
    made = world.made()
    assert len(made) == len(set(made)), "something was made twice"
    record_property(FAULTS, sum(call["outcome"] == "cut_after" for call in world.calls()))
    world.settle(verb)
