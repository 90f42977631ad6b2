"""A real SSH server on loopback: OpenSSH."""

import getpass
import os
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.missing import tool
from tests.rig.ports import LOOPBACK, is_listening
from tests.rig.server import Server

_SERVER = """\
Port {port}
ListenAddress {loopback}
HostKey "{directory}/host"
PidFile none
AuthorizedKeysFile "{directory}/client.pub"
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv HOME="{directory}/home"
"""
"""Who logs in has a home of the test's own: what a person's login files start would be started for every single command."""

_CLIENT = """\
Host {alias}
    HostName {loopback}
    Port {port}
    User {user}
    IdentityFile "{directory}/client"
    IdentitiesOnly yes
    UserKnownHostsFile "{directory}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
"""


class SshServer(Server):
    """OpenSSH's server for the user who runs the tests; reach it by `ssh -F CONFIG pi COMMAND`."""

    name: ClassVar[str] = "ssh"
    alias: ClassVar[str] = "pi"

    def __init__(self) -> None:
        super().__init__()
        self.config = self.directory / "ssh_config"
        self.known_hosts = self.directory / "known_hosts"

    def address(self, path: Path) -> str:
        """A repository's address over SFTP as restic wants it; goes with `restic_options`."""
        return f"sftp:{self.alias}:{path}"

    @property
    def restic_options(self) -> list[str]:
        return ["-o", f"sftp.command=ssh -F {self.config} {self.alias} -s sftp"]

    def command(self, *arguments: str) -> list[str]:
        """The argument list that runs a command on the server."""
        return ["ssh", "-F", str(self.config), self.alias, *arguments]

    def _spawn(self) -> Child:
        server = tool("sshd", package="openssh-server")
        tool("ssh", package="openssh-client")
        if not self.config.exists():
            self._write_files()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd separates its privileges here
        return Child([server, "-D", "-e", "-f", str(self.directory / "sshd_config")], log=self.log)

    def _answers(self) -> bool:
        return is_listening(self.port)

    def _write_files(self) -> None:
        (self.directory / "home").mkdir()
        for key in ("host", "client"):
            subprocess.run(
                [
                    tool("ssh-keygen", package="openssh-client"),
                    *("-q", "-t", "ed25519", "-N", "", "-C", key),
                    *("-f", str(self.directory / key)),
                ],
                check=True,
            )
        values = {
            "alias": self.alias,
            "directory": self.directory,
            "loopback": LOOPBACK,
            "port": self.port,
            "user": getpass.getuser(),
        }
        host_key = (self.directory / "host.pub").read_text()
        self.known_hosts.write_text(f"[{LOOPBACK}]:{self.port} {host_key}")
        (self.directory / "sshd_config").write_text(_SERVER.format_map(values))
        self.config.write_text(_CLIENT.format_map(values))
