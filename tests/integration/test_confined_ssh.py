"""Keys of OpenSSH that may do what drtool needs and no more, as docs/security.md writes them, on a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool.model.command import Command
from drtool.model.errors import DrtoolError
from drtool.runners.ssh import SshRunner
from tests.rig.sshd import SshServer
from tests.rig.timed_host import Host

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
FOR_SFTP = 'restrict,command="internal-sftp"'
FOR_A_RUNNER = "restrict"


@pytest.fixture
def server() -> Iterator[SshServer]:
    with SshServer() as started:
        yield started


def confine(server: SshServer, options: str) -> None:
    """Let the only key there have these options, which the document tells to write."""
    assert f"{options} ssh-ed25519 " in DOCUMENT.read_text()
    key = server.directory / "client.pub"
    key.write_text(f"{options} {key.read_text()}")


def ssh(server: SshServer, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["ssh", "-F", str(server.config), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)


def forwards(server: SshServer) -> bool:
    """Tell whether somebody with the key reaches, through the machine, what listens there: its own port says a greeting."""
    return "SSH-2.0" in ssh(server, "-W", f"127.0.0.1:{server.port}", server.alias).stdout


def test_a_key_for_a_repository_over_sftp_opens_no_shell(tmp_path: Path, home: Path, restic_newest: Path, server: SshServer) -> None:
    assert ssh(server, server.alias, "echo", "in").stdout == "in\n"
    assert forwards(server)
    confine(server, FOR_SFTP)
    host = Host(tmp_path / "host", restic_newest)
    host.policy["repositories"]["near"] |= {
        "restic": server.address(tmp_path / "there"),
        "ssh_config": str(server.config),
        "timeout": "30s",
    }
    for verb in ("init", "run"):
        host.done(verb)
    host.done("restore", "docs", "--to", "directory", str(tmp_path / "back"), "--yes")
    assert [path.read_text() for path in (tmp_path / "back").rglob("letter")] == ["dear"]
    asked = ssh(server, server.alias, f"touch {tmp_path}/touched; echo in")
    assert "in\n" not in asked.stdout
    assert not (tmp_path / "touched").exists()
    assert not forwards(server)


def test_a_key_for_another_machines_files_runs_commands_and_forwards_nothing(server: SshServer) -> None:
    confine(server, FOR_A_RUNNER)
    runner = SshRunner(name="pi", host=server.alias, ssh_config=str(server.config))
    assert runner.run(Command(("echo", "there"))).standard_output == b"there\n"
    assert not forwards(server)


def test_a_forced_command_leaves_a_runner_nothing_and_that_is_said(server: SshServer) -> None:
    confine(server, FOR_SFTP)
    runner = SshRunner(name="pi", host=server.alias, ssh_config=str(server.config))
    with pytest.raises(DrtoolError):
        runner.run(Command(("echo", "there"), timeout_seconds=20))
