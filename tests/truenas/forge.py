"""The forge of tests/faults for drtools that ask a NAS: they do not wait long, and die where they are told.

Further keys of a specification:

- `change`: SIGKILL to itself as soon as the so-many-th change was sent to the NAS, whose answer it never reads;
- `method` and `nth`: the same at the so-many-th change by that method;
- `note`: where to write, at each event and each change sent, what of the world differed then.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import websockets.client  # noqa: F401 - loaded once for all

import drtool.sources.truenas.schema
import drtool.sources.truenas.source  # noqa: F401 - loaded once for all
from drtool.engine.clock import SystemClock
from drtool.sources.truenas.api import download
from drtool.sources.truenas.api.connection import Link
from tests.faults import driver, forge

CHANGES = re.compile(r'"method": "([a-z_.]+\.(?:create|delete|clone|update|rename|promote|hold|release|rollback))"')
_HASTY_DOWNLOAD_SECONDS = 1.5
HASTE = 25
"""So many times shorter is every wait of ours; the clock is told that the whole time passed."""


def hasten() -> None:
    """Let waits be short and count in full; only the wall clock is left alone, as points are dated by it."""
    sleep, monotonic = SystemClock.sleep, SystemClock.monotonic
    passed = 0.0

    def shorter(self: SystemClock, seconds: float) -> None:
        nonlocal passed
        sleep(self, seconds / HASTE)
        passed += seconds * (1 - 1 / HASTE)

    def further(self: SystemClock) -> float:
        return monotonic(self) + passed

    download._SECONDS = _HASTY_DOWNLOAD_SECONDS  # type: ignore[misc]
    SystemClock.sleep, SystemClock.monotonic = shorter, further  # type: ignore[method-assign]


class World:
    """What of the world a death could find different: changes sent, mounts, and what lies in the repository and on this host."""

    def __init__(self, specification: dict[str, Any]) -> None:
        self._note = specification.get("note")
        self._kill = specification.get("change", 0)
        self._roots = specification.get("roots", ())
        self._mounts = specification.get("mounts", "")
        self._method, self._nth = specification.get("method"), specification.get("nth", 0)
        self._asked = 0
        self._changes = 0
        self._events = 0
        self._lock = threading.Lock()

    def listen_to_changes(self) -> None:
        """Look at everything that is sent to the NAS."""
        send = Link.send

        def watched(link: Link, text: str) -> None:
            found = CHANGES.search(text)
            send(link, text)
            if found:
                with self._lock:
                    self._changes += 1
                    self._write("change", self._changes, found[1])
                    self._asked += found[1] == self._method
                    if self._changes == self._kill or (found[1] == self._method and self._asked == self._nth):
                        os.kill(os.getpid(), signal.SIGKILL)

        Link.send = watched  # type: ignore[assignment, method-assign]

    def hear(self, kind: str, step: str, program: str) -> None:
        """Take an event."""
        with self._lock:
            self._events += 1
            self._write("at", self._events, f"{kind} {step} {program}")

    def _write(self, key: str, number: int, words: str) -> None:
        if self._note:
            with open(self._note, "a", encoding="utf-8") as stream:
                stream.write(json.dumps([key, number, words, self._signature()]) + "\n")

    def _signature(self) -> list[Any]:
        mounts = sum(f" {self._mounts}/" in line for line in Path("/proc/self/mountinfo").read_text().splitlines())
        walks = (walk for root in self._roots for walk in os.walk(root))  # which passes over what goes away meanwhile
        listed = sorted(
            os.path.join(folder, name) for folder, folders, files in walks for name in (*folders, *files) if "/locks" not in folder
        )
        return [self._changes, mounts, hash(tuple(listed))]


def work(specification: dict[str, Any], path: str) -> None:
    """Be that drtool."""
    hasten()
    world = World(specification)
    world.listen_to_changes()
    hear = driver.Killer.__call__

    def heard(killer: driver.Killer, event: Any) -> None:  # noqa: ANN401
        hear(killer, event)
        if event.kind.value != "progress":
            world.hear(*killer.heard[-1])

    driver.Killer.__call__ = heard  # type: ignore[assignment, method-assign]
    driver.main(path)


if __name__ == "__main__":
    forge.serve(work)
