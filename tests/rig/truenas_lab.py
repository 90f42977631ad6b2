"""The simulated appliance in a thread of the test's process."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drtool import process
from drtool.engine.clock import SystemClock
from drtool.lab.truenas.run import Settings, Started, serve
from drtool.model.command import Command
from drtool.model.policy import SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.source import TruenasSource


@dataclass(frozen=True)
class Lab:
    """A running appliance and where its datasets lie."""

    started: Started
    root: Path
    mounts: Path

    def faults(self, *entries: dict[str, Any]) -> None:
        """Write the script of faults anew."""
        path = Path(self.started.directory) / "faults.json"
        path.with_suffix(".new").write_text(json.dumps(list(entries)))
        path.with_suffix(".new").replace(path)

    def calls(self, method: str) -> int:
        """Count the calls of a method so far."""
        lines = (Path(self.started.directory) / "calls.jsonl").read_text().splitlines()
        return sum(json.loads(line).get("method") == method for line in lines)

    def source(self, *, by: str, watch: tuple[str, ...] = (), administrator: bool = False, **settings: object) -> TruenasSource:
        """Make a source that reads this appliance over its shares."""
        key = self.started.administrator_key_file if administrator else self.started.worker_key_file
        user = "truenas_admin" if administrator else "drtool"
        keys = {"url": self.started.url, "user": user, "key": f"file:{key}", "ca": self.started.certificate, "mounts": str(self.mounts)}
        policy = SourcePolicy("nas", "truenas", "home", {**keys, **settings})
        runner = LocalRunner()
        secrets = Secrets(os.environ, runner)
        return TruenasSource(policy=policy, by=by, runner=runner, clock=SystemClock(), secrets=secrets, watch=watch)


def _start_apart(argv: tuple[str, ...], ready: Callable[[], bool], seconds: float) -> int:
    return process.start_apart(argv, ready=ready, seconds=seconds)


@contextlib.contextmanager
def running_lab(directory: Path, *, release: str = "25.10", zfs: str = "", pool: str = "tank") -> Iterator[Lab]:
    """Run an appliance on plain directories, or on real ZFS by the programs of a directory; its mount program is put first on PATH."""
    ready, stop = threading.Event(), threading.Event()
    box: list[Started] = []
    settings = Settings(str(directory / "lab"), release=release, hasty=True, zfs=bool(zfs), programs=zfs, pool=pool, bytes=1 << 30)

    def on_start(started: Started) -> None:
        box.append(started)
        ready.set()

    def work() -> None:
        serve(settings, runner=LocalRunner(), clock=SystemClock(), start_apart=_start_apart, on_start=on_start, until=stop.is_set)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(20), "the appliance did not start"
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{box[0].programs}:{before}"
    try:
        yield Lab(box[0], Path(box[0].directory) / "mnt", directory / "mounts")
    finally:
        os.environ["PATH"] = before
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            place = line.split(" ")[4]
            if place.startswith(f"{directory}/"):
                LocalRunner().run(Command(("umount", "-l", place)))
        stop.set()
        thread.join(20)
