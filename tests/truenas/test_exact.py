from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.checks.census import CensusCheck
from drtool.model.errors import Refused
from drtool.model.plan import Destination, Restored
from drtool.model.policy import CheckPolicy
from drtool.ports import Question, ReserveRequest
from drtool.sources.truenas.datasets.dataset import require_dataset
from drtool.sources.truenas.land.create import create_dataset
from drtool.testing.source_contract import inspected
from tests.rig import zfs
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, POINT, RUN, content, tidy
from tests.truenas.stored import World, open_world, program

pytestmark = zfs.ALONE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world on real ZFS."""
    with running_lab(tmp_path, pool="exact", real=True) as lab:
        world = open_world(lab, tmp_path)
        yield world
        tidy(world.source)


def furnish(world: World) -> tuple[str, Path]:
    """Make a dataset with a few things in it; returns its name and where it lies."""
    name = f"{world.lab.started.pool}/exact"
    create_dataset(world.source.client, name, {"org.example:owner": "anna"}, {"recordsize": "64K", "atime": "OFF"})
    root = world.lab.root / name
    (root / "folder").mkdir(mode=0o750)
    (root / "folder" / "noise").write_bytes(os.urandom(1 << 20))
    (root / "odd\nname").write_bytes(b"odd")
    os.setxattr(root / "folder", "user.colour", b"blue")
    return name, root


def test_an_exact_stream_goes_the_full_circle_and_never_dedupes(world: World) -> None:
    name, root = furnish(world)
    before = content(root)
    first = world.take({"dataset": name, "exact": True})
    assert first.workload.way == "exact stream over SSH: asked for by the policy; it never shares data with an earlier one"
    member, put = world.store(first)
    _, again = world.store(world.take({"dataset": name, "exact": True}, number=2))
    assert again.stored_bytes > put.stored_bytes * 0.9
    (root / "odd\nname").write_bytes(b"damaged")
    landed = world.source.cutover(world.land(member))
    assert landed.aside == f"{name}.before-{POINT}"
    assert content(root) == before
    assert os.getxattr(root / "folder", "user.colour") == b"blue"
    found = require_dataset(world.source.client, name)
    assert (found.label, found.users, found.recorded()["recordsize"]) == (None, {"org.example:owner": "anna"}, "64K")
    assert world.source.client.read("pool.snapshot.query", [["dataset", "=", name]]) == []
    restored = Restored(member.workload, "nas", landed.destination, landed.target, member, locator=landed.locator, opened=landed.opened)
    inspection = inspected(world.source, restored)
    assert inspection.up, inspection.note
    assert content(Path(landed.target)) == before
    now = datetime.now(UTC)
    question = Question(CheckPolicy("census", "census"), (restored,), {member.workload: inspection}, now, now)
    answer = CensusCheck().ask(question)
    assert answer.passed, answer.observed
    assert "verified while they were fetched" in answer.observed


def test_an_exact_stream_is_drilled_and_a_broken_one_takes_no_place(world: World) -> None:
    name, root = furnish(world)
    before = content(root)
    member, _ = world.store(world.take({"dataset": name, "exact": True}))
    create_dataset(world.source.client, f"{world.lab.started.pool}/drill", {})
    until = datetime.now(UTC) + timedelta(hours=2)
    place = ReserveRequest({"dataset": f"{world.lab.started.pool}/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until)
    reserved = world.source.reserve(place)
    landed = world.source.cutover(world.land(member, "sandbox", reserved.locator))
    assert content(Path(landed.target)) == before
    world.source.release(reserved)
    real = f"{zfs.programs()}/zfs"
    program(world.lab, "zfs", f'for last; do :; done; head -c 300000 | {real} receive "$last"')
    with pytest.raises(Refused):
        world.land(member)
    program(world.lab, "zfs", f"{real} send -p nothing@at-all; exit 3")
    with pytest.raises(Refused, match="exit code 3"):
        world.store(world.take({"dataset": name, "exact": True}, number=2))
    assert content(root) == before
    left = {leftover.what for leftover in world.source.leftovers(())}
    assert left == {"snapshot"}


def test_without_ssh_an_exact_stream_is_told_with_what_to_add(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload,) = source.discover({"dataset": "tank/documents", "exact": True})
    assert "`ssh:`" in workload.problem
    with pytest.raises(Refused):
        source.snapshot(workload, "drtool-x")
    source.close()
