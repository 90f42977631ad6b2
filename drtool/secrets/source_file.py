"""Reads the bytes of a secret from a file, or once from a pipe."""

from __future__ import annotations

import os
import stat

from drtool.model.errors import Refused, TimedOut
from drtool.model.secret import SecretReference
from drtool.openness import mode_remedy
from drtool.process import read_pipe_once

PIPE_SECONDS = 60.0
MOST_BYTES = 1 << 20


def read_secret_file(reference: SecretReference, path: str, *, private: bool) -> bytes:
    """Return what lies at `path`; a pipe is read once and waited for. Refused names the reference and never the value.

    With `private` a file that others may read is refused.
    """
    try:
        data = _read(reference, path, private=private)
    except TimedOut:
        what = f"the secret {reference} was waited for {PIPE_SECONDS:g} s: nobody writes to that pipe, or it is never closed"
        raise Refused(what, hint="write the secret there once, and close it") from None
    except OSError as error:
        raise Refused(f"the secret {reference} cannot be read: {error.strerror}", hint=f"look at {path}") from None
    if len(data) > MOST_BYTES:
        raise Refused(f"the secret {reference} is larger than a mebibyte", hint="a secret is one line; look at what lies there")
    return data


def _read(reference: SecretReference, path: str, *, private: bool) -> bytes:
    if stat.S_ISFIFO(os.stat(path).st_mode):
        return read_pipe_once(path, seconds=PIPE_SECONDS, most_bytes=MOST_BYTES)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if private and stat.S_ISREG(mode) and mode & 0o077:
            raise Refused(f"the secret {reference} may be read by others", hint=mode_remedy(path, "600"))
        if not stat.S_ISREG(mode):
            raise Refused(f"the secret {reference} is neither a file nor a pipe", hint=f"look at {path}")
        return os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)
