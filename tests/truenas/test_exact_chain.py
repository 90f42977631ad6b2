"""Chains of exact streams, on real ZFS and with a real restic, from `run` to `restore`: a point owns each of its links."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drtool.catalog import manifest as manifests
from drtool.engine.clock import SystemClock
from drtool.model.point import Manifest, Member
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig import zfs
from tests.rig.cheap_key import make_cheap
from tests.rig.program import begun
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import content

pytestmark = zfs.ALONE
BY = "chains"
LIMIT = 3


@dataclass
class Chains:
    """A dataset on real ZFS, a policy that stores it as a chain of streams into `near`, with a copy in `far`, and drtool."""

    lab: Lab
    directory: Path
    source: TruenasSource

    @property
    def dataset(self) -> str:
        return f"{self.lab.started.pool}/exact"

    @property
    def action(self) -> Path:
        """What restic does first, as lines of a shell, while it is there."""
        return self.directory / "action"

    @property
    def root(self) -> Path:
        return self.lab.root / self.dataset

    def make(self, binary: Path, *, keep: int = 1) -> None:
        ssh = self.lab.ssh()
        key = self.directory / "key"
        key.write_text("a password\n")
        key.chmod(0o600)
        login = {"user": "drtool", "key": f"file:{self.lab.started.worker_key_file}", "ca": self.lab.started.certificate}
        nas = {"url": self.lab.started.url, **login, "mounts": str(self.lab.mounts), "ssh": ssh["ssh"], "ssh_config": ssh["ssh_config"]}
        places = {name: {"restic": str(self.directory / name), "password": f"file:{key}"} for name in ("near", "far")}
        policy = {
            "drtool": 1,
            "name": BY,
            "site": "home",
            "repositories": {"near": places["near"], "far": {**places["far"], "site": "elsewhere"}},
            "sources": {"nas": {"truenas": nas}},
            "sets": {
                "datasets": {
                    "protect": [{"nas": {"dataset": self.dataset, "exact": {"chain": LIMIT}}}],
                    "to": "near",
                    "copies": [{"far": {"keep": {"last": keep}}}],
                    "keep": {"last": keep},
                }
            },
            "sandboxes": {"lab": {"lease": "1h", "nas": {"dataset": f"{self.lab.started.pool}/drill"}}},
            "drills": {"proof": {"sets": ["datasets"], "from": "near", "sandbox": "lab"}},
        }
        (self.directory / "policy.yaml").write_text(json.dumps(policy))
        (self.directory / "bin").mkdir()
        program = self.directory / "bin" / "restic"
        program.write_text(f"#!/bin/sh\nreal='{binary}'\n[ ! -e '{self.action}' ] || . '{self.action}'\nexec \"$real\" \"$@\"\n")
        program.chmod(0o755)
        create_dataset(self.source.client, self.dataset, {}, {"recordsize": "64K", "atime": "ON"})
        create_dataset(self.source.client, f"{self.lab.started.pool}/drill", {})
        (self.root / "big").write_bytes(os.urandom(4 << 20))
        self.drtool("init")
        for name in places:
            make_cheap(self.directory / name, "a password")

    def drtool(self, *words: str, code: int | None = 0) -> str:
        environment = {**os.environ, "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}", "HOME": str(self.directory)}
        options = ("--policy", str(self.directory / "policy.yaml"), "--state-directory", str(self.directory / "state"))
        with begun((*options, *words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            (self.directory / "pid").write_text(str(running.pid))
            said, _ = running.communicate(timeout=240)
        assert code is None or running.returncode == code, f"{running.returncode}\n{said}"
        return f"{running.returncode}\n{said}"

    def change(self, name: str) -> dict[str, bytes]:
        (self.root / name).write_bytes(os.urandom(100_000))
        return content(self.root)

    def run(self) -> Member:
        self.drtool("run", "datasets")
        (member,) = self.manifest().members
        return member

    def repository(self, name: str = "near") -> ResticRepository:
        runner = LocalRunner()
        address = Address(str(self.directory / name), SecretReference("file", str(self.directory / "key")))
        policy = RepositoryPolicy(name, address, "home")
        return ResticRepository(policy=policy, by=BY, secrets=Secrets(os.environ, runner), clock=SystemClock(), local=runner)

    def manifest(self, name: str = "near") -> Manifest:
        repository = self.repository(name)
        newest = max(repository.list().points, key=lambda point: point.instant)
        return manifests.read(repository.read(newest.manifest), digest=newest.digest)

    def snapshots(self) -> list[str]:
        rows = self.source.client.read("pool.snapshot.query", [["dataset", "=", self.dataset]])
        return sorted(str(row["id"]) for row in rows)

    def told(self, snapshot: str, name: str) -> str:
        """What drtool wrote on a snapshot."""
        return self.zfs("get", "-H", "-o", "value", f"drtool:{name}", snapshot).strip()

    def zfs(self, *words: str) -> str:
        done = subprocess.run([f"{zfs.programs()}/zfs", *words], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@pytest.fixture
def chains(tmp_path: Path, restic_newest: Path) -> Iterator[Chains]:
    with running_lab(tmp_path, pool="chain", real=True) as lab:
        world = Chains(lab, tmp_path / "world", lab.source(by=BY))
        world.directory.mkdir()
        try:
            world.make(restic_newest)
            yield world
        finally:
            world.source.close()


@pytest.mark.timeout(600)
def test_a_chain_comes_back_when_every_point_it_grew_from_is_forgotten(chains: Chains) -> None:
    first = chains.run()
    assert [each.path for each in first.artifacts] == [f"/{chains.dataset}.streams/00.zfs"]
    chains.change("second")
    second = chains.run()
    before = chains.change("third")
    third = chains.run()
    assert [len(each.artifacts) for each in (first, second, third)] == [1, 2, LIMIT]
    whole, *changed = third.artifacts
    assert whole.census == first.artifacts[0].census
    assert all(each.census.bytes < whole.census.bytes / 4 for each in changed)
    assert third.artifacts[:2] != second.artifacts, "each point lists its own"
    assert sum(each.stored_bytes for each in third.artifacts[:2]) < 100_000
    assert len(chains.repository().list().points) == 1, "what it grew from is forgotten"
    chains.drtool("prune", "near")
    chains.drtool("verify", "near")
    chains.change("second")
    chains.drtool("restore", "datasets", "--yes")
    assert content(chains.root) == before
    assert chains.snapshots() == []


@pytest.mark.timeout(600)
def test_the_limit_makes_a_whole_one_and_few_snapshots_stay(chains: Chains) -> None:
    lengths, kept = [], []
    for number in range(5):
        before = chains.change(f"file {number}")
        lengths.append(len(chains.run().artifacts))
        kept.append(len(chains.snapshots()))
    assert lengths == [1, 2, 3, 1, 2]
    assert max(kept) <= 2
    chains.drtool("restore", "datasets", "--yes")
    assert content(chains.root) == before
    assert len(chains.run().artifacts) == 1, "a restored dataset is another one"


@pytest.mark.timeout(600)
def test_what_stays_for_a_person_stays_when_it_is_no_base_any_more(chains: Chains) -> None:
    policy = json.loads((chains.directory / "policy.yaml").read_text())
    policy["sets"]["datasets"]["keep_on_source"] = "2d"
    (chains.directory / "policy.yaml").write_text(json.dumps(policy))
    for number in range(LIMIT + 1):
        before = chains.change(f"file {number}")
        chains.run()
    chains.drtool("sweep")
    assert [chains.told(each, "what") for each in chains.snapshots()] == ["base", "base", "local", "base"]
    there = chains.root / ".zfs" / "snapshot" / chains.snapshots()[1].partition("@")[2]
    assert not (chains.root / ".zfs").exists() or (there / "file 1").read_bytes() == before["file 1"]
    for each in chains.snapshots()[:LIMIT]:
        chains.zfs("set", "drtool:expires=2020-01-01T00:00:00+00:00", each)
        chains.zfs("rename", each, each.replace("@drtool-until-2", "@drtool-until-1"))
    chains.drtool("run", "datasets")
    assert [chains.told(each, "what") for each in chains.snapshots()] == ["base", "base"], "as without the key"


@pytest.mark.timeout(600)
def test_a_base_that_is_gone_or_another_one_of_its_name_makes_a_whole_one_and_says_so(chains: Chains) -> None:
    chains.run()
    (base,) = chains.snapshots()
    chains.zfs("destroy", base)
    chains.change("second")
    member = chains.run()
    assert len(member.artifacts) == 1
    assert any("is not on the NAS any more" in warning for warning in member.warnings), member.warnings
    base = chains.snapshots()[-1]
    chains.zfs("destroy", base)
    chains.zfs("snapshot", base)
    before = chains.change("third")
    member = chains.run()
    assert len(member.artifacts) == 1
    assert any("is not on the NAS any more" in warning for warning in member.warnings), member.warnings
    assert base in chains.snapshots(), "what is not ours stays"
    chains.drtool("restore", "datasets", "--yes")
    assert content(chains.root) == before


@pytest.mark.timeout(600)
def test_a_chain_that_lost_a_link_is_never_gone_on_with(chains: Chains) -> None:
    chains.run()
    chains.change("second")
    chains.run()
    (point,) = chains.repository().list().points
    link = next(each for each in point.data if each.tree == chains.manifest().artifacts[0].tree)
    environment = {**os.environ, "RESTIC_PASSWORD": "a password", "RESTIC_REPOSITORY": str(chains.directory / "near")}
    subprocess.run([str(chains.directory / "bin" / "restic"), "forget", link.id], env=environment, check=True, capture_output=True)
    assert not chains.repository().list().points[0].whole
    chains.change("third")
    chains.drtool("run", "datasets", code=0)
    (member,) = chains.manifest().members
    assert len(member.artifacts) == 1
    assert any("is not whole" in warning for warning in member.warnings), member.warnings


@pytest.mark.timeout(600)
def test_what_was_copied_is_restored_from_there(chains: Chains) -> None:
    chains.run()
    before = chains.change("second")
    assert len(chains.run().artifacts) == 2
    (chains.directory / "near").rename(chains.directory / "away")
    chains.change("second")
    chains.drtool("restore", "datasets", "--from", "far", "--yes")
    assert content(chains.root) == before
    out = chains.directory / "out"
    out.mkdir()
    chains.drtool("restore", "datasets", "--from", "far", "--to", "directory", str(out), "--yes")
    streams = sorted(out.rglob("*.zfs"))
    assert [path.name for path in streams] == ["00.zfs", "01.zfs"]
    assert [path.stat().st_size for path in streams] == [each.census.bytes for each in chains.manifest("far").artifacts]
    place = f"{chains.lab.started.pool}/by-hand"
    for path in streams:
        with path.open("rb") as stream:
            subprocess.run([f"{zfs.programs()}/zfs", "receive", "-F", place], stdin=stream, check=True, timeout=60)
    assert content(chains.lab.root / place) == before


@pytest.mark.timeout(600)
def test_a_chain_with_a_damaged_link_is_never_gone_on_with(chains: Chains) -> None:
    chains.run()
    pack = max((chains.directory / "near" / "data").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    body = bytearray(pack.read_bytes())
    body[len(body) // 2] ^= 255
    pack.chmod(0o600)
    pack.write_bytes(bytes(body))
    assert not chains.drtool("verify", "near", code=None).startswith("0"), "it was found"
    chains.change("second")
    chains.drtool("run", "datasets", code=None)
    (member,) = chains.manifest().members
    assert len(member.artifacts) == 1
    assert any("found damaged" in warning for warning in member.warnings), member.warnings


@pytest.mark.timeout(600)
def test_a_link_that_cannot_be_listed_once_more_makes_a_whole_one(chains: Chains) -> None:
    chains.run()
    chains.change("second")
    chains.run()
    before = chains.change("third")
    # the first link is listed once more, the second is not
    mark = chains.directory / "mark"
    chains.action.write_text(
        f"case \" $* \" in *\" --ignore-inode \"*) [ ! -e '{mark}' ] || {{ echo broken >&2; exit 1; }}; touch '{mark}' ;; esac\n"
    )
    member = chains.run()
    chains.action.unlink()
    assert mark.exists()
    assert len(member.artifacts) == 1
    assert any("all of it was stored" in warning and "broken" in warning for warning in member.warnings), member.warnings
    listing = chains.repository().list()
    assert (listing.unsealed, [(point.whole, len(point.data)) for point in listing.points]) == ((), [(True, 1)])
    chains.drtool("restore", "datasets", "--yes")
    assert content(chains.root) == before


@pytest.mark.timeout(900)
def test_killed_at_every_step_of_a_chain_the_next_run_goes_on(chains: Chains) -> None:
    chains.run()
    lengths: list[int] = []
    kill = f"kill -9 $(cat '{chains.directory / 'pid'}')"
    for number, (moment, when) in enumerate(
        (
            ("--ignore-inode", kill),
            ("--ignore-inode", f'"$real" "$@"; {kill}'),
            ("--stdin-filename", kill),
            ("/manifest.json", f"{kill}; exit 1"),
        )
    ):
        before = chains.change(f"file {number}")
        chains.action.write_text(f'case " $* " in *" {moment} "*) {when} ;; esac\n')
        assert chains.drtool("run", "datasets", code=None).startswith("-9"), moment
        chains.action.unlink()
        assert all(point.whole for point in chains.repository().list().points)
        member = chains.run()
        lengths.append(len(member.artifacts))
        assert len(chains.snapshots()) <= 2, moment
        assert chains.repository().list().unsealed == (), moment
    assert lengths == [2, 3, 1, 2], "what the sealed point goes on with outlives every death"
    chains.drtool("restore", "datasets", "--yes")
    assert content(chains.root) == before


@pytest.mark.timeout(600)
def test_a_chain_is_drilled_and_no_look_or_sweep_takes_its_base(chains: Chains) -> None:
    chains.run()
    chains.change("second")
    chains.run()
    kept = chains.snapshots()
    chains.drtool("drill", "proof")
    chains.drtool("sweep")
    assert chains.snapshots() == kept
    policy = json.loads((chains.directory / "policy.yaml").read_text())
    policy["sets"]["datasets"]["protect"][0]["nas"]["exact"] = True
    (chains.directory / "policy.yaml").write_text(json.dumps(policy))
    assert [artifact.path for artifact in chains.run().artifacts] == [f"/{chains.dataset}.zfs"]
    assert chains.snapshots() == [], "a chain that was given up keeps nothing on the NAS"
