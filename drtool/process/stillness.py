"""Ends what stands still: a program that moves no byte, here or through its files and sockets, and uses no processor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from drtool.model.errors import Unavailable

MOVED_BYTES = 4096
"""Fewer in a whole look are no progress: an idle program wakes now and then."""
BUSY_SHARE = 0.05
_LOOKS = 4
_SHORTEST_LOOK_SECONDS = 0.2
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _SESSION = 11, 12, 3


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a program has moved and used since it began: bytes it read and wrote, whatever they were, and processor seconds."""

    bytes: int = 0
    processor_seconds: float = 0.0

    def __add__(self, other: Self) -> Pulse:
        return Pulse(self.bytes + other.bytes, self.processor_seconds + other.processor_seconds)


TakePulse = Callable[[], Pulse | None]
"""Returns None when it cannot be felt: then only what the program prints tells that it lives."""


class Stillness:
    """Looks now and then whether a program moves; raises Unavailable when it did not for longer than its limit.

    What it prints for a person is no movement: a clock that ticks on a screen copies no data.
    """

    def __init__(self, program: str, *, limit_seconds: float, take_pulse: TakePulse) -> None:
        self._program = program
        self._limit = limit_seconds
        self._take = take_pulse
        self._look = max(_SHORTEST_LOOK_SECONDS, limit_seconds / _LOOKS)
        self.words = 0
        """Bytes that it printed for a person or as an answer, to be taken off from what it moved."""
        self._known: Pulse | None = None
        self._known_words = 0
        self._seen = self._moved = time.monotonic()

    def moved(self) -> None:
        """Remember that it moves data, or that nothing is expected of it now."""
        self._moved = self._seen = time.monotonic()

    def check(self) -> None:
        """Look, when it is time, and raise Unavailable when it has stood still for too long."""
        now = time.monotonic()
        if now - self._seen < self._look:
            return
        pulse, words = self._take(), self.words
        if pulse is None or self._known is None or self._has_moved(pulse, words, now - self._seen):
            self._moved = now if pulse is not None or words != self._known_words else self._moved
        self._known, self._known_words, self._seen = pulse, words, now
        if now - self._moved > self._limit:
            error = Unavailable(
                f"{self._program} has stood still for {self._limit:g} s: it reads nothing, writes nothing and computes nothing",
                hint="look at the disk, the network or the server that it waits for",
            )
            error.transient = False  # it was waited for already
            raise error

    def _has_moved(self, pulse: Pulse, words: int, seconds: float) -> bool:
        known = self._known or Pulse()
        data = abs(pulse.bytes - known.bytes) - (words - self._known_words)
        return data >= MOVED_BYTES or pulse.processor_seconds - known.processor_seconds >= BUSY_SHARE * seconds


def pulse_of_session(leader: int) -> Pulse | None:
    """Return what the processes of a session of this machine have moved and used together."""
    total = None
    for name in os.listdir("/proc"):
        if name.isdigit() and (pulse := _pulse_of(name, str(leader).encode())) is not None:
            total = pulse if total is None else total + pulse
    return total


def _pulse_of(pid: str, session: bytes) -> Pulse | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            stat = stream.read().rpartition(b")")[2].split()
        if stat[_SESSION] != session:
            return None
        with open(f"/proc/{pid}/io", "rb") as stream:
            return read_pulse(stat, stream.read().split(b"\n"))
    except OSError:
        return None


def read_pulses(text: bytes) -> Pulse:
    """Add up what was printed of several processes: `stat`, then `io`, then an empty line for each; ValueError when it is none of it."""
    total = Pulse()
    for part in text.split(b"\n\n"):
        stat, _feed, counters = part.partition(b"\n")
        if stat:
            total += read_pulse(stat.rpartition(b")")[2].split(), counters.split(b"\n"))
    return total


def read_pulse(stat: list[bytes], counters: list[bytes]) -> Pulse:
    """Read the fields behind the name in `/proc/PID/stat`, and the first lines of `/proc/PID/io`."""
    moved = sum(int(line.partition(b": ")[2]) for line in counters[:2])
    return Pulse(moved, (int(stat[_USER]) + int(stat[_SYSTEM])) / _TICKS_PER_SECOND)
