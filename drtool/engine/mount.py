"""A point shown as a directory, and taken down again whatever happened to the run that showed it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Refused
from drtool.model.plan import Mount
from drtool.ports import Runner

MOUNTS = "/proc/self/mountinfo"
_LOOK_AGAIN_SECONDS = 0.1
_POINT, _TYPE = 4, 0
_PROGRAMS = (("fusermount3", "-u", "-z"), ("fusermount", "-u", "-z"), ("umount", "-l"))


@contextlib.contextmanager
def once_mounted(directory: str, tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` once something is mounted at a directory, while it is worked on: what was only tried shows nothing."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_AGAIN_SECONDS):
            if is_mounted(directory):
                tell()
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def take_down(runner: Runner, action: Mount) -> None:
    """Unmount what a run mounted, in use or not, and remove the directory when it was made for that; already gone is success."""
    with process.scope(replace(process.current_scope(), shielded=True, deadline=None)):
        for argv in _PROGRAMS:
            if not is_mounted(action.directory):
                break
            with contextlib.suppress(DrtoolError):
                runner.run(Command((*argv, "--", action.directory) if argv[0] == "umount" else (*argv, action.directory)))
    if is_mounted(action.directory):
        raise Refused(f"{action.directory} cannot be unmounted", hint=f"umount -l {action.directory}", safe="a mount changes nothing")
    if action.made:
        with contextlib.suppress(OSError):
            os.rmdir(action.directory)


def is_mounted(directory: str) -> bool:
    """Tell whether a repository is mounted exactly there (nothing else is ever unmounted)."""
    wanted = os.path.join(os.path.realpath(os.path.dirname(directory)), os.path.basename(directory))
    try:
        with open(MOUNTS, "rb") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return False
    for line in lines:
        head, _, tail = line.partition(b" - ")
        place = os.fsdecode(head.split()[_POINT].decode("unicode_escape").encode("latin-1"))
        kind = tail.split()[_TYPE]
        if place == wanted and kind.partition(b".")[0] == b"fuse":
            return True
    return False


def require_place(action: Mount) -> None:
    """Refuse a directory that nothing can be shown at: missing (unless it is made for that), no directory, or not empty."""
    directory = action.directory
    try:
        if os.listdir(directory):
            raise Refused(f"{directory} is not empty", hint="name an empty directory, or none", safe="nothing was mounted")
    except FileNotFoundError:
        if not action.made:
            raise _cannot(directory, "there is no such directory") from None
    except OSError as error:
        raise _cannot(directory, error.strerror) from None


def make(directory: str) -> None:
    """Make the directory a point shall be shown at; Refused where that cannot be."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise _cannot(directory, error.strerror) from None


def _cannot(directory: str, why: str | None) -> Refused:
    return Refused(
        f"{directory} cannot be mounted on: {why}", hint="make it, or name an empty directory, or none", safe="nothing was mounted"
    )
