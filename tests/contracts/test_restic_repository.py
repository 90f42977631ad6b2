from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.catalog.memory import MemoryFolder
from drtool.engine.clock import SystemClock
from drtool.engine.remembered import Remembered
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.secrets.store import Secrets
from drtool.testing.repository_contract import BY, SOURCE, RepositoryContract, RepositoryPair
from tests.rig.rest import RestServer, rclone
from tests.rig.restic import VERSIONS, Version, binary
from tests.rig.s3 import S3Server
from tests.rig.sshd import SshServer

PASSWORD = SecretReference("env", "CONTRACT_PASSWORD")
SECRETS = {"CONTRACT_PASSWORD": "correct horse"}


def repository(
    address: Address, tmp_path: Path, binary: Path, *, by: str = BY, name: str = "near", seen_from: Address | None = None
) -> ResticRepository:
    local = LocalRunner()
    seen = {SOURCE: seen_from} if seen_from else {}
    return ResticRepository(
        policy=RepositoryPolicy(name, address, "home", seen_from=seen),
        by=by,
        secrets=Secrets({**os.environ, **SECRETS}, local),
        clock=SystemClock(),
        local=local,
        cache_directory=str(tmp_path / "cache"),
        binary=str(binary),
    )


def on_paths(tmp_path: Path, binary: Path) -> RepositoryPair:
    here, there = (Address(str(tmp_path / name), PASSWORD) for name in ("near", "far"))
    return pair_of(here, there, tmp_path, binary)


class TestOldestResticOnPaths(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_oldest: Path) -> RepositoryPair:
        return on_paths(tmp_path, restic_oldest)


class TestNewestResticOnPaths(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_newest: Path) -> RepositoryPair:
        return on_paths(tmp_path, restic_newest)


class TestResticOnS3(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server) -> RepositoryPair:
        bucket = f"contract{abs(hash(tmp_path))}"
        near, far = (Address(s3_server.address(bucket, name), PASSWORD, s3_server.environment()) for name in ("near", "far"))
        return pair_of(near, far, tmp_path, restic_newest)


class TestResticOnARestServer(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_oldest: Path, rest_server: RestServer) -> RepositoryPair:
        """With the oldest restic: it reads user and password in the address only."""
        folder = f"contract{abs(hash(tmp_path))}"
        near, far = (Address(rest_server.address(f"{folder}/{name}"), PASSWORD, rest_server.environment) for name in ("near", "far"))
        return pair_of(near, far, tmp_path, restic_oldest)


class TestResticThroughRclone(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_newest: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryPair:
        configuration = tmp_path / "rclone.conf"
        configuration.write_text(f"[cloud]\ntype = alias\nremote = {tmp_path}\n")
        monkeypatch.setenv("PATH", f"{rclone().parent}:{os.environ['PATH']}")
        near, far = (Address(f"rclone:cloud:{name}", PASSWORD, {"RCLONE_CONFIG": str(configuration)}) for name in ("near", "far"))
        return pair_of(near, far, tmp_path, restic_newest)


def pair_of(near: Address, far: Address, tmp_path: Path, binary: Path) -> RepositoryPair:
    return RepositoryPair(
        repository(near, tmp_path, binary),
        repository(far, tmp_path, binary, name="far"),
        repository(near, tmp_path, binary, by="stranger"),
        LocalRunner(),
        tmp_path,
    )


class TestResticOverSftpFromAnotherMachine(RepositoryContract):
    """The data is read and poured on a machine reached by SSH, to which the repository is a path; from here it is sftp."""

    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_newest: Path, ssh_server: SshServer) -> RepositoryPair:
        config = str(ssh_server.config)
        near, far = tmp_path / "near", tmp_path / "far"
        here = Address(ssh_server.address(near), PASSWORD, ssh_config=config)
        return RepositoryPair(
            repository(here, tmp_path, restic_newest, seen_from=Address(str(near), PASSWORD)),
            repository(Address(str(far), PASSWORD), tmp_path, restic_newest, name="far", seen_from=Address(str(far), PASSWORD)),
            repository(here, tmp_path, restic_newest, by="stranger", seen_from=Address(str(near), PASSWORD)),
            SshRunner(name="pi", host=ssh_server.alias, ssh_config=config),
            tmp_path,
        )


class TestRememberedRestic(RepositoryContract):
    """What a machine remembers of a repository changes nothing that a repository promises."""

    @pytest.fixture
    def pair(self, tmp_path: Path, home: Path, restic_newest: Path) -> RepositoryPair:
        pair = on_paths(tmp_path, restic_newest)
        places = {"near": pair.repository, "far": pair.other}
        folder = MemoryFolder(str(tmp_path / "state"), {name: policy_of(tmp_path, name) for name in places})
        near, far = (Remembered(each, folder=folder, by=BY, clock=SystemClock()) for each in places.values())
        return replace(pair, repository=near, other=far)


def policy_of(tmp_path: Path, name: str) -> RepositoryPolicy:
    return RepositoryPolicy(name, Address(str(tmp_path / name), PASSWORD), "home")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_restic_brings_a_stream_back_under_its_name_with_folders(tmp_path: Path, home: Path, version: Version) -> None:
    """The one of Debian 13 looks for those folders on the disk of who stores it, and fails."""
    TestNewestResticOnPaths().test_a_stream_comes_back_under_its_name_with_folders(on_paths(tmp_path, binary(version)))
