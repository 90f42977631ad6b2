from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Limit:
    """Ends connections when their time is over, whatever trickles in: timeouts of sockets bound each wait, and not all of them together."""

    def __init__(self, seconds: float) -> None:
        self._guard = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.is_over = False

    def watched(self, connection: socket.socket) -> socket.socket:
        """Return a connection that ends with the time."""
        own = connection.dup()  # TLS takes the first one's place
        with self._guard:
            self._watched.append(own)
            if self.is_over:
                _shut(own)
        return connection

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        with self._guard:
            for each in self._watched:
                each.close()
            self._watched.clear()

    def _end(self) -> None:
        with self._guard:
            self.is_over = True
            for each in self._watched:
                _shut(each)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def pause(seconds: float) -> None:
    """Let some time pass in a thread that nobody has to stop."""
    time.sleep(seconds)
