"""A source that reaches its NAS over SSH, and what it exports in a real repository."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drtool.engine.clock import SystemClock
from drtool.model.plan import Destination, Landed
from drtool.model.point import Artifact, Member
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.model.workload import Leftover, Snapshot
from drtool.ports import GetRequest, Labels, LandRequest, PutRequest, PutResult, Source
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.source import TruenasSource
from tests.rig.cheap_key import make_cheap
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN


@dataclass
class World:
    """A lab, a source that reaches it over SSH, and a real repository."""

    lab: Lab
    source: TruenasSource
    repository: ResticRepository

    def take(self, selector: dict[str, object], *, number: int = 1) -> Snapshot:
        """Snapshot the one workload of a selector, in the `number`-th run."""
        (workload,) = self.source.discover(selector)
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

    def land(self, member: Member, form: str = "original", reserved: str = "", *, source: Source | None = None) -> Landed:
        """Land as the engine does."""
        destination = Destination(form, sandbox="lab" if form == "sandbox" else "")
        expires = datetime.now(UTC) + timedelta(hours=2)
        request = LandRequest(member, POINT, RUN, BY, destination, expires, reserved=reserved, bytes=member.artifacts[0].census.bytes)
        with (source or self.source).land(request) as landing:
            way = landing.way_of(member.artifacts[0].name)
            get = GetRequest(
                member.artifacts[0],
                POINT,
                member.workload,
                "nas",
                way.directory,
                way.runner,
                into=way.into,
            )
            self.repository.get(get)
            return landing.landed


def open_world(lab: Lab, directory: Path, *, access: str = "nfs") -> World:
    """Make a source and a repository; skips where the lab has no shell."""
    ssh = lab.ssh()
    source = lab.source(by=BY, access=access, ssh=ssh["ssh"], ssh_config=ssh["ssh_config"])
    key = directory / "key"
    key.write_text("a password\n")
    key.chmod(0o600)
    address = Address(str(directory / "repository"), SecretReference("file", str(key)))
    runner = LocalRunner()
    repository = ResticRepository(
        policy=RepositoryPolicy("near", address, "home", seen_from={"nas": address}),
        by=BY,
        secrets=Secrets(os.environ, runner),
        clock=SystemClock(),
        local=runner,
        cache_directory=str(directory / "cache"),
    )
    repository.initialise()
    make_cheap(directory / "repository", "a password")
    return World(lab, source, repository)


def program(lab: Lab, name: str, script: str) -> None:
    """Put a program of another behaviour first on the path of the appliance's shell."""
    path = Path(lab.started.directory) / "ssh" / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
