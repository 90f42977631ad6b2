from __future__ import annotations

import json
import os
from typing import TextIO

from drtool.model.codec import decode, encode
from drtool.model.event import Event, EventKind


class Journal:
    """A run's events in order, one JSON line each, handed to the kernel before the next thing happens; one writer at a time.

    Without a `path` (the state directory cannot be written) the lines go to `fallback`; when the disk fills in mid-run, the rest does.
    """

    def __init__(self, path: str | None, *, fallback: TextIO) -> None:
        self._fallback = fallback
        self.failed = ""
        self._descriptor: int | None = None
        if path is not None:
            self._open(path)

    def write(self, event: Event) -> None:
        """Write one event down."""
        if event.kind is EventKind.PROGRESS:
            return
        data = journal_line(event)
        if self._descriptor is not None and not self.failed:
            try:
                if os.write(self._descriptor, data) == len(data):
                    return
                self.failed = "the state directory is full"
            except OSError as error:
                self.failed = error.strerror or str(error)
        self._fallback.write(data.decode("ascii"))

    def _open(self, path: str) -> None:
        """Open the file, and keep what a sweep appends apart from a line that a crash cut."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            size = os.fstat(self._descriptor).st_size
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                os.write(self._descriptor, b"\n")
        except OSError as error:
            self.failed = error.strerror or str(error)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def journal_line(event: Event) -> bytes:
    """Return an event as a journal holds it."""
    return (json.dumps(encode(event), ensure_ascii=True, separators=(",", ":")) + "\n").encode("ascii")


def read_journal(path: str) -> tuple[Event, ...]:
    """Return the events of a journal; a line cut by a crash, and everything after it that is no event, is left out."""
    events = []
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except OSError:
        return ()
    for line in lines:
        try:
            events.append(decode(Event, json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return tuple(events)
