"""The simulated appliance in a thread of the test's process."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from drtool.engine.clock import SystemClock
from drtool.lab.truenas.run import Settings, Started, serve
from drtool.model.command import Command
from drtool.model.label import LabelProofs
from drtool.model.policy import SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig import zfs
from tests.rig.truenas_models import Witness

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Lab:
    """A running appliance and where its datasets lie."""

    started: Started
    root: Path
    mounts: Path
    witness: Witness

    @property
    def pool(self) -> str:
        """The name of its pool: `tank`, and of real ZFS one that no other appliance on this machine has."""
        return self.started.pool

    def refresh(self, source: TruenasSource) -> None:
        """Bring it back to what a fresh one has: for those who share one."""
        self.faults()
        client = source.client
        for share in client.read("sharing.nfs.query"):
            client.change("sharing.nfs.delete", share["id"], look=lambda: False)
        for row in client.read("pool.dataset.query", [], {"extra": {"properties": []}}):
            if row["id"].count("/") == 1:
                client.change("pool.dataset.delete", row["id"], {"recursive": True}, look=lambda: False)
        for name in ("documents", "documents/letters"):
            create_dataset(client, f"{self.pool}/{name}", {})
            (self.root / self.pool / name / "read-me").write_text(f"This lies in {name}.\n")
        (Path(self.started.directory) / "calls.jsonl").write_bytes(b"")

    def faults(self, *entries: dict[str, Any]) -> None:
        """Write the script of faults anew."""
        path = Path(self.started.directory) / "faults.json"
        path.with_suffix(".new").write_text(json.dumps(list(entries)))
        path.with_suffix(".new").replace(path)

    def calls(self, method: str) -> int:
        """Count the calls of a method so far."""
        lines = (Path(self.started.directory) / "calls.jsonl").read_text().splitlines()
        return sum(json.loads(line).get("method") == method for line in lines)

    def ssh(self) -> dict[str, str]:
        """The keys of a source that reach its shell; skips the test where this machine cannot have one."""
        if not self.started.ssh:
            pytest.skip("no SSH server is installed here")
        return {"ssh": self.started.ssh, "ssh_config": self.started.ssh_config}

    def settings(self, *, administrator: bool = False) -> dict[str, Any]:
        """Return the settings of a source that reads this appliance over its shares."""
        key = self.started.administrator_key_file if administrator else self.started.worker_key_file
        user = "truenas_admin" if administrator else "drtool"
        return {"url": self.started.url, "user": user, "key": f"file:{key}", "ca": self.started.certificate, "mounts": str(self.mounts)}

    def source(
        self, *, by: str, watch: tuple[str, ...] = (), administrator: bool = False, system: str = "", machine: str = "", **settings: object
    ) -> TruenasSource:
        """Make a source of those settings and more."""
        policy = SourcePolicy("nas", "truenas", "home", {**self.settings(administrator=administrator), **settings})
        runner = LocalRunner()
        secrets = Secrets(os.environ, runner)
        remote = None
        if "ssh" in settings:
            remote = SshRunner(name="nas", host=str(settings["ssh"]), ssh_config=str(settings["ssh_config"]))
        return TruenasSource(
            policy=policy,
            by=by,
            runner=runner,
            clock=SystemClock(),
            secrets=secrets,
            watch=watch,
            system=system,
            remote=remote,
            machine=lambda: machine,
            proofs=proofs,
        )


def proofs() -> LabelProofs:
    """Return the key of the one state directory that all sources of the tests share, in whatever process."""
    return LabelProofs(b"a key of the tests".ljust(32))


_CHILDREN: list[subprocess.Popen[bytes]] = []


def _start_apart(argv: tuple[str, ...], ready: Callable[[], bool], seconds: float) -> int:
    """Start the daemon as a child that is known, so that its end is noticed."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    _CHILDREN.append(child)
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"{argv[0]} does not answer"
        time.sleep(0.05)
    return child.pid


@contextlib.contextmanager
def running_lab(directory: Path, *, release: str = "25.10", pool: str = "tank", volume: int = 0, real: bool = False) -> Iterator[Lab]:
    """Run an appliance on plain directories, or on real ZFS; its mount program is put first on PATH meanwhile.

    All that goes through it is held against the table of calls, and what does not fit fails the test.
    """
    ready, stop = threading.Event(), threading.Event()
    box: list[Started] = []
    witness = Witness()
    settings = Settings(str(directory / "lab"), release=release, pool=pool, volume=volume, hasty=True)
    if real:
        pool = f"{pool}{os.getpid()}x{next(_NUMBERS)}"
        settings = replace(settings, zfs=True, pool=pool, programs=zfs.programs(), bytes=2 << 30)

    def on_start(started: Started) -> None:
        box.append(started)
        ready.set()

    def work() -> None:
        serve(
            settings,
            runner=LocalRunner(),
            clock=SystemClock(),
            start_apart=_start_apart,
            on_start=on_start,
            until=stop.is_set,
            witness=witness,
        )

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(60), "the appliance did not start"
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{box[0].programs}:{before}"
    try:
        yield Lab(box[0], Path(box[0].directory) / "mnt", directory / "mounts", witness)
        witness.require_none()
    finally:
        os.environ["PATH"] = before
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            place = line.split(" ")[4]
            if place.startswith(f"{directory}/"):
                LocalRunner().run(Command(("umount", "-l", place)))
        stop.set()
        thread.join(60)
        for child in _CHILDREN:
            if child.poll() is not None:
                child.wait()
        _CHILDREN[:] = [child for child in _CHILDREN if child.returncode is None]
