from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from typing import Final

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import DrtoolError

_IDLE_SECONDS: Final = 20
"""So long a connection stays after the last command: the next one of a run comes sooner, and what is killed leaves it no longer."""
_LONGEST_PATH: Final = 107 - 17
"""What the address of a socket may hold, and what OpenSSH adds to it while it makes one."""
_QUICK_SECONDS: Final = 5.0
_OWN: Final = frozenset({"controlmaster", "controlpath"})
_NOT_SET: Final = frozenset({"false", "none"})


def sharing_options(host: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options by which the commands for a host go through one connection; none where that is not possible, or set already.

    A connection costs what a command over an open one does not: name lookup, key exchange, login. The first command makes it, OpenSSH
    keeps it in the background, and ends it when nothing has used it for a while, also after a SIGKILL of ours.
    """
    directory = _private_directory()
    path = os.path.join(directory, secrets.token_hex(8))
    if not directory or len(os.fsencode(path)) > _LONGEST_PATH or not _is_left_to_us(host, options):
        return ()
    settings = (f"ControlPath={path}", "ControlMaster=auto", f"ControlPersist={_IDLE_SECONDS}")
    return tuple(word for setting in settings for word in ("-o", setting))


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
    """Return a directory that only we enter; empty where there is none."""
    place = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    directory = os.path.join(place, f"drtool-ssh-{os.geteuid()}")
    with contextlib.suppress(OSError):
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        found = os.lstat(directory)
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            return directory
    return ""
