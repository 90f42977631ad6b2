"""May anybody else write this? One question, asked of what decides what we do."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from drtool.openness import mode_remedy

_FOLDERS = ("", "runs", "locks", "evidence", "memory", "index", "policy")
_KEY = "evidence/key"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What others can do to a file or folder of ours, and what to type about it."""

    what: str
    remedy: str


def exposure(path: str, *, secret: bool = False) -> Exposure | None:
    """Say who else may write a file or folder, or read it when it is `secret`; None when nobody may, or it is not there."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISLNK(found.st_mode):
        return Exposure(f"{path} is a symbolic link", f"look where it leads; if you did not make it: rm {path}")
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in (0, os.geteuid()):
        return Exposure(f"{path} has another owner (user {found.st_uid}), who can change it", f"chown {os.geteuid()} {path}")
    closed = mode_remedy(path, "go-rwx" if secret else "go-w")
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Exposure(f"{path} can be written by others (mode {mode:04o})", closed)
    if secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        return Exposure(f"{path} can be read by others (mode {mode:04o})", closed)
    return None


def exposed_state(state_directory: str) -> tuple[Exposure, ...]:
    """Say what others may do to a state directory: plans of dead runs, memories and the signing key lie in it."""
    return tuple(_exposed(state_directory))


def _exposed(directory: str) -> Iterator[Exposure]:
    for name in _FOLDERS:
        # The directory itself may be a link that its owner made.
        found = exposure(os.path.join(directory, name) if name else os.path.realpath(directory))
        if found is not None:
            yield found
    found = exposure(os.path.join(directory, _KEY), secret=True)
    if found is not None:
        yield found
