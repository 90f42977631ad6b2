"""The web server of a node: HTTP over TLS, one thread for each connection."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from drtool.lab.proxmox.answers import AnswerError, Json, not_implemented, wrong
from drtool.lab.proxmox.dispatch import Answer, Dispatch, Incoming
from drtool.lab.proxmox.login import Shown

PREFIX: Final = "/api2/json"
_MOST_OCTETS: Final = 512 << 10
_MOST_READ: Final = 8 << 20
_PATIENCE_SECONDS: Final = 60.0


class NodeServer(ThreadingHTTPServer):
    """What answers for one node at one port; a node that is down ends every connection at once."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, dispatch: Dispatch, node: str, port: int, context: ssl.SSLContext) -> None:
        self.dispatch = dispatch
        self.node = node
        self.context = context
        self._stopped = False
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return a connection whose TLS begins in its own thread."""
        connection, peer = super().get_request()
        connection.settimeout(_PATIENCE_SECONDS)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - the library's shape
        """Tell whether the node runs at all."""
        return self.is_up()

    def is_up(self) -> bool:
        """Tell whether the node runs, and has not been stopped."""
        return not self._stopped and self.dispatch.is_online(self.node)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's shape
        """Say nothing of connections that end in between; what else happens is a fault of ours, and told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Answer no more, on connections that are open neither."""
        self._stopped = True
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: NodeServer
    protocol_version = "HTTP/1.1"
    server_version = "pve-api-daemon/3.0"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer what changes nothing."""
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Write no log: what was asked stands in the list of calls."""

    def _answer(self) -> None:
        if not self.server.is_up():
            self._cut()
            return
        try:
            incoming = self._incoming()
            answer = self.server.dispatch.answer(incoming)
        except AnswerError as error:
            answer = Answer.of_error(error)
        if answer.cut or not self.server.is_up():
            self._cut()
        else:
            self._send(answer)

    def _incoming(self) -> Incoming:
        asked = urlsplit(self.path)
        if not asked.path.startswith(f"{PREFIX}/"):
            raise not_implemented(f"Method '{self.command} {asked.path}' not implemented")
        body = self._body()
        given = parse_qs(asked.query, keep_blank_values=True)
        for name, values in body.items():
            given.setdefault(name, []).extend(values)
        shown = Shown(self.headers.get("Authorization", ""), self.headers.get("Cookie", ""), self.headers.get("CSRFPreventionToken", ""))
        return Incoming(self.server.node, self.command, asked.path.removeprefix(PREFIX), given, shown)

    def _body(self) -> dict[str, list[str]]:
        length = int(self.headers.get("Content-Length") or 0)
        if not length:
            return {}
        content = self.rfile.read(min(length, _MOST_READ))
        if length > _MOST_OCTETS:
            self.close_connection = True
            raise not_implemented("for data too large")
        if self.command in {"GET", "DELETE"}:
            raise not_implemented(f"Unexpected content for method '{self.command}'")
        if self.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json":
            return _from_json(content)
        return parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True)

    def _send(self, answer: Answer) -> None:
        content = answer.content if answer.content is not None else _as_json(answer)
        with contextlib.suppress(OSError):
            self.send_response(answer.status, answer.reason or None)
            self.send_header("Content-Type", "application/json;charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "max-age=0")
            self.end_headers()
            self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _from_json(content: bytes) -> dict[str, list[str]]:
    try:
        given = json.loads(content)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise wrong({"body": "no JSON object"})
    return {name: [_as_text(each) for each in (value if isinstance(value, list) else [value])] for name, value in given.items()}


def _as_text(value: Json) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _as_json(answer: Answer) -> bytes:
    if answer.status == 401:  # noqa: PLR2004 - whoever is not let in is told nothing but the status
        return b""
    body: dict[str, Json] = {"data": answer.data}
    if answer.errors is not None:
        body["errors"] = answer.errors
    if answer.status >= 400:  # noqa: PLR2004
        body["message"] = f"{answer.reason}\n"
    return json.dumps(body).encode()
