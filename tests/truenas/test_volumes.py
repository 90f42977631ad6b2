from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.errors import Conflict, Corrupt, NotFound, Refused
from drtool.model.plan import Destination, Landed, Restored
from drtool.model.point import Artifact, Member
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.model.workload import Leftover, Snapshot
from drtool.offsite.restic.repository import ResticRepository
from drtool.ports import GetRequest, Labels, LandRequest, PutRequest, PutResult, ReserveRequest
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.create import create_dataset
from drtool.sources.truenas.datasets import find_dataset, require_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.cheap_key import make_cheap
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, tidy

SIZE = 8 << 20
VOLUME = "tank/machines/disk0"
SELECTOR = {"dataset": VOLUME}


@dataclass
class World:
    """A lab with a volume in it, a source that reaches it over SSH, and a real repository."""

    lab: Lab
    source: TruenasSource
    repository: ResticRepository
    file: Path

    def take(self, selector: dict[str, object] | None = None, *, number: int = 1) -> Snapshot:
        (workload,) = self.source.discover(selector or SELECTOR)
        assert not workload.problem, workload.problem
        return self.source.snapshot(workload, f"drtool-{POINT}-{number}")

    def store(self, snapshot: Snapshot) -> tuple[Member, PutResult]:
        """Store as the engine does, and return the member as its manifest would have it."""
        workload = snapshot.workload
        labels = Labels(BY, "set", POINT, RUN, workload.name, "nas", datetime.now(UTC) + timedelta(hours=1))
        with self.source.export(snapshot) as export:
            (offered,) = export.artifacts
            put = self.repository.put(PutRequest(offered, export.runner, labels))
            census = export.census(offered, put)
        self.source.release(Leftover("nas", "snapshot", snapshot.locator, RUN, BY))
        assert snapshot.instant is not None
        stored = replace(Artifact(offered.name, offered.form, "", offered.path, census, put.stored_bytes))
        tree = next(item.tree for item in self.repository.list().unsealed if item.id.startswith(put.snapshot))
        member = Member(workload.name, "nas", workload.kind, workload.selector, snapshot.instant, (replace(stored, tree=tree),))
        return member, put

    def land(self, member: Member, form: str = "original", reserved: str = "") -> Landed:
        destination = Destination(form, sandbox="lab" if form == "sandbox" else "")
        expires = datetime.now(UTC) + timedelta(hours=2)
        request = LandRequest(member, POINT, RUN, BY, destination, expires, reserved=reserved, bytes=member.artifacts[0].census.bytes)
        with self.source.land(request) as landing:
            get = GetRequest(member.artifacts[0], POINT, member.workload, "nas", landing.directory, landing.runner, into=landing.into)
            self.repository.get(get)
            return landing.landed


@pytest.fixture
def world(lab: Lab, tmp_path: Path) -> Iterator[World]:
    ssh = lab.ssh()
    source = lab.source(by=BY, **ssh)
    create_dataset(source.client, "tank/machines", {})
    birth = {"type": "VOLUME", "volsize": SIZE, "volblocksize": "8K", "sparse": True, "compression": "ZSTD"}
    create_dataset(source.client, VOLUME, {"org.example:owner": "anna"}, birth)
    file = lab.root / VOLUME / "volume"
    with open(file, "r+b") as stream:
        stream.write(random.Random(7).randbytes(3 << 20))
    key = tmp_path / "key"
    key.write_text("a password\n")
    key.chmod(0o600)
    runner = LocalRunner()
    repository = ResticRepository(
        policy=RepositoryPolicy(name="near", address=Address(str(tmp_path / "repository"), password=SecretReference("file", str(key))), site="home"),
        by=BY,
        secrets=Secrets(os.environ, runner),
        clock=SystemClock(),
        local=runner,
        cache_directory=str(tmp_path / "cache"),
    )
    repository.initialise()
    make_cheap(tmp_path / "repository", "a password")
    yield World(lab, source, repository, file)
    lab.faults()
    tidy(source)


def test_a_volume_goes_the_full_circle_and_a_second_run_adds_little(world: World) -> None:
    before = world.file.read_bytes()
    first, put = world.store(world.take())
    assert put.bytes == SIZE
    assert put.stored_bytes > 3 << 20
    with open(world.file, "r+b") as stream:
        stream.seek(1 << 20)
        stream.write(b"changed")
    second, again = world.store(world.take(number=2))
    assert again.stored_bytes < put.stored_bytes / 2, "what did not change is stored again"
    assert first.artifacts[0].path == second.artifacts[0].path
    landed = world.source.cutover(world.land(first))
    assert landed.aside == f"{VOLUME}.before-{POINT}"
    assert world.file.read_bytes() == before
    found = require_dataset(world.source.client, VOLUME)
    assert (found.label, found.users, found.recorded()["volblocksize"]) == (None, {"org.example:owner": "anna"}, "8K")
    assert found.recorded()["compression"] == "ZSTD"
    assert (world.file.parents[1] / f"disk0.before-{POINT}" / "volume").read_bytes()[1 << 20 : (1 << 20) + 7] == b"changed"
    inspection = world.source.inspect(Restored(first.workload, "nas", landed.destination, landed.target, first))
    assert inspection.up, inspection.note
    assert inspection.path == f"/dev/zvol/{VOLUME}"
