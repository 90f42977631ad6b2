"""A WebSocket client of one thread: that of the library reads in a second one, and over TLS the two sometimes wait for ever."""

import socket
import ssl
import time

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

_SECONDS = 10


class ClosedError(OSError):
    """The connection is over: with a code when somebody said good-bye, 0 when it was cut."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the connection was closed with code {code}" if code else "the connection was cut")
        self.code = code


class RefusedError(OSError):
    """The server did not open a WebSocket there."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered with status {status}")
        self.status = status


class WebSocket:
    """One connection; text in, text out."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        address = parse_uri(url)
        bare = socket.create_connection((address.host, address.port), timeout=_SECONDS)
        self._socket = bare if context is None else context.wrap_socket(bare, server_hostname=address.host)
        self._protocol = ClientProtocol(address, max_size=1 << 26)
        self._waiting: list[str] = []
        self._protocol.send_request(self._protocol.connect())
        try:
            self._flush()
            answer = self._answer()
        except OSError:
            self._socket.close()
            raise
        if answer.status_code != 101:
            self._socket.close()
            raise RefusedError(answer.status_code)

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    def recv(self, *, timeout: float) -> str:
        until = time.monotonic() + timeout
        parts: list[bytes] = []
        while not self._waiting:
            for event in self._events(until):
                if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                    parts.append(bytes(event.data))
                    if event.fin:
                        self._waiting.append(b"".join(parts).decode())
                        parts = []
            if not self._waiting and self._protocol.state is not State.OPEN:
                received = self._protocol.close_rcvd
                raise ClosedError(received.code if received is not None else 0)
        return self._waiting.pop(0)

    def close(self) -> None:
        try:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
        except OSError:
            pass  # the other side was quicker
        finally:
            self._socket.close()

    def _answer(self) -> Response:
        until = time.monotonic() + _SECONDS
        while True:
            for event in self._events(until):
                if isinstance(event, Response):
                    return event
            if self._protocol.handshake_exc is not None:
                raise ClosedError(0) from self._protocol.handshake_exc

    def _events(self, until: float) -> list[object]:
        self._socket.settimeout(max(until - time.monotonic(), 0.001))
        try:
            data = self._socket.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        return list(self._protocol.events_received())

    def _flush(self) -> None:
        self._socket.settimeout(_SECONDS)
        for data in self._protocol.data_to_send():
            if data:
                try:
                    self._socket.sendall(data)
                except (ConnectionError, ssl.SSLError):
                    return  # reading tells why
