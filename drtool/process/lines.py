"""Splits what a program prints into lines; what has no line feed stays bounded."""

from __future__ import annotations

from drtool.model.errors import Refused
from drtool.ports import LineListener

LONGEST_LINE_BYTES = 16 << 20


class Lines:
    """Splits chunks into lines for a listener, and keeps the tail when asked.

    With `strict` a line that does not end is Refused: half an answer would be taken for a whole one. Without, it is cut: it is words only.
    """

    def __init__(self, listener: LineListener | None, keep_bytes: int, *, program: str, strict: bool) -> None:
        self._listener = listener
        self._keep = keep_bytes
        self._program = program
        self._strict = strict
        self._rest = bytearray()
        self.tail = bytearray()

    def take(self, chunk: bytes) -> None:
        """Take bytes as they come."""
        if self._keep:
            self.tail += chunk
            if len(self.tail) > 2 * self._keep:
                del self.tail[: -self._keep]
        if self._listener is None:
            return
        first, feed, more = chunk.partition(b"\n")
        self._add(first)
        if not feed:
            return
        *lines, last = more.split(b"\n")
        self._give()
        for line in lines:
            self._listener(line)
        self._add(last)

    def finish(self) -> None:
        """Give out what stands behind the last line feed."""
        if self._rest:
            self._give()

    def _give(self) -> None:
        line = bytes(self._rest)
        self._rest.clear()
        if self._listener is not None:
            self._listener(line)

    def _add(self, part: bytes) -> None:
        room = LONGEST_LINE_BYTES - len(self._rest)
        if len(part) > room and self._strict:
            raise Refused(
                f"{self._program} prints more than {LONGEST_LINE_BYTES >> 20} MiB without a line feed",
                hint="run that command by hand, and look what it prints",
                safe="nothing of it was taken for an answer",
            )
        self._rest += part[: max(0, room)]
