from __future__ import annotations

import os
from pathlib import Path

import pytest

from drtool.model.policy import SourcePolicy
from drtool.ports import Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, SourceContract, Subject
from tests.rig.sshd import SshServer


def files_subject(tmp_path: Path, runner: Runner) -> Subject:
    documents = tmp_path / "live" / "documents"
    documents.mkdir(parents=True)
    odd = os.fsdecode(b"odd \xff\nname")
    (documents / odd).mkdir()
    (documents / odd / odd).write_bytes(b"odd")
    (documents / "-plain").write_bytes(b"plain" * 100)
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by=BY, runner=runner, clock=FixedClock(), watch=(str(documents),))
    selector = {"paths": [str(documents)]}
    return Subject(source, selector, {"directory": str(tmp_path / "sandbox")}, tmp_path, missing={"paths": [str(tmp_path / "nowhere")]})


class TestFilesSourceHere(SourceContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        return files_subject(tmp_path, LocalRunner())

    def observe(self, subject: Subject) -> object:
        root = Path(subject.selector["paths"][0])
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def spoil(self, subject: Subject) -> None:
        (Path(subject.selector["paths"][0]) / "-plain").write_bytes(b"damaged")


class TestFilesSourceOverSsh(TestFilesSourceHere):
    @pytest.fixture
    def subject(self, tmp_path: Path, ssh_server: SshServer) -> Subject:
        return files_subject(tmp_path, SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config)))
