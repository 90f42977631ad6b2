"""An http check has one time limit over everything, and takes a whole answer or none; nobody is sent elsewhere."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from drtool import process
from drtool.checks import schema
from drtool.checks.http import HttpCheck
from drtool.checks.tcp import TcpCheck
from drtool.model.plan import Answer
from drtool.model.policy import CheckPolicy
from drtool.ports import Check, Question

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Script = Callable[[], Iterable[bytes]]
HEAD = b"HTTP/1.1 200 OK\r\n"
PAUSE_SECONDS = 0.2


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with process.scope(process.Scope(label="web", deadline=time.monotonic() + 60)):
        yield


@contextmanager
def server(script: Script, *, pause: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """Say what a script says, piece by piece, to everybody who comes; gives its address and what was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            asked.append(connection.recv(4096).decode().partition("\r\n")[0])
            for piece in script():
                connection.sendall(piece)
                if over.wait(pause):
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", asked
    over.set()
    listener.close()


def ask(check: Check, **settings: Any) -> Answer:  # noqa: ANN401
    keys = schema.CHECKS[check.kind].model_validate(settings).model_dump(mode="json", exclude={"level"})
    return check.ask(Question(CheckPolicy(check.kind, "x", settings=keys), (), {}, NOW, NOW))


def slowly(head: bytes, more: bytes) -> Script:
    return lambda: itertools.chain([head], itertools.repeat(more))


SLOW: dict[str, Script] = {
    "before a word": slowly(b"", b""),
    "its status": slowly(b"HTTP/1.1 20", b"0"),
    "its headers": slowly(HEAD + b"X: ", b"x"),
    "header after header": slowly(HEAD, b"X: x\r\n"),
    "its body": slowly(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "a body without an end": slowly(HEAD + b"\r\n", b"x"),
    "its chunks": slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "one chunk": slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b"x"),
    "the size of a chunk": slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X: x\r\n"),
    "continue": slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("what", SLOW)
def test_who_trickles_is_left_in_time(what: str) -> None:
    """The scope around would raise; the check's own limit answers instead."""
    with server(SLOW[what], pause=PAUSE_SECONDS) as (address, _asked):
        answer = ask(HttpCheck(), url=f"http://{address}/", timeout="1s")
    assert not answer.passed
    assert not answer.skipped
    assert "no answer" in answer.observed


BROKEN: dict[str, bytes] = {
    "a body": HEAD + b"Content-Length: 1000000\r\n\r\n0123456789",
    "the last byte of a body": HEAD + b"Content-Length: 11\r\n\r\n0123456789",
    "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n0123456789",
    "between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
    "headers": HEAD + b"Content-Le",
    "no status": b"\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_off_is_no_answer(what: str) -> None:
    with server(lambda: [BROKEN[what]]) as (address, _asked):
        answer = ask(HttpCheck(), url=f"http://{address}/", timeout="20s")
    assert not answer.passed, answer
    assert not answer.skipped
    assert not answer.silent


def test_who_says_nothing_is_silent() -> None:
    with server(list) as (address, _asked):
        assert ask(HttpCheck(), url=f"http://{address}/", timeout="20s").silent
    assert ask(HttpCheck(), url=f"http://{address}/", timeout="20s").silent
    assert ask(TcpCheck(), address=address, timeout="20s").silent


@pytest.mark.parametrize("check", [HttpCheck(), TcpCheck()], ids=["http", "tcp"])
def test_a_name_that_nobody_knows_is_not_asked(check: Check) -> None:
    settings = {"url": "http://nobody.invalid/"} if check.kind == "http" else {"address": "nobody.invalid:80"}
    answer = ask(check, **settings, timeout="20s")
    assert not answer.passed
    assert "nobody.invalid" in answer.skipped


def test_a_long_answer_is_read_to_its_end() -> None:
    body = b"x" * (6 * 1024 * 1024) + b"the end"
    whole = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    with server(lambda: [whole]) as (address, _asked):
        answer = ask(HttpCheck(), url=f"http://{address}/", expect={"body": "the end"})
        assert (answer.passed, answer.bytes) == (True, len(body))
        assert not ask(HttpCheck(), url=f"http://{address}/", expect={"body": "an end"}).passed


@pytest.mark.parametrize("border", [256 * 1024 - 3, 512 * 1024 - 1])
def test_words_are_found_across_a_border(border: int) -> None:
    body = b"x" * border + "wörds".encode() + b"x" * 9
    with server(lambda: [HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body]) as (address, _asked):
        assert ask(HttpCheck(), url=f"http://{address}/", expect={"body": "wörds"}).passed


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_sent_elsewhere(status: int) -> None:
    with server(lambda: [HEAD + b"Content-Length: 0\r\n\r\n"]) as (there, went):
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: http://{there}/\r\nContent-Length: 0\r\n\r\n".encode()
        with server(lambda: [moved]) as (address, asked):
            answer = ask(HttpCheck(), url=f"http://{address}/start")
    assert not answer.passed
    assert asked == ["GET /start HTTP/1.1"]
    assert went == []
    assert there in answer.observed
