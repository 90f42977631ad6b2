"""One question to a web address: one time limit over everything, and the whole answer or none."""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final
from urllib.parse import urlsplit

_SLICE_SECONDS: Final = 0.5
"""How long nobody asks whether the time is over."""
_CHUNK: Final = 256 * 1024
_NOBODY: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN})
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM})


class NobodyError(Exception):
    """Nobody listens at an address, or says nothing."""


class NoRouteError(Exception):
    """The address cannot be asked from here: its name is not known, or no network leads there."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """A whole answer: its status, its size, whether the wanted words occur in it, and how it begins."""

    status: int
    size: int
    has_words: bool
    begin: bytes
    elsewhere: str = ""
    """Where a redirection leads; nobody follows it."""


def connect(host: str, port: int, *, watch: Callable[[], None], timeout_seconds: float) -> socket.socket:
    """Open a connection; raises NobodyError or NoRouteError when there is none, and what `watch` raises when the time is over."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoRouteError(f"the name {host} is not known here: {error}") from None
    watch()
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _name, address in found:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            last = error
            watch()
            continue
        return connection
    if last.errno in _NO_ROUTE:
        raise NoRouteError(str(last)) from None
    if isinstance(last, TimeoutError) or last.errno in _NOBODY:
        raise NobodyError(f"nobody answers: {last}") from None
    raise last


def is_of_this_machine(address: str) -> bool:
    """Tell whether an IP address is one of this machine: whoever answers there is not what was restored."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def ask_web(url: str, *, words: str | None, watch: Callable[[], None], timeout_seconds: float) -> WebAnswer:
    """Ask once and read the answer to its end; raises OSError or HTTPException when it is no whole answer, and as `connect`."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    connection = connect(host, port, watch=watch, timeout_seconds=timeout_seconds)
    try:
        if parts.scheme == "https":
            connection.settimeout(timeout_seconds)
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host, suppress_ragged_eofs=False)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
        request.sock = connection
        request.putrequest("GET", path)
        request.putheader("User-Agent", "drtool")
        request.putheader("Connection", "close")
        request.endheaders()
        stream = _Timed(connection, watch)
        response = http.client.HTTPResponse(_Stream(stream), method="GET")  # type: ignore[arg-type]  # it only asks for a file
        try:
            response.begin()
        except http.client.RemoteDisconnected:
            raise NobodyError("it closed the connection without a word") from None
        if stream.ended:  # http.client takes that for the end of the headers
            raise http.client.IncompleteRead(b"")
        return _read(response, words)
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, words: str | None) -> WebAnswer:
    wanted = None if words is None else words.encode()
    size, begin, rest, found = 0, b"", b"", wanted is None
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        begin = begin or chunk[:_CHUNK]
        if wanted is not None and not found:
            rest += chunk
            found = wanted in rest
            rest = rest[-len(wanted) :]
    if response.length:  # http.client is content with less
        raise http.client.IncompleteRead(b"", response.length)
    elsewhere = str(response.getheader("Location") or "")
    return WebAnswer(response.status, size, found, begin, elsewhere)


class _Timed(io.RawIOBase):
    """A socket read with an eye on the time, however slowly it trickles."""

    def __init__(self, connection: socket.socket, watch: Callable[[], None]) -> None:
        super().__init__()
        self._connection = connection
        self._watch = watch
        self.ended = False
        connection.settimeout(_SLICE_SECONDS)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        while True:
            self._watch()
            try:
                size = self._connection.recv_into(buffer)
            except TimeoutError:
                continue
            self.ended = size == 0
            return size


class _Stream:
    """What `http.client` asks a socket for."""

    def __init__(self, raw: _Timed) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> IO[bytes]:
        del mode
        return io.BufferedReader(self._raw)
