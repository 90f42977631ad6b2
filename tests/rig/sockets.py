"""Sockets among files, wherever the tests' folder lies: the kernel takes an address of at most 107 bytes."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def leave_socket(path: Path) -> None:
    """Leave a socket there that nobody listens to any more."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


@contextmanager
def heard() -> Iterator[tuple[socket.socket, str]]:
    """Listen for datagrams at an address that is short enough for whoever is told it."""
    with tempfile.TemporaryDirectory(prefix="heard-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        address = f"{folder}/here"
        there.bind(address)
        yield there, address
