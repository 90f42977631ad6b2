# ruff: noqa: ANN401 - the server library hands over values without types
"""Servers that notifiers really talk to: one of HTTP that keeps what it was sent, and one of SMTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """What a server of HTTP was sent; it answers with `answers` in turn, the last again and again."""

    address: str
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(200, {})])
    echoes: bool = False
    """Whether what it says repeats the path, as servers do."""


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            web.asked.append(Asked(self.path, dict(self.headers), body))
            code, headers = web.answers[min(len(web.asked), len(web.answers)) - 1]
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            said = self.path.encode() if web.echoes else b"OK"
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


class Letters:
    """Keeps letters, and refuses receivers whose name begins with `nobody`."""

    def __init__(self) -> None:
        self.kept: list[EmailMessage] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - its name there
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.kept.append(letter)
        return "250 OK"


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that signs itself, and what a server needs to show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@contextmanager
def mail_server(context: ssl.SSLContext | None, *, password: str) -> Iterator[tuple[int, Letters]]:
    """A server of SMTP that takes letters from `drtool` with this password alone, after STARTTLS where it has a certificate."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"drtool", password.encode())
        return AuthResult(success=good, handled=False)

    with socket.socket() as free:  # the library wants to know it beforehand
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    letters = Letters()
    keys: dict[str, Any] = {"require_starttls": True, "tls_context": context} if context else {"auth_require_tls": False}
    server = Controller(letters, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=bool(context), **keys)
    server.start()
    try:
        yield port, letters
    finally:
        server.stop()


@contextmanager
def endless_server(first: bytes, more: bytes, pause: float) -> Iterator[tuple[int, list[int]]]:
    """A server that goes on to say the same until nobody listens; gives its port, and how many bytes each caller was told."""
    told: list[int] = []
    over = threading.Event()

    def talk(caller: socket.socket) -> None:
        with caller:
            number = len(told)
            told.append(0)
            caller.settimeout(5)
            words = first
            with contextlib.suppress(OSError):
                while not over.is_set():
                    caller.sendall(words)
                    told[number] += len(words)
                    words = more
                    over.wait(pause)

    def serve() -> None:
        while True:
            try:
                caller, _address = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(caller,), daemon=True).start()

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1], told
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
