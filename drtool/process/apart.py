"""Starts what outlives this program."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import IO

from drtool.model.errors import Interrupted, Refused, TimedOut
from drtool.process.scope import TICK_SECONDS, check_time


class EndedEarly(Refused):
    """A program that shall outlive this one ended before it was ready: its exit code, and what it said on both streams."""

    def __init__(self, exit_code: int, output: str, words: str) -> None:
        said = " / ".join(line.strip() for line in words.splitlines() if line.strip())
        super().__init__(said or f"it ended with exit code {exit_code}", hint="look at what it said above")
        self.exit_code = exit_code
        self.output = output
        self.words = words

    @property
    def kind(self) -> str:
        return Refused.__name__


def start_apart(argv: tuple[str, ...], *, ready: Callable[[], bool], seconds: float) -> int:
    """Start a program that outlives this one, wait until it is `ready`, and return its process id; EndedEarly tells why it is not."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=said, start_new_session=True)
        while not ready():
            if child.poll() is not None:
                raise EndedEarly(child.returncode, _read(output), _read(said))
            try:
                check_time(started, seconds, argv[0])
            except (Interrupted, TimedOut):
                child.terminate()
                raise
            time.sleep(TICK_SECONDS)
        return child.pid


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace").rstrip("\n")
