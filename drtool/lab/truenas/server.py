"""The network side: TLS, a little HTTP, and the door to the WebSocket."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.certificate import Certificate
from drtool.lab.truenas.dispatch import Methods
from drtool.lab.truenas.session import ApiSession
from drtool.lab.truenas.transfer import Answer, download, upload

_API_VERSIONS: Final = {
    "25.04": ("v25.04.0", "v25.04.1", "v25.04.2"),
    "25.10": ("v25.10.0", "v25.10.1", "v25.10.2", "v25.10.3", "v25.10.4", "v25.10.5"),
    "26": ("v26.0.0",),
}
_HEAD_BYTES: Final = 65536
_CHUNK: Final = 1 << 16
_LARGEST: Final = 1 << 24
_REASONS: Final = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 410: "Gone"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The head of a request, and its body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes

    @property
    def query(self) -> dict[str, str]:
        """What stands after the question mark."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass(slots=True)
class Server:
    """Listens on loopback: with TLS, and on another port without, for clients that must be seen to refuse it."""

    appliance: Appliance
    methods: Methods
    certificate: Certificate
    port: int = 0
    plain_port: int | None = None
    _context: ssl.SSLContext | None = None
    _servers: list[asyncio.Server] = field(default_factory=list)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Begin to listen; ports that were 0 are then known."""
        context = self.certificate.context()
        self._context = context
        self.appliance.on_certificate = lambda fresh: context.load_cert_chain(fresh.certificate, fresh.key)
        secure = await asyncio.start_server(self._accept_secure, "127.0.0.1", self.port, ssl=context, limit=_HEAD_BYTES)
        self.port = secure.sockets[0].getsockname()[1]
        self._servers.append(secure)
        if self.plain_port is not None:
            bare = await asyncio.start_server(self._accept_plain, "127.0.0.1", self.plain_port, limit=_HEAD_BYTES)
            self.plain_port = bare.sockets[0].getsockname()[1]
            self._servers.append(bare)

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        for server in self._servers:
            server.close()
        for session in list(self.appliance.sessions):
            session.cut()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept_secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._accept(reader, writer, secure=True)

    async def _accept_plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._accept(reader, writer, secure=False)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            if self.appliance.clock.monotonic() < self.appliance.down_until:
                return
            asked = await _read(reader)
            if asked is not None:
                await self._serve(asked, reader, writer, secure=secure)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve(self, asked: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> None:
        path = urlsplit(asked.path).path.rstrip("/")
        peer = str(writer.get_extra_info("peername")[0])
        if path == "/api/versions":
            await _reply(writer, Answer(200, json.dumps(self._versions()).encode(), "application/json"))
        elif path == "/api/boot_id" and self.appliance.state.at_least("25.10"):
            await _reply(writer, Answer(200, json.dumps(self.appliance.state.boot_id).encode(), "application/json"))
        elif path.startswith("/_download/"):
            await _reply(writer, await download(self.appliance, path, asked.query.get("auth_token", ""), peer))
        elif path == "/_upload":
            key = asked.headers.get("authorization", "")
            kind = asked.headers.get("content-type", "")
            await _reply(writer, await upload(self.appliance, self.methods, asked.method, key, kind, asked.body, peer=peer, secure=secure))
        elif profile := self._profile(path):
            await self._websocket(asked, reader, writer, secure=secure, peer=peer, profile=profile)
        else:
            await _reply(writer, Answer(404, b"404: Not Found"))

    def _versions(self) -> list[str]:
        return [version for profile, versions in _API_VERSIONS.items() if self.appliance.state.at_least(profile) for version in versions]

    def _profile(self, path: str) -> str:
        """Return the release that a path to the API stands for, empty when it leads nowhere."""
        name = path.removeprefix("/api/")
        if name == "current":
            return self.appliance.state.profile
        for profile, versions in _API_VERSIONS.items():
            if name in versions and self.appliance.state.at_least(profile):
                return profile
        return ""

    async def _websocket(
        self, asked: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool, peer: str, profile: str
    ) -> None:
        protocol = ServerProtocol(max_size=_LARGEST)
        session = ApiSession(self.appliance, self.methods, writer, protocol, peer, secure, profile)
        protocol.receive_data(asked.head)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
        session.flush()
        self.appliance.sessions.add(session)
        try:
            while data := await reader.read(_CHUNK):
                protocol.receive_data(data)
                for event in protocol.events_received():
                    if isinstance(event, Frame):
                        session.frame(event)
                session.flush()
                if protocol.close_expected():
                    break
        finally:
            self.appliance.sessions.discard(session)


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:  # noqa: PLR2004 - method, path, version
        return None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    return HttpRequest(parts[0], parts[1], headers, body, head)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return found


async def _reply(writer: asyncio.StreamWriter, answer: Answer) -> None:
    reason = _REASONS.get(answer.status, "Error")
    head = f"HTTP/1.1 {answer.status} {reason}\r\nContent-Type: {answer.kind}\r\nConnection: close\r\n"
    if answer.filename is not None:
        head += f'Content-Disposition: attachment; filename="{answer.filename}"\r\n'
    if not answer.chunked:
        writer.write(f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)
        await writer.drain()
        return
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    for start in range(0, len(answer.body), _CHUNK):
        part = answer.body[start : start + _CHUNK]
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
    if answer.broken:
        writer.transport.abort()
        return
    writer.write(b"0\r\n\r\n")
    await writer.drain()
