from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.checks.census import CensusCheck
from drtool.model.errors import Conflict, Corrupt, Interrupted, NotFound, Refused
from drtool.model.plan import Destination, Restored
from drtool.model.policy import CheckPolicy
from drtool.model.workload import Leftover
from drtool.ports import Question, ReserveRequest
from drtool.sources.sandbox_only import SandboxOnly
from drtool.sources.truenas.api.shell import device_of
from drtool.sources.truenas.datasets.dataset import find_dataset, require_dataset
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land import cutover
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from drtool.testing.source_contract import inspected
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, tidy
from tests.truenas.stored import World, open_world, program

SIZE = 16 << 20
VOLUME = "tank/machines/disk0"
SELECTOR: dict[str, object] = {"dataset": VOLUME}


@pytest.fixture
def world(lab: Lab, tmp_path: Path) -> Iterator[World]:
    world = open_world(lab, tmp_path)
    create_dataset(world.source.client, "tank/machines", {}, {"compression": "ZSTD"})
    birth = {"type": "VOLUME", "volsize": SIZE, "volblocksize": "8K", "sparse": True, "sync": "ALWAYS"}
    create_dataset(world.source.client, VOLUME, {"org.example:owner": "anna"}, birth)
    with open(file(world), "r+b") as stream:
        stream.write(os.urandom(12 << 20))
    yield world
    lab.faults()
    tidy(world.source)


def file(world: World) -> Path:
    """Where the blocks of the volume lie."""
    return world.lab.root / VOLUME / "volume"


def test_a_volume_goes_the_full_circle_and_a_second_run_adds_little(world: World) -> None:
    before = file(world).read_bytes()
    first, put = world.store(world.take(SELECTOR))
    assert put.bytes == SIZE
    assert put.stored_bytes > 12 << 20
    with open(file(world), "r+b") as stream:
        stream.seek(5 << 20)
        stream.write(b"changed")
    second, again = world.store(world.take(SELECTOR, number=2))
    assert again.stored_bytes < put.stored_bytes * 3 / 4, "what did not change is stored again"
    assert first.artifacts[0].path == second.artifacts[0].path
    landed = world.land(first)
    assert require_dataset(world.source.client, located(landed).waits).recorded()["compression"] == "ZSTD"
    landed = world.source.cutover(landed)
    assert landed.aside == f"{VOLUME}.before-{POINT}"
    assert file(world).read_bytes() == before
    found = require_dataset(world.source.client, VOLUME)
    assert (found.label, found.users, found.recorded()["volblocksize"]) == (None, {"org.example:owner": "anna"}, "8K")
    assert found.recorded()["sync"] == "ALWAYS"
    assert found.inherited() == {"compression": "ZSTD"}
    assert (file(world).parents[1] / f"disk0.before-{POINT}" / "volume").read_bytes()[5 << 20 : (5 << 20) + 7] == b"changed"
    inspection = inspected(world.source, Restored(first.workload, "nas", landed.destination, landed.target, first, locator=landed.locator))
    assert inspection.up, inspection.note
    assert inspection.root == f"/dev/zvol/{VOLUME}"


def test_a_volume_is_drilled_in_a_sandbox_that_goes_with_it(world: World) -> None:
    member, _ = world.store(world.take(SELECTOR))
    create_dataset(world.source.client, "tank/drill", {})
    until = datetime.now(UTC) + timedelta(hours=2)
    place = ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, SIZE, until)
    drill = SandboxOnly(world.source)
    reserved = drill.reserve(place)
    landed = drill.cutover(world.land(member, "sandbox", reserved.locator, source=drill))
    assert landed.target.startswith(f"{reserved.locator}/")
    restored = Restored(member.workload, "nas", landed.destination, landed.target, member, locator=landed.locator)
    inspection = inspected(drill, restored)
    assert inspection.up, inspection.note
    question = Question(CheckPolicy("census", "census"), (restored,), {member.workload: inspection}, until, until)
    answer = CensusCheck().ask(question)
    assert (answer.passed, answer.compared, answer.bytes) == (True, 1, SIZE), answer.observed
    with open(next(world.lab.root.glob("tank/drill/*/*/volume")), "r+b") as stream:
        stream.write(b"damaged")
    assert not CensusCheck().ask(question).passed
    drill.release(reserved)
    assert find_dataset(world.source.client, "tank/drill/" + landed.target.rpartition("/")[2]) is None
    assert not list(world.lab.root.glob("tank/drill/*"))
    assert VOLUME in [workload.selector["dataset"] for workload in world.source.discover(SELECTOR)]


def test_without_ssh_a_volume_is_told_with_what_to_add(world: World) -> None:
    source = world.lab.source(by=BY)
    (workload,) = source.discover(SELECTOR)
    assert "volume" in workload.problem
    assert "`ssh:`" in workload.problem
    with pytest.raises(Refused):
        source.snapshot(workload, "drtool-x")
    source.close()
    (reached,) = world.source.discover(SELECTOR)
    assert (reached.problem, reached.bytes) == ("", SIZE)
    assert reached.way == "raw blocks of a clone over SSH: a volume has no files"
    (files,) = world.source.discover({"dataset": "tank/documents"})
    assert files.way == "files of a clone, read over a temporary NFS share"


def test_a_late_device_is_waited_for_and_one_that_never_comes_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.lab.faults({"method": "pool.snapshot.clone", "kind": "late_device", "seconds": 1.5})
    _, put = world.store(world.take(SELECTOR))
    assert put.bytes == SIZE
    monkeypatch.setattr("drtool.sources.truenas.api.shell._APPEARS_WITHIN", (0.1,))
    world.lab.faults({"method": "pool.snapshot.clone", "kind": "late_device", "seconds": 3000})
    snapshot = world.take(SELECTOR, number=2)
    with pytest.raises(NotFound, match="did not appear"), world.source.export(snapshot):
        pass
    world.source.release(Leftover("nas", "snapshot", snapshot.locator, RUN, BY))
    assert world.source.leftovers(()) == ()


def test_a_device_of_another_size_is_not_read_and_one_that_shrinks_is_not_stored(world: World) -> None:
    snapshot = world.take(SELECTOR)
    os.truncate(next(Path(world.lab.started.directory).glob("snapshots/*/volume")), SIZE - 4096)
    with pytest.raises(Conflict, match="bytes and the NAS says"), world.source.export(snapshot):
        pass
    world.source.release(Leftover("nas", "snapshot", snapshot.locator, RUN, BY))
    program(world.lab, "dd", "exec head -c 5000000 /dev/zvol/tank/drtool-clone-*")
    with pytest.raises(Corrupt, match="5000000 were read"):
        world.store(world.take(SELECTOR, number=2))
    assert not world.repository.list().points


@pytest.mark.parametrize("ends", ["exit 1", "kill -9 $$"])
def test_a_producer_that_dies_halfway_stores_nothing(world: World, ends: str) -> None:
    program(world.lab, "dd", f"head -c 5000000 /dev/zvol/tank/drtool-clone-*; {ends}")
    with pytest.raises(Refused, match=r"ended with exit code|was ended"):
        world.store(world.take(SELECTOR))
    assert world.repository.list().unsealed == ()


def test_what_was_written_otherwise_than_stored_never_takes_the_place_of_anything(world: World) -> None:
    member, _ = world.store(world.take(SELECTOR))
    before = file(world).read_bytes()
    for script, error, words in (
        ("head -c 4000000 >/dev/zvol/tank/drtool-stage-*; cat >/dev/null", Corrupt, "SHA-256 differs"),
        ("head -c 4000000 >/dev/null; echo No space left on device >&2; exit 1", Refused, "No space left"),
    ):
        program(world.lab, "dd", script)
        with pytest.raises(error, match=words):
            world.land(member)
        assert file(world).read_bytes() == before
        assert world.source.leftovers(()) == ()


def test_what_a_killed_run_left_of_a_volume_is_swept(world: World) -> None:
    snapshot = world.take(SELECTOR)
    opened = world.source.export(snapshot)
    opened.__enter__()
    following = open_source(world)
    assert {leftover.what for leftover in following.leftovers(())} == {"clone", "snapshot"}
    tidy(following)
    with pytest.raises(NotFound):
        opened.__exit__(None, None, None)
    member, _ = world.store(world.take(SELECTOR, number=2))
    world.land(member)
    (staging,) = following.leftovers(())
    assert (staging.what, staging.run) == ("staging", RUN)
    tidy(following)


def test_a_cutover_of_a_volume_that_died_is_finished_by_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file(world).read_bytes()
    member, _ = world.store(world.take(SELECTOR))
    with open(file(world), "r+b") as stream:
        stream.write(b"damaged")
    landed = world.land(member)
    rename = cutover._rename
    done: list[str] = []

    def once(parts: Parts, name: str, new: str) -> None:
        if done:
            raise Interrupted("killed")
        done.append(name)
        rename(parts, name, new)

    with monkeypatch.context() as patched:
        patched.setattr(cutover, "_rename", once)
        with pytest.raises(Interrupted):
            world.source.cutover(landed)
    assert not file(world).exists()
    following = open_source(world)
    for leftover in following.leftovers(()):
        if leftover.what == "staging":
            following.release(leftover)
    assert file(world).read_bytes() == before
    assert following.cutover(landed).aside == f"{VOLUME}.before-{POINT}"
    following.close()


def test_a_volume_in_use_is_not_pulled_away(world: World) -> None:
    member, _ = world.store(world.take(SELECTOR))
    with open(file(world), "r+b") as stream:
        stream.write(b"in use")
    landed = world.land(member)
    admin = world.lab.source(by=BY, administrator=True)
    extent = admin.client.change("iscsi.extent.create", {"name": "guest", "disk": f"zvol/{VOLUME}"}, look=lambda: False)
    with pytest.raises(Refused, match=r"in use on the NAS \(the iSCSI extent guest\)") as caught:
        world.source.cutover(landed)
    assert caught.value.safe == f"{VOLUME} is as it was"
    assert file(world).read_bytes()[:6] == b"in use"
    admin.client.change("iscsi.extent.delete", extent["id"], look=lambda: False)
    admin.close()
    assert world.source.cutover(landed).aside == f"{VOLUME}.before-{POINT}"
    assert file(world).read_bytes()[:6] != b"in use"


@pytest.mark.parametrize("name", ["tank/../../etc/shadow", "tank//disk", "", "tank/."])
def test_what_is_no_name_of_a_volume_names_no_device(name: str) -> None:
    assert device_of("tank/my disk") == "/dev/zvol/tank/my+disk"
    with pytest.raises(Refused, match="no name of a volume"):
        device_of(name)


def open_source(world: World) -> TruenasSource:
    """Return a source as the next run has it."""
    ssh = world.lab.ssh()
    return world.lab.source(by=BY, ssh=ssh["ssh"], ssh_config=ssh["ssh_config"])
