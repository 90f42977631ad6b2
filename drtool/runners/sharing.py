from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from typing import Final

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import DrtoolError
from drtool.openness import opening_of

_IDLE_SECONDS: Final = 20
"""So long a connection stays after the last command: the next one of a run comes sooner, and what is killed leaves it no longer."""
_LONGEST_PATH: Final = 107 - 17
"""What the address of a socket may hold, and what OpenSSH adds to it while it makes one."""
_QUICK_SECONDS: Final = 5.0
_PLAIN: Final = re.compile(r"/[\w/.-]*")
"""OpenSSH reads spaces, quotes, `%` and `${…}` in the path of a socket as it pleases."""
_OWN: Final = frozenset({"controlmaster", "controlpath"})
_NOT_SET: Final = frozenset({"false", "none"})


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the commands for a host go through one connection; without options each makes its own."""

    directory: str = ""
    """Where its socket lies: OpenSSH asks nobody who listens there, so nobody else may ever put one in its place."""
    options: tuple[str, ...] = ()

    @property
    def is_safe(self) -> bool:
        """Tell whether the place is still there and still ours alone; what shares nothing is always safe."""
        return not self.directory or _is_private(self.directory)


def sharing_of(host: str, options: tuple[str, ...]) -> Sharing:
    """Return how the commands for a host share a connection; not at all where that is not possible, not safe, or set already.

    A connection costs what a command over an open one does not: name lookup, key exchange, login. The first command makes it, OpenSSH
    keeps it in the background, and ends it when nothing has used it for a while, also after a SIGKILL of ours.
    """
    directory = _private_directory()
    path = os.path.join(directory, os.urandom(8).hex())
    if not directory or len(os.fsencode(path)) > _LONGEST_PATH or not _is_left_to_us(host, options):
        return Sharing()
    settings = (f"ControlPath={path}", "ControlMaster=auto", f"ControlPersist={_IDLE_SECONDS}")
    return Sharing(directory, tuple(word for setting in settings for word in ("-o", setting)))


def _is_left_to_us(host: str, options: tuple[str, ...]) -> bool:
    """Tell whether nothing in the person's own settings speaks of shared connections."""
    try:
        told = process.execute(Command(("ssh", *options, "-G", "--", host), timeout_seconds=_QUICK_SECONDS))
    except DrtoolError:
        return False
    lines = told.standard_output.decode("utf-8", "replace").splitlines()
    said = {name: value for name, _space, value in (line.partition(" ") for line in lines)}
    return told.exit_code == 0 and "hostname" in said and all(said.get(name, "none") in _NOT_SET for name in _OWN)


def _private_directory() -> str:
    """Return a directory that only we enter, below folders in which nobody else can exchange it; empty where there is none."""
    for place in filter(_PLAIN.fullmatch, (os.environ.get("XDG_RUNTIME_DIR", ""), *_elsewhere())):
        directory = os.path.join(place, f"drtool-ssh-{os.geteuid()}")
        with contextlib.suppress(OSError):
            if opening_of(place) is None or os.stat(place).st_mode & stat.S_ISVTX:
                os.mkdir(directory, 0o700)
        if _is_private(directory):
            return directory
    return ""


def _elsewhere() -> tuple[str, ...]:
    return (*(("/run",) if os.geteuid() == 0 else ()), tempfile.gettempdir())


def _is_private(directory: str) -> bool:
    try:
        found = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and opening_of(directory, private=True) is None
