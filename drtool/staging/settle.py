"""On its disk before it is called so: one sync for all that was landed in a folder, and behind it only the renames of each exchange.

That sync need not wait for the last landing: while more comes, what came already is written back beside it.
"""

from __future__ import annotations

import contextlib
import posixpath
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from drtool import process
from drtool.model.plan import Move
from drtool.trees.filesystem import FileSystem

EARLY_BYTES: Final = 64 << 20
"""What is smaller is on its disk as quickly at the end."""
EARLY_SECONDS: Final = 2.0
"""So long data comes before it is written back beside what still comes, and so long between two such syncs."""


@dataclass(frozen=True, slots=True)
class Settling:
    """By staging place, what this process landed: `landed`, and nothing says that it is on its disk yet; `settled`, and it is there."""

    landed: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)


def note_landed(settling: Settling, staging: str) -> None:
    """Remember that all data of a landing was written: a sync that begins from now on brings it to its disk."""
    settling.landed.add(staging)


def forget_landed(settling: Settling, staging: str) -> None:
    """Know nothing of a landing any more: what lies there was changed since."""
    settling.landed.discard(staging)
    settling.settled.discard(staging)


def settle(settling: Settling, files: FileSystem, staging: str, *, moves: Collection[Move], only_renames: bool) -> None:
    """Return when what was restored, and the renames that put it into service, are on their disk.

    The data of every landing that ended before a sync of that file system began is there behind it, whichever exchange asked for the sync;
    what is left for an exchange of which this is known are the directories it renamed in, if it did nothing else (`only_renames`). What
    another process landed is not known: its file system is brought to its disk whole.
    """
    around = {posixpath.dirname(move.target) for move in moves}
    with settling.one_at_a_time:  # who waits here is served by the sync of whoever was first
        if only_renames and staging in settling.settled:
            files.settle_directories(sorted(around | {posixpath.dirname(move.content) for move in moves}))
        else:
            home = posixpath.dirname(staging)
            covered = _landed_in(settling, home) if staging in settling.landed else set()
            for directory in sorted(around):
                files.settle(directory)
            _note_settled(settling, covered)
        settling.settled.discard(staging)


@contextlib.contextmanager
def written_early(settling: Settling, files: FileSystem, home: str, *, expected_bytes: int) -> Iterator[None]:
    """Write back what was restored in a folder while more comes: there is less to wait for when the last of it is there.

    Such a sync settles what was landed before it began, and nothing of what came after that.
    """
    if expected_bytes < EARLY_BYTES:
        yield
        return

    def write_back() -> None:
        with settling.one_at_a_time:
            covered = _landed_in(settling, home)
            files.settle(home)
            _note_settled(settling, covered)

    with process.meanwhile(write_back, seconds=EARLY_SECONDS):
        yield


def _landed_in(settling: Settling, home: str) -> set[str]:
    return {each for each in settling.landed.copy() if posixpath.dirname(each) == home}


def _note_settled(settling: Settling, covered: set[str]) -> None:
    """Note that a sync which began when these were landed has ended; what was changed meanwhile is not landed any more, nor settled."""
    still = covered & settling.landed
    settling.settled.update(still)
    settling.landed.difference_update(still)
