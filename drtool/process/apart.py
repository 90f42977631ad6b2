"""Starts what outlives this program."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable

from drtool.model.errors import Interrupted, Refused, TimedOut
from drtool.process.scope import TICK_SECONDS, check_time


def start_apart(argv: tuple[str, ...], *, ready: Callable[[], bool], seconds: float) -> int:
    """Start a program that outlives this one, wait until it is `ready`, and return its process id; Refused tells why it ended before."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)
        while not ready():
            if child.poll() is not None:
                said.seek(0)
                words = said.read().decode("utf-8", "replace").strip()
                raise Refused(words or f"it ended with exit code {child.returncode}", hint="look at what it said above")
            try:
                check_time(started, seconds, argv[0])
            except (Interrupted, TimedOut):
                child.terminate()
                raise
            time.sleep(TICK_SECONDS)
        return child.pid
