"""Counts the processes that a test starts, and all that these start: the kernel tells every fork on this machine to root who asks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from typing import Final

_CONNECTOR: Final = 11
_PROCESS_EVENTS: Final = 1
_LISTEN: Final = 1
_FORK: Final = 1
_OFFSET_OF_KIND: Final = 36  # after nlmsghdr (16 bytes) and cn_msg (20)
_OFFSET_OF_DATA: Final = 52
_ROOM_BYTES: Final = 64 << 20
_RECEIVE_BUFFER_FORCE: Final = 33
_ATTACH_FILTER: Final = 26


class Starts:
    """The starts of this process and its descendants since it was last asked; `known` is False where the kernel tells nobody.

    Nothing runs beside the tests: what happened waits in the kernel until it is asked for.
    """

    def __init__(self) -> None:
        self.known = False
        self._family = {os.getpid()}
        with contextlib.suppress(OSError):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _CONNECTOR)
            self._socket.bind((0, _PROCESS_EVENTS))
            self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _ROOM_BYTES)
            self._only_forks()
            message = struct.pack("=IIIIHHI", _PROCESS_EVENTS, 1, 0, 0, 4, 0, _LISTEN)
            self._socket.send(struct.pack("=IHHII", 16 + len(message), 3, 0, 0, 0) + message)
            self._socket.setblocking(False)
            self.known = True

    def count(self) -> int | None:
        """Return how many processes were started since the last call; None where some of it was lost."""
        started, lost = 0, not self.known
        while self.known:
            try:
                event = self._socket.recv(4096)
            except BlockingIOError:
                break
            except OSError:  # the kernel had no more room
                lost = True
                continue
            _parent, parent, child, process = struct.unpack_from("=IIII", event, _OFFSET_OF_DATA)
            if child != process:  # a thread
                continue
            if parent in self._family:
                self._family.add(child)
                started += 1
            else:
                self._family.discard(child)  # a number that was one of ours is somebody else's now
        return None if lost else started

    def close(self) -> None:
        """Listen no more."""
        if self.known:
            self._socket.close()
        self.known = False

    def _only_forks(self) -> None:
        """Take no room for the many other events: a filter of the kernel's own small language."""
        program = (
            (0x20, 0, 0, _OFFSET_OF_KIND),  # load the kind, in network order
            (0x15, 0, 1, socket.htonl(_FORK)),
            (0x06, 0, 0, 0xFFFFFFFF),
            (0x06, 0, 0, 0),
        )
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code)))
