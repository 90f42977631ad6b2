from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool.model.errors import DrtoolError, Refused, Unavailable
from drtool.sources.truenas.api.tls import Endpoint, open_tls

OPEN_SECONDS: Final = 20.0
LARGEST_ANSWER: Final = 128 * 1024 * 1024
LARGEST_REQUEST: Final = 60 * 1024
"""The NAS closes the connection at 64 KiB."""

_DEAD_AFTER: Final = 60
_PING_EVERY: Final = 20
"""Both in seconds without a message."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Link:
    """The NAS's own protocol over verified TLS: whole messages out and in. Opening it raises Unavailable or Refused.

    One lock guards the socket, as TLS takes no reading and writing at once; nobody waits for the network while holding it but to write.
    """

    def __init__(self, endpoint: Endpoint, lock: contextlib.AbstractContextManager[object]) -> None:
        from websockets.client import ClientProtocol  # noqa: PLC0415 - heavy, and most verbs ask no NAS
        from websockets.uri import parse_uri  # noqa: PLC0415

        silent = logging.getLogger("drtool.truenas")
        silent.disabled = True  # the library would write down what is sent, the key too
        self._source = endpoint.source
        self._lock = lock
        self.heard = False
        self._parts: list[bytes] = []
        self._why = ""
        self._socket = open_tls(endpoint, timeout_seconds=OPEN_SECONDS)
        self._socket.setblocking(False)
        host = endpoint.host if ":" not in endpoint.host else f"[{endpoint.host}]"
        self._protocol = ClientProtocol(parse_uri(f"wss://{host}:{endpoint.port}{endpoint.path}"), max_size=LARGEST_ANSWER, logger=silent)
        try:
            self._greet(endpoint)
        except BaseException:
            self.end()
            raise

    @property
    def own_address(self) -> str:
        """The address by which the NAS sees this machine."""
        return str(self._socket.getsockname()[0])

    def send(self, text: str) -> None:
        """Send one message; Unavailable when the connection is gone."""
        from websockets.exceptions import InvalidState  # noqa: PLC0415 - loaded already

        with self._lock:
            try:
                self._protocol.send_text(text.encode())
                self._flush()
            except (OSError, ValueError, InvalidState):
                raise self._gone() from None

    def receive(self) -> list[bytes]:
        """Return the messages that came within a second; Unavailable when the connection ended."""
        self._wait(select.POLLIN)
        with self._lock:
            messages = [message for frame in self._read() if (message := self._whole(frame)) is not None]
        if not messages and self._why:
            raise self._gone()
        return messages

    def ping(self) -> None:
        """Ask for a sign of life, which `receive` does not show."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._protocol.send_ping(b"")
            self._flush()

    def hang_up(self) -> None:
        """Say goodbye; whoever receives sees the end."""
        from websockets.exceptions import InvalidState  # noqa: PLC0415 - loaded already

        with self._lock:
            with contextlib.suppress(OSError, ValueError, InvalidState):
                self._protocol.send_close(1000)
                self._flush()
            self._why = self._why or "we hung up"
            with contextlib.suppress(OSError, ValueError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the socket, once nobody reads any more."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.close()

    def _greet(self, endpoint: Endpoint) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        for _ in range(int(OPEN_SECONDS)):
            self._wait(select.POLLIN)
            with self._lock:
                events = self._read()
            failed = self._protocol.handshake_exc
            if failed is not None and not self._why.startswith("the connection"):
                hint = "the URL must be that of the NAS itself, such as wss://nas.example.org/api/current; TrueNAS 25.04 and later have it"
                raise Refused(f"{endpoint.source} does not speak its protocol at {endpoint.path}: {failed}", hint=hint)
            if self._why:
                raise self._gone()
            if events:
                return
        raise Unavailable(f"{endpoint.source} does not answer", hint="look whether the NAS is up")

    def _read(self) -> list[Any]:
        while not self._why:
            try:
                data = self._socket.recv(1 << 16)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except (OSError, ValueError):
                data = b""
            if data:
                self.heard = True
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
                self._why = _why_closed(self._protocol.close_rcvd)
        events = self._protocol.events_received()
        try:
            self._flush()
        except (OSError, ValueError):
            self._why = self._why or "the connection was cut"
        return events

    def _whole(self, frame: Any) -> bytes | None:  # noqa: ANN401 - an event of the library
        from websockets.frames import Opcode  # noqa: PLC0415 - loaded already

        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return None
        message, self._parts = b"".join(self._parts), []
        return message

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            rest = memoryview(data)
            waited = 0
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError) as wants:
                    if waited >= OPEN_SECONDS:
                        raise OSError("it takes nothing") from None
                    waited += 1
                    self._wait(select.POLLOUT if isinstance(wants, ssl.SSLWantWriteError) else select.POLLIN)

    def _wait(self, event: int) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile: reading tells
            poll = select.poll()
            poll.register(self._socket, event)
            poll.poll(1000)

    def _gone(self) -> Unavailable:
        return Unavailable(f"the connection to {self._source} is gone: {self._why or 'it was cut'}", hint="look whether the NAS restarts")


def encode_request(identity: str, method: str, params: tuple[Any, ...]) -> str:
    """Return a request as text; Refused when the NAS would hang up on its size."""
    text = json.dumps({"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)})
    if len(text) > LARGEST_REQUEST:
        raise Refused(f"a request of {len(text)} characters is more than a NAS takes", hint="name fewer things in one set")
    return text


def decode_message(text: str | bytes) -> dict[str, Any]:
    """Read one message; instants become datetimes. Raises Unavailable when it is none."""
    try:
        message = json.loads(text, object_hook=_instant)
    except (ValueError, OverflowError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Unavailable("the NAS sent something that is no message")
    return message


def _instant(value: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    milliseconds = value.get("$date")
    if len(value) == 1 and isinstance(milliseconds, int):
        return _EPOCH + timedelta(milliseconds=milliseconds)
    return value


def pump(link: Link, take: Callable[[dict[str, Any]], None]) -> str:
    """Hand over every message until the connection ends, and return why it did; one that shows no life for a minute has ended."""
    silent = 0
    try:
        while silent < _DEAD_AFTER:
            link.heard = False
            messages = link.receive()
            silent = 0 if link.heard else silent + 1
            for message in messages:
                take(decode_message(message))
            if silent and not silent % _PING_EVERY:
                link.ping()
    except DrtoolError as error:
        return error.what
    return "it shows no life"


def _why_closed(close: Any) -> str:  # noqa: ANN401 - what the library tells
    code, reason = (close.code, close.reason) if close is not None else (0, "")
    if code == 1008:  # noqa: PLR2004 - RFC 6455
        return f"the NAS does not serve this machine ({reason[:100]}): look at its allow-list"
    if code == 1009:  # noqa: PLR2004
        return "a message was too large"
    return "the connection was cut"
