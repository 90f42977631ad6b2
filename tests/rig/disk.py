"""A small disk that is soon full."""

import os
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.missing import MissingToolError, tool


class _Mount:
    """A tmpfs that goes with its object or with the interpreter."""

    def __init__(self, size: str) -> None:
        if os.geteuid() != 0:
            raise MissingToolError("only root can mount a small disk")
        self.path = Path(tempfile.mkdtemp(prefix="drtool-disk-"))
        command = [tool("mount", package="mount"), "-t", "tmpfs", "-o", f"size={size}", "drtool-rig", str(self.path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            self.path.rmdir()
            raise MissingToolError(f"this machine does not let root mount: {result.stderr.strip()}")
        self.close = weakref.finalize(self, _unmount, self.path, os.getpid())


@contextmanager
def full_disk(size: str) -> Iterator[Path]:
    """An empty file system of so many bytes (tmpfs's words: 1m, 64k), gone at the end; root only."""
    mount = _Mount(size)
    try:
        yield mount.path
    finally:
        mount.close()


def _unmount(path: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork does not own it
        return
    # Lazily: a process that still stands in it must not keep it in place.
    subprocess.run([tool("umount", package="mount"), "--lazy", str(path)], check=True)
    path.rmdir()
