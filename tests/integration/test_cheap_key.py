"""The tests' restic makes repositories that are quick to open, wherever they are kept."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.rig.s3 import S3Server
from tests.rig.sshd import SshServer


@pytest.mark.parametrize("kept", ["directory", "s3", "sftp"])
def test_a_fresh_repository_is_quick_to_open(
    kept: str, tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server, ssh_server: SshServer
) -> None:
    made = tmp_path / "made"
    address = {"directory": str(made), "s3": s3_server.address("cheap", "made"), "sftp": ssh_server.address(made)}[kept]
    environment = {**os.environ, **s3_server.environment(), "RESTIC_REPOSITORY": address, "RESTIC_PASSWORD": "pass-word"}

    def ask(*arguments: str) -> bytes:
        argv = [str(restic_newest), "--no-cache", *ssh_server.restic_options, *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, check=True).stdout

    ask("init")
    (key,) = json.loads(ask("key", "list", "--json"))
    assert json.loads(ask("cat", "key", key["id"]))["N"] == 2
