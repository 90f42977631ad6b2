"""What somebody writes into a pipe of ours, waited for with an end and an ear for the interrupt."""

from __future__ import annotations

import array
import fcntl
import os
import select
import termios
import threading

from drtool.process.scope import stopwatch

_TICK_MILLISECONDS = 100

_read: dict[str, bytes] = {}
"""A pipe gives its bytes once to a process, however often and by whom they are needed in it."""
_reading = threading.Lock()


def read_pipe_once(path: str, *, seconds: float, most_bytes: int) -> bytes:
    """Return what was written to the pipe at `path` until its writers closed it, at most one byte more than `most_bytes`.

    It is read once in the life of this process. Raises OSError, and Interrupted or TimedOut when nobody writes or it is never closed.
    """
    with _reading:
        if path not in _read:
            _read[path] = _drain(path, seconds, most_bytes)
        return _read[path]


def _drain(path: str, seconds: float, most_bytes: int) -> bytes:
    check = stopwatch(seconds, f"reading the pipe {path}")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    data = b""
    try:
        while len(data) <= most_bytes:
            check()
            if not poll.poll(_TICK_MILLISECONDS):
                continue
            chunk = os.read(descriptor, most_bytes + 1)
            if not chunk:
                break
            data += chunk
    finally:
        os.close(descriptor)
    return data


def waiting_bytes(descriptor: int) -> int:
    """Return how many bytes lie in a pipe and were not read yet."""
    waiting = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
    return waiting[0]
