from __future__ import annotations

import contextlib
import json
import os
from typing import Any


def make_folder(path: str) -> None:
    """Make a private folder (0700) and its parents."""
    parent = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(parent):
        make_folder(parent)  # `makedirs` gives its mode to the last folder only
    os.makedirs(path, mode=0o700, exist_ok=True)


def write_atomically(path: str, data: bytes) -> None:
    """Replace a private file (0600) by new content: after a crash it holds the old bytes or the new ones."""
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_json(path: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return the JSON value of a file, or None when it is absent or damaged (everything local is a cache)."""
    try:
        with open(path, "rb") as stream:
            return json.loads(stream.read())
    except (OSError, ValueError, RecursionError):
        return None


def write_once(path: str, data: bytes) -> None:
    """Write a private file (0600) that is never replaced: of two first calls at once one wins, and both find what it wrote.

    Raises OSError when it cannot be written.
    """
    make_folder(os.path.dirname(path))
    with contextlib.suppress(FileExistsError):
        write_new(path, data)


def write_new(path: str, data: bytes) -> None:
    """Write a private file (0600) where nothing is, whole or not at all; FileExistsError where something is, OSError when it cannot be."""
    temporary = f"{path}.{os.urandom(8).hex()}.new"  # threads ask at once, too
    try:
        make_folder(os.path.dirname(path))
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
