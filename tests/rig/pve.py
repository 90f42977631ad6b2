"""A simulated Proxmox VE cluster as a throw-away server: what `drtool lab proxmox` starts, in its own directory."""

import os
import sys
from pathlib import Path
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.ports import is_listening
from tests.rig.server import Server

ROOT = Path(__file__).parents[2]


class PveServer(Server):
    """Two nodes, each at a port of its own."""

    name: ClassVar[str] = "proxmox"
    port_count: ClassVar[int] = 2

    def __init__(self, *options: str, release: str = "9.2") -> None:
        super().__init__()
        self.release = release
        self.home = self.directory / "pve"
        self._options = options

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def authority(self) -> Path:
        return self.home / "pve-root-ca.pem"

    @property
    def token(self) -> str:
        return (self.home / "drtool.token").read_text().strip()

    def _spawn(self) -> Child:
        ports = (word for port in self._ports.numbers for word in ("--port", str(port)))
        kept = ("--directory", str(self.home), "--release", self.release)
        argv = (sys.executable, "-m", "drtool.cli.main", "lab", "proxmox", *kept, *ports, "--hasty", *self._options)
        path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
        return Child(argv, log=self.log, environment={**os.environ, "PYTHONPATH": path})

    def _answers(self) -> bool:
        return (self.home / "policy.yaml").exists() and all(map(is_listening, self._ports.numbers))
