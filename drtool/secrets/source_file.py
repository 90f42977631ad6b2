"""Reads the bytes of a secret from a file, or once from a pipe."""

from __future__ import annotations

import os
import select
import shlex
import stat
import threading

from drtool.model.errors import Refused, TimedOut
from drtool.model.secret import SecretReference
from drtool.process import stopwatch

PIPE_SECONDS = 60.0
MOST_BYTES = 1 << 20
_TICK_MILLISECONDS = 100

_from_pipes: dict[str, bytes] = {}
"""A pipe gives its bytes once to a process, however often and by whom they are needed in it."""
_reading = threading.Lock()


def read_secret_file(reference: SecretReference, path: str, *, private: bool) -> bytes:
    """Return what lies at `path`; a pipe is read once and waited for. Refused names the reference and never the value.

    With `private` a file that others may read is refused.
    """
    with _reading:
        if path in _from_pipes:
            return _from_pipes[path]
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Refused(f"the secret {reference} cannot be read: {error.strerror}", hint=f"look at {path}") from None
        try:
            return _read(reference, path, descriptor, private=private)
        except OSError as error:
            raise Refused(f"the secret {reference} cannot be read: {error.strerror}", hint=f"look at {path}") from None
        finally:
            os.close(descriptor)


def _read(reference: SecretReference, path: str, descriptor: int, *, private: bool) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if private and stat.S_ISREG(mode) and mode & 0o077:
        raise Refused(f"the secret {reference} may be read by others", hint=f"chmod 600 {shlex.quote(path)}")
    if stat.S_ISFIFO(mode):
        return _from_pipes.setdefault(path, _bounded(reference, _drain(reference, descriptor)))
    if not stat.S_ISREG(mode):
        raise Refused(f"the secret {reference} is neither a file nor a pipe", hint=f"look at {path}")
    return _bounded(reference, os.read(descriptor, MOST_BYTES + 1))


def _drain(reference: SecretReference, descriptor: int) -> bytes:
    """Read a pipe to its end; one that nobody writes to yet is waited for."""
    check = stopwatch(PIPE_SECONDS, f"reading the secret {reference}")
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    data = b""
    while len(data) <= MOST_BYTES:
        try:
            check()
        except TimedOut as error:
            raise Refused(f"{error.what}: nobody writes to that pipe, or it is never closed", hint="write the secret there once") from None
        if not poll.poll(_TICK_MILLISECONDS):
            continue
        chunk = os.read(descriptor, MOST_BYTES + 1)
        if not chunk:
            break
        data += chunk
    return data


def _bounded(reference: SecretReference, data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise Refused(f"the secret {reference} is larger than a mebibyte", hint="a secret is one line; look at what lies there")
    return data
