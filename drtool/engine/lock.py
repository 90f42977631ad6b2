from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from urllib.parse import quote

from drtool.catalog.storage import make_folder
from drtool.model.errors import Locked, Refused


@contextlib.contextmanager
def held(path: str, *, what: str) -> Iterator[None]:
    """Hold an exclusive flock on a file as long as the process lives; Locked names who holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)  # a link would lead our writing elsewhere
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", hint="set $DRTOOL_STATE_DIR to a folder you may write") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode("ascii", "replace").strip() or "an unknown process"
            raise Locked(f"{what} is busy: {holder}", hint="wait for that run", safe="that run goes on undisturbed") from None
        with contextlib.suppress(OSError):  # a full disk: the lock holds, only its owner's name is not told
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def sets_held(state_directory: str, sets: tuple[str, ...]) -> Iterator[None]:
    """Keep a second run of the same sets on this host out."""
    folder = os.path.join(state_directory, "locks")
    make_folder(folder)
    with contextlib.ExitStack() as stack:
        for name in sorted(sets):
            stack.enter_context(held(os.path.join(folder, f"{quote(name, safe='')}.lock"), what=f"the set {name}"))
        yield


@contextlib.contextmanager
def drill_held(state_directory: str, drill: str) -> Iterator[None]:
    """Keep a second timer's call for the same drill on this host out."""
    folder = os.path.join(state_directory, "locks")
    make_folder(folder)
    with held(os.path.join(folder, f"{quote(drill, safe='')}.drill"), what=f"the drill {drill}"):
        yield
