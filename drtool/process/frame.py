"""Finds a program's own words in what a machine elsewhere sends: only what stands between two marks is its answer."""

from __future__ import annotations

import re

from drtool.model.command import Marks
from drtool.model.errors import Refused

BESIDE_BYTES = 2000
"""How much is kept of what others print."""
MOST_BESIDE_BYTES = 1 << 20
"""What prints more than this around an answer does not end."""
_LONGEST_END = 16
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Frame:
    """One stream: gives the answer out as it comes, and keeps the beginning of what stands around it apart."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._held = b""
        self._tail: bytes | None = None
        self._passed = 0
        self.begun = False
        self.ended = ""
        self.beside = bytearray()

    @property
    def who(self) -> str:
        """Who prints what stands around the answer."""
        return self._marks.who

    @property
    def printed(self) -> bytes:
        """The beginning of what stands around the answer."""
        return bytes(self.beside) if self.begun else bytes(self.beside + self._held)

    def take(self, chunk: bytes) -> bytes:
        """Return what of it is the program's own; Refused when something else prints without end."""
        if self.ended:
            self._aside(chunk)
            return b""
        if self._tail is not None:
            self._finish(chunk)
            return b""
        data = self._held + chunk
        if not self.begun:
            before, mark, data = data.partition(self._marks.begin)
            if not mark:
                self._held = before[-len(self._marks.begin) + 1 :]
                self._aside(before[: len(before) - len(self._held)])
                return b""
            self.begun = True
            self._aside(before)
        own, mark, after = data.partition(self._marks.end)
        if mark:
            self._held, self._tail = b"", b""
            self._finish(after)
            return own
        kept = _beginning(own, self._marks.end)
        self._held = own[len(own) - kept :] if kept else b""
        return own[: len(own) - kept]

    def finish(self) -> bytes:
        """Return what was held back for a mark that did not come; nothing more follows."""
        held, self._held = self._held, b""
        if self.begun:
            return held
        self._aside(held)
        return b""

    def _finish(self, chunk: bytes) -> None:
        self._tail = (self._tail or b"") + chunk
        word, end, after = self._tail.partition(b"\n")
        if end or len(self._tail) > _LONGEST_END:
            self.ended = word[:_LONGEST_END].decode("ascii", "replace").strip() or "nothing"
            self._aside(after)

    def _aside(self, data: bytes) -> None:
        self._passed += len(data)
        self.beside += data[: max(0, BESIDE_BYTES - len(self.beside))]
        if self._passed > MOST_BESIDE_BYTES:
            raise Refused(
                f"{self._marks.who} prints without end: {shown(bytes(self.beside))}",
                hint="let it print nothing for those who are no terminal",
                safe="what it prints is taken for no answer",
            )


def shown(data: bytes, limit: int = 200, *, before: str = "") -> str:
    """Return words of a stranger on one line, without what would move a cursor; `before` stands before them where there are any."""
    words = _CONTROLS.sub(" ", data.decode("utf-8", "replace")).strip()[:limit]
    return before + words if words else ""


def _beginning(data: bytes, mark: bytes) -> int:
    """Return how many bytes at the end of `data` could be the beginning of the mark."""
    for length in range(min(len(mark) - 1, len(data)), 0, -1):
        if data.endswith(mark[:length]):
            return length
    return 0
