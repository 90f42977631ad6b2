"""How far a restic is that tells it in plain words only: copy, check and prune, alike in 0.14 to 0.19."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import Final

from drtool.model.command import Completed
from drtool.ports import Progress, ProgressListener

COUNTED: Final = re.compile(rb"\[(?:\d+:)?\d+:\d\d\] +(?:\d+\.\d\d% +)?(\d{1,15}) / (\d{1,15}) ([a-z][a-z ]{0,40})$")
"""`[0:01] 60.00%  6 / 10 packs copied`."""
_UNCOUNTED: Final = frozenset(
    {
        *(b"load indexes", b"loading indexes", b"check all packs", b"check snapshots, trees and blobs", b"read all data"),
        *(b"loading all snapshots", b"searching used packs", b"collecting packs for deletion and repacking"),
        *(b"repacking packs", b"rebuilding index"),
    }
)
"""What it begins without a number."""
_KEPT_LINES: Final = 5000
_KEPT_BYTES: Final = 4096
_SNAPSHOT: Final = re.compile(rb"snapshot [0-9a-f]{8,} of \[")


class PhaseReader:
    """Reads the lines of one command and passes on how far it is.

    Args:
        on_progress: who is told; None: nobody.
        snapshots: of a copy: how many earlier commands have sent.
        of: of a copy: how many there are in all.
    """

    def __init__(self, on_progress: ProgressListener | None = None, *, snapshots: int = 0, of: int = 0) -> None:
        self._on_progress = on_progress
        self._snapshots, self._of = snapshots, of
        self._kept: deque[bytes] = deque(maxlen=_KEPT_LINES)

    def heard(self, completed: Completed) -> Completed:
        """Return how a command ended, with the last lines that were no progress as its output; it may begin again."""
        said = b"".join(line + b"\n" for line in self._kept)
        self._kept.clear()
        return replace(completed, standard_output=said)

    def take(self, line: bytes) -> None:
        """Read one line of standard output."""
        if self._of and _SNAPSHOT.match(line):
            self._snapshots = min(self._snapshots + 1, self._of)
        found, words = COUNTED.match(line.rstrip()), line.rstrip(b" .\r\n")
        if found is None:
            self._kept.append(line[:_KEPT_BYTES])
        if self._on_progress is None:
            return
        if found is None and words in _UNCOUNTED:
            self._on_progress(Progress(phase=words.decode("ascii")))
        elif found is not None:
            done, total, what = int(found[1]), int(found[2]), found[3].decode("ascii")
            where = f", snapshot {self._snapshots} of {self._of}" if self._of else ""
            self._on_progress(Progress(done_parts=min(done, total), total_parts=total, phase=f"{what}{where}"))
