"""A real Network UPS Tools server whose UPS is that project's own simulation, so that the mains can fail at a word."""

import os
import subprocess
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.missing import tool
from tests.rig.ports import LOOPBACK
from tests.rig.server import Server

_DRIVER, _DAEMON = "/lib/nut/dummy-ups", "/lib/nut/upsd"
"""Debian's programs on the path are scripts that go by the machine's own settings."""


class Ups(Server):
    """One UPS, on line at first."""

    name: ClassVar[str] = "ups"

    def __init__(self) -> None:
        super().__init__()
        self._driver: Child | None = None
        self.says("OL")

    @property
    def address(self) -> str:
        """Its name as `upsc` takes it."""
        return f"sim@{LOOPBACK}:{self.port}"

    def says(self, status: str) -> None:
        """Let it be in a state: `OL`, `OB DISCHRG`."""
        new = self.directory / "new"
        new.write_text(f"ups.status: {status}\nTIMER 1\n")
        new.rename(self.directory / "sim.dev")

    def status(self) -> str:
        """What upsd tells now."""
        asked = [tool("upsc", package="nut-client"), self.address, "ups.status"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    def kill(self) -> None:
        super().kill()
        if self._driver is not None:
            self._driver.kill()

    def _spawn(self) -> Child:
        tool(_DRIVER, package="nut-server")
        for name, text in (
            ("ups.conf", "[sim]\ndriver = dummy-ups\nport = sim.dev\nmode = dummy-loop\n"),
            ("upsd.conf", f"LISTEN {LOOPBACK} {self.port}\n"),
            ("upsd.users", ""),
        ):
            (self.directory / name).write_text(text)
            (self.directory / name).chmod(0o640)
        places = dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(self.directory))
        environment = {"PATH": os.defpath, **places}
        user = ("-u", "root") if os.geteuid() == 0 else ()
        self._driver = Child([_DRIVER, "-a", "sim", *user, "-D"], log=self.log, environment=environment)
        return Child([_DAEMON, *user, "-D"], log=self.log, environment=environment)

    def _answers(self) -> bool:
        return self.status() == "OL"
