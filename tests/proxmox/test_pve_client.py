from __future__ import annotations

import importlib
import logging
import signal
import socket
import ssl
import sys
import threading
import traceback
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drtool import process
from drtool.lab.proxmox.certificate import Certificates, ensure_certificates
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused, Unavailable
from drtool.process.scope import Interrupt, Scope
from drtool.sources.proxmox import tls
from drtool.sources.proxmox.client import ApiClient
from drtool.testing.fixed_clock import FixedClock
from tests.proxmox.cluster_world import asked, client_of, secrets, shown, written
from tests.rig.pve_lab import PveLab

EVERY = {"path": "/version", "call": 0}


def test_a_question_is_answered(pve: PveLab) -> None:
    assert client_of(pve).get("version")["release"] == "9.2"
    (call,) = pve.calls()
    assert call["who"] == "drtool@pve!drtool"


def test_where_one_node_is_down_the_next_is_asked_and_from_then_on(pve: PveLab) -> None:
    first, second = pve.started.urls.values()
    pve.state.nodes["pve1"].online = False
    client = client_of(pve, url=first, further_urls=[second])
    assert client.get("version")
    assert client.get("version")
    assert len(pve.calls("/version")) == 2


def test_a_refused_token_is_shown_once_and_to_one_node(pve: PveLab, tmp_path: Path) -> None:
    client = client_of(
        pve,
        further_urls=list(pve.started.urls.values())[1:],
        token=written(tmp_path, "drtool@pve!drtool=00000000-0000-4000-8000-000000000000"),
    )
    for _attempt in range(3):
        with pytest.raises(Refused, match="does not accept the token") as caught:
            client.get("version")
    assert "pveum" in caught.value.hint
    for url in client.urls:
        with pytest.raises(Refused, match="does not accept the token"):
            client.get_at(url, "version")
    assert len(asked(pve)) == 1


def test_a_token_that_is_taken_away_is_noticed(pve: PveLab) -> None:
    client = client_of(pve)
    client.get("version")
    pve.faults({"path": "/version", "kind": "revoke"})
    with pytest.raises(Refused, match="does not accept the token"):
        client.get("version")


@pytest.mark.parametrize("text", ["", "drtool@pve", "root@pam!x", "drtool@pve!x=short", "drtool@pve!x=ok ok ok ok", "a\nb@c!d=12345678"])
def test_what_is_no_token_is_never_sent_and_never_told(pve: PveLab, tmp_path: Path, text: str) -> None:
    client = client_of(pve, token=written(tmp_path, f"{text}#secret"))
    with pytest.raises(Refused, match="no API token") as caught:
        client.get("version")
    assert "#secret" not in "".join(shown(caught.value))
    assert asked(pve) == []


def test_the_token_is_in_no_error_and_no_log(pve: PveLab, caplog: pytest.LogCaptureFixture) -> None:
    secret = pve.token.partition("=")[2]
    client = client_of(pve)
    with caplog.at_level(logging.DEBUG):
        client.get("version")
        pve.faults({**EVERY, "kind": "cut_after"})
        with pytest.raises(Unavailable) as caught:
            client.get("version")
    assert secret not in "".join(shown(caught.value)) + caplog.text + repr(client.token)


def test_a_certificate_of_another_authority_is_refused_before_the_token_is_sent(pve: PveLab, tmp_path: Path) -> None:
    other = ensure_certificates(str(tmp_path), ["pve1"], FixedClock().now(), fresh=True)
    with pytest.raises(Refused, match="is not trusted") as caught:
        client_of(pve, ca=other.authority).get("version")
    assert caught.value.safe == "the token was not sent"
    assert "openssl s_client -connect localhost:" in caught.value.hint
    assert asked(pve) == []


def test_without_a_file_the_authorities_of_the_system_count(pve: PveLab) -> None:
    with pytest.raises(Refused, match="is not trusted"):
        client_of(pve, ca=None).get("version")
    assert asked(pve) == []


def test_a_certificate_for_another_name_is_refused_and_pinned_it_serves(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _everything_is_here)
    url = pve.url.replace("localhost", "elsewhere.example.org")
    with pytest.raises(Refused, match=r"is not trusted: .*match"):
        client_of(pve, url=url).get("version")
    assert asked(pve) == []
    pinned = client_of(pve, url=url, ca=None, fingerprint=pve.started.fingerprints["pve1"])
    assert pinned.get("version")


def test_another_fingerprint_is_refused_before_the_token_is_sent(pve: PveLab) -> None:
    client = client_of(pve, ca=None, fingerprint=pve.started.fingerprints["pve2"])
    with pytest.raises(Refused, match="another fingerprint"):
        client.get("version")
    assert asked(pve) == []


def test_a_node_whose_certificate_is_not_trusted_does_not_hide_the_others(pve: PveLab) -> None:
    first, second = pve.started.urls.values()
    client = client_of(pve, url=second, further_urls=[first], ca=None, fingerprint=pve.started.fingerprints["pve1"])
    assert client.get("version")


@pytest.mark.parametrize(
    ("host", "why"), [("localhost:1", "Connection refused"), (f"{'a' * 64}.example.org", "cut"), ("nobody.example.org", "not known")]
)
def test_where_nobody_is_that_is_told(pve: PveLab, host: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = socket.getaddrinfo

    def look_up(name: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401 - as it is called
        if name.startswith("nobody"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found(name, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(Unavailable, match=f"cannot be reached at https://{host}: .*{why}"):
        client_of(pve, url=f"https://{host}").get("version")


def test_a_file_that_holds_no_certificate_is_told(pve: PveLab, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(Refused, match=r"ca\.pem cannot be read as certificates"):
        client_of(pve, ca=str(tmp_path / "ca.pem")).get("version")


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "unreachable", "timeout_before", "timeout_after", "broken_pipe"])
def test_what_was_not_answered_is_asked_again(pve: PveLab, kind: str) -> None:
    clock = FixedClock()
    pve.faults({"path": "/nodes/pve2/time", "kind": kind})
    assert client_of(pve, clock).get("nodes", "pve2", "time")["time"]
    assert len(clock.slept) == 1


@pytest.mark.parametrize("kind", ["cut_before", "unreachable", "timeout_before", "broken_pipe"])
def test_it_is_not_asked_for_ever(pve: PveLab, kind: str) -> None:
    clock = FixedClock()
    pve.faults({"path": "/nodes/pve2/time", "kind": kind, "call": 0})
    with pytest.raises(Unavailable):
        client_of(pve, clock).get("nodes", "pve2", "time")
    assert len(clock.slept) == 2
    assert len(pve.calls("/nodes/pve2/time")) == 3


@pytest.mark.parametrize(("takes", "lefts"), [(30, [75.0, 44.5, 12.5]), (40, [75.0, 34.5])])
def test_a_node_that_hangs_is_given_up_in_time(pve: PveLab, monkeypatch: pytest.MonkeyPatch, takes: int, lefts: list[float]) -> None:
    """Each attempt takes a part of the question's time: half a minute of it the platform's own proxy."""
    clock = FixedClock()
    pve.faults({"path": "/nodes/pve2/time", "kind": "timeout_before", "call": 0})
    client = client_of(pve, clock)
    ask = client._ask

    def slowly(*words: Any, seconds: float) -> Any:  # noqa: ANN401 - JSON
        left.append(seconds)
        clock.advance(timedelta(seconds=takes))
        return ask(*words, seconds=seconds)

    left: list[float] = []
    monkeypatch.setattr(client, "_ask", slowly)
    with pytest.raises(Unavailable):
        client.get("nodes", "pve2", "time")
    assert left == lefts


def test_what_a_node_says_of_another_is_not_asked_of_each(pve: PveLab) -> None:
    pve.faults({"path": "/nodes/pve2/time", "kind": "unreachable", "call": 0})
    with pytest.raises(Unavailable, match="got no answer"):
        client_of(pve, further_urls=list(pve.started.urls.values())[1:]).get("nodes", "pve2", "time")
    assert len(pve.calls("/nodes/pve2/time")) == 3


@pytest.mark.parametrize(("kind", "said"), [("garbage", "not of the API"), ("empty", "not of the API")])
def test_what_is_no_answer_of_the_api_is_told(pve: PveLab, kind: str, said: str) -> None:
    pve.faults({**EVERY, "kind": kind})
    with pytest.raises(Refused, match=said):
        client_of(pve).get("version")


def test_what_is_not_known_or_not_allowed_is_told_and_asked_once(pve: PveLab, tmp_path: Path) -> None:
    client = client_of(pve, token=written(tmp_path, pve.new_token(["VM.Audit"])))
    with pytest.raises(
        Refused, match=r"does not let the token ask for /cluster/status: Permission check failed \(/, Sys.Audit\)"
    ) as caught:
        client.get("cluster", "status")
    assert caught.value.hint.endswith("drtool doctor --grants pve")
    with pytest.raises(NotFound, match="does not know /nothing"):
        client.get("nothing")
    assert len(pve.calls("/cluster/status")) == 1


def test_too_much_is_not_read(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "MOST_BYTES", 40)
    with pytest.raises(Refused, match="not of the API"):
        client_of(pve).get("version")


def test_a_stop_is_heard_while_it_waits(pve: PveLab) -> None:
    interrupt = Interrupt()
    interrupt.request(signal.SIGINT)
    with process.scope(Scope(interrupt=interrupt)), pytest.raises(Interrupted):
        client_of(pve).get("version")


def test_the_callers_proxy_is_not_used(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    assert client_of(pve).get("version")


def test_a_missing_library_is_told(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the program with an exit code of its own where nobody looks."""
    backends = importlib.import_module("proxmoxer.backends")
    monkeypatch.delitem(sys.modules, "proxmoxer.backends.https", raising=False)
    monkeypatch.delattr(backends, "https", raising=False)
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(Refused, match="`requests` is not installed"):
        client_of(pve).get("version")


class _Stranger(BaseHTTPRequestHandler):
    """A web server that is no node: it answers everything with the same, and notes what it was shown."""

    server: _Web

    def do_GET(self) -> None:
        self.server.shown.append(self.headers.get("Authorization", ""))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class _Web(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.shown: list[str] = []
        super().__init__(("127.0.0.1", 0), _Stranger)

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def stranger(
    directory: Path, *, body: bytes = b"", status: int = 200, headers: dict[str, str] | None = None
) -> Iterator[tuple[_Web, ApiClient]]:
    certificates: Certificates = ensure_certificates(str(directory), ["pve1"], FixedClock().now(), fresh=True)
    web = _Web(status, body, headers or {})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.of("pve1"))
    web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    token = written(directory, "drtool@pve!drtool=00000000-0000-4000-8000-000000000000")
    settings = {
        "url": f"https://localhost:{web.server_address[1]}",
        "token": token,
        "fingerprint": certificates.fingerprint("pve1"),
    }
    try:
        yield web, ApiClient(source="pve", settings=settings, secrets=secrets(), clock=FixedClock())
    finally:
        web.shutdown()
        web.server_close()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"{}",
        b"7",
        b"[" * 200_000,
        b'{"data": ' + b"[" * 200_000,
        b"<html>",
        b"\xff\xfe",
    ],
    ids=lambda body: body[:12].decode("ascii", "replace"),
)
@pytest.mark.parametrize("status", [200, 500])
def test_whatever_another_program_answers_is_an_error_of_ours(tmp_path: Path, body: bytes, status: int) -> None:
    with stranger(tmp_path, body=body, status=status) as (_web, client), pytest.raises(DrtoolError):
        client.get("version")


TOKEN = b"00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("status", [200, 500])
def test_a_token_that_is_sent_back_goes_no_further(tmp_path: Path, status: int) -> None:
    body = b'{"data": {"name": "you sent %s"}, "errors": {"name": "%s"}}' % (TOKEN, TOKEN)
    with stranger(tmp_path, body=body, status=status) as (_web, client):
        if status == 200:
            assert client.get("version") == {"name": "you sent ***"}
        else:
            with pytest.raises(DrtoolError) as caught:
                client.get("version")
            told = "".join(shown(caught.value)) + "".join(traceback.format_exception(caught.value))
            assert TOKEN.decode() not in told
            assert "***" in told


@pytest.mark.parametrize("status", [200, 302, 500])
@pytest.mark.parametrize("coded", [False, True])
def test_of_an_answer_without_end_little_is_read(tmp_path: Path, status: int, coded: bool) -> None:  # noqa: FBT001 - a case
    """Told as compressed and none, requests itself reads all of it again without a bound."""
    headers = {"Location": "/elsewhere"} | ({"Content-Encoding": "gzip"} if coded else {})
    with stranger(tmp_path, body=b"\x80" * (40 << 20), status=status, headers=headers) as (_web, client):
        tracemalloc.start()
        try:
            with pytest.raises(DrtoolError) as caught:
                client.get("version")
            _now, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 60 << 20  # what the stranger itself sends is in it
    assert len("".join(shown(caught.value))) < 2000


def test_who_may_write_the_authorities_gets_no_token(pve: PveLab) -> None:
    Path(pve.ca).chmod(0o666)
    with pytest.raises(Refused, match="is not trusted") as caught:
        client_of(pve).get("version")
    assert caught.value.safe == "nothing was sent"
    assert asked(pve) == []


def test_an_answer_that_does_not_come_is_not_waited_for(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock()
    client = client_of(pve, clock)
    pve.faults({"path": "/version", "kind": "slow", "seconds": 20, "call": 0})
    monkeypatch.setattr("drtool.sources.proxmox.client.QUESTION_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="did not end within"):
        client.get("version")


def test_nobody_is_led_elsewhere(pve: PveLab, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    headers = {"Location": f"{pve.url}/api2/json/version"}
    with stranger(tmp_path / "web", status=302, headers=headers) as (web, client), pytest.raises(Refused, match="not of the API"):
        client.get("version")
    assert len(web.shown) == 1
    assert asked(pve) == []


def test_the_words_of_an_error_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    body = b'{"errors": {"vmid": "\\u001b[31mred\\u202e"}}'
    with stranger(tmp_path, body=body, status=400) as (_web, client), pytest.raises(Refused) as caught:
        client.get("version")
    assert "red" in caught.value.what
    assert caught.value.what.isprintable()


def _everything_is_here(_host: object, port: int, *_arguments: object, **_keywords: object) -> list[object]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
