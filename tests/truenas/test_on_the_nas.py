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
from drtool.ports import LandRequest, Question, ReserveRequest
from drtool.sources.truenas.land.create import create_dataset
from drtool.testing.source_contract import inspected
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, content, tidy
from tests.truenas.stored import World, open_world

LETTERS: dict[str, object] = {"dataset": "tank/documents/letters"}


@pytest.fixture
def world(lab: Lab, tmp_path: Path) -> Iterator[World]:
    """A world where restic runs on the NAS."""
    world = open_world(lab, tmp_path, access="ssh")
    (lab.root / "tank" / "documents" / "letters" / "odd\nname").write_bytes(b"odd")
    yield world
    tidy(world.source)


def test_restic_on_the_nas_reads_the_clone_there_and_pours_there(world: World) -> None:
    root = world.lab.root / "tank" / "documents" / "letters"
    os.setxattr(root / "odd\nname", "user.colour", b"blue")
    before = content(root)
    snapshot = world.take(LETTERS)
    assert snapshot.workload.way == "files of a clone, read by restic on the NAS over SSH: asked for by `access`"
    assert [runner.name for runner in world.source.runners()] == ["local", "nas"]  # a sweep looks on both
    with world.source.export(snapshot) as export:
        assert export.runner.name == "nas"
        assert export.artifacts[0].path.startswith("/mnt/tank/drtool-clone-")
    member, first = world.store(snapshot)
    _, second = world.store(world.take(LETTERS, number=2))
    assert second.stored_bytes < first.stored_bytes
    assert world.lab.calls("sharing.nfs.create") == 0
    (root / "read-me").write_bytes(b"damaged")
    landed = world.source.cutover(world.land(member))
    assert content(root) == before
    assert os.getxattr(root / "odd\nname", "user.colour") == b"blue"
    restored = Restored(member.workload, "nas", landed.destination, landed.target, member, locator=landed.locator)
    inspection = inspected(world.source, restored)
    assert inspection.up, inspection.note
    now = datetime.now(UTC)
    question = Question(CheckPolicy("census", "census"), (restored,), {member.workload: inspection}, now, now)
    answer = CensusCheck().ask(question)
    assert (answer.passed, answer.compared) == (True, 2), answer.observed
    assert {leftover.what for leftover in world.source.leftovers(())} == {"kept", "mount"}


def test_a_drill_on_the_nas_goes_with_its_sandbox(world: World) -> None:
    member, _ = world.store(world.take(LETTERS))
    create_dataset(world.source.client, "tank/drill", {})
    until = datetime.now(UTC) + timedelta(hours=2)
    reserved = world.source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    landed = world.source.cutover(world.land(member, "sandbox", reserved.locator))
    assert landed.target.startswith(f"{reserved.locator}/")
    assert inspected(world.source, Restored(member.workload, "nas", landed.destination, landed.target, member, locator=landed.locator)).up
    world.source.release(reserved)
    assert list((world.lab.root / "tank" / "drill").iterdir()) == []


def test_single_paths_are_not_put_in_place_from_here(world: World) -> None:
    member, _ = world.store(world.take(LETTERS))
    paths = (f"{member.artifacts[0].path}/read-me",)
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1), paths=paths)
    with pytest.raises(Refused, match="with `access: ssh`"), world.source.land(request):
        pass


def test_doctor_tells_of_the_shell(world: World) -> None:
    assert "answers over SSH and has what is needed" in " ".join(finding.text for finding in world.source.examine())
    create_dataset(world.source.client, "tank/disk", {}, {"type": "VOLUME", "volsize": 1 << 20, "sparse": True})
    assert all(finding.good is not False or "not be mounted" in finding.text for finding in world.source.examine())
    (Path(world.lab.started.directory) / "zvol" / "tank" / "disk").unlink()
    assert any("may not read and write /dev/zvol/tank/disk" in finding.text for finding in world.source.examine())
    without = world.lab.source(by=BY)
    assert any("tank/disk cannot be stored" in finding.text for finding in without.examine())
    without.close()
