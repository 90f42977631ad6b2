"""Messages that no NAS should send: none of them keeps anybody waiting, and the next call is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from websockets.client import ClientProtocol

from drtool.model.errors import Refused, Unavailable
from drtool.sources.truenas.source import TruenasSource
from tests.contracts.test_truenas_source import make_source
from tests.rig.small_nas import SmallNas

SOON: Final = 10.0
"""Seconds; whoever is forgotten waits a minute."""
DEEP: Final = 100_000


def answer(result: str) -> str:
    """`ID` stands for the id of the request."""
    return '{"jsonrpc": "2.0", "id": ID, "result": ' + result + "}"


def error_of(error: str) -> str:
    return '{"jsonrpc": "2.0", "id": ID, "error": ' + error + "}"


UNREADABLE: Final = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "5",
    "null": "null",
    "an instant": '{"$date": 5}',
    "a huge instant": answer('{"$date": 100000000000000000000000000000}'),
    "an instant after the last year": answer('{"$date": 9000000000000000}'),
    "an instant before the first year": answer('{"$date": -9000000000000000}'),
    "a huge instant in an error": error_of('{"data": {"extra": [{"$date": 1000000000000000000000}]}}'),
    "a huge instant in an event": '{"jsonrpc": "2.0", "method": "collection_update", "params": {"$date": 1000000000000000000000}}',
    "a number of ten thousand digits": answer("9" * 10_000),
    "deep lists": answer("[" * DEEP + "]" * DEEP),
    "deep objects": answer('{"a":' * DEEP + "1" + "}" * DEEP),
    "no string": answer("\\ud800"),
    "neither a result nor an error": '{"jsonrpc": "2.0", "id": ID}',
    "an error that is null and no result": error_of("null"),
}
MEANT_FOR_NOBODY: Final = [
    *("{}", '{"result": 1}', '{"error": 1}', '{"method": 5}', '{"method": null, "params": 5}', '{"method": "collection_update"}'),
    *(
        f'{{"jsonrpc": "2.0", "id": {identity}, "result": "for somebody else"}}'
        for identity in ("null", "true", "false", "1.0", "-1", "1e400", "9" * 100, '""', '"x"', "[]", "[1]", "{}", '{"$date": 1}', "NaN")
    ),
]
AN_ERROR: Final = [
    *("5", '"no"', "[]", "true", "{}", '{"code": []}', '{"code": "x", "data": 5}', '{"data": {"error": [], "reason": {}}}'),
    '{"data": {"error": 22, "extra": [5, [], [1, 2, {}], [1, 2, 999999999999999999999]]}}',
    '{"data": {"error": 1e999}, "message": 5}',
    *('{"code": 1, "message": ' + "[" * depth + "]" * depth + "}" for depth in (300, 970)),
]


@pytest.fixture
def nas(tmp_path: Path) -> Iterator[SmallNas]:
    with SmallNas(tmp_path / "nas") as server:
        yield server


@pytest.fixture
def source(nas: SmallNas) -> Iterator[TruenasSource]:
    made = make_source(nas)
    made.client.read("system.info")
    yield made
    made.close()


def once(method: str, *messages: str) -> Callable[[str, str], list[str] | None]:
    """Spoil one answer of a method: `ID` in a message is the number of the request, `ANSWER` the answer that was due."""
    left = [messages]

    def instead(asked: str, identity: str) -> list[str] | None:
        return [message.replace("ID", identity) for message in left.pop()] if asked == method and left else None

    return instead


PONG: Final = answer('"pong"')


@pytest.mark.parametrize("message", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_asked_for_again(nas: SmallNas, source: TruenasSource, message: str) -> None:
    nas.instead = once("core.ping", message)
    began = time.monotonic()
    assert source.client.read("core.ping") == "pong"
    assert nas.calls.count(("core.ping", [])) == 2
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("message", MEANT_FOR_NOBODY, ids=lambda text: text[:60])
def test_what_is_meant_for_nobody_is_passed_over(nas: SmallNas, source: TruenasSource, message: str) -> None:
    nas.instead = once("core.ping", message, PONG)
    assert source.client.read("core.ping", timeout_seconds=SOON) == "pong"
    assert nas.calls.count(("core.ping", [])) == 1


@pytest.mark.parametrize("error", AN_ERROR, ids=lambda text: text[:60])
def test_an_error_of_any_form_is_a_refusal(nas: SmallNas, source: TruenasSource, error: str) -> None:
    nas.instead = once("core.ping", error_of(error))
    with pytest.raises(Refused, match=r"refused core\.ping"):
        source.client.read("core.ping", timeout_seconds=SOON)
    assert source.client.read("core.ping", timeout_seconds=SOON) == "pong"
    assert nas.calls.count(("core.ping", [])) == 2


@pytest.mark.parametrize(
    "told", ["5", "null", "[]", '{"response_type": []}', '{"response_type": ' + "[" * 970 + "]" * 970 + "}"], ids=lambda text: text[:30]
)
def test_a_login_that_says_anything_else_is_no_login(nas: SmallNas, told: str) -> None:
    nas.instead = once("auth.login_ex", answer(told))
    source = make_source(nas)
    for _ in range(2):  # it is not tried again on its own
        with pytest.raises(Refused, match="did not let us in"):
            source.client.read("core.ping", timeout_seconds=SOON)
    source.close()
    assert source.client.read("core.ping", timeout_seconds=SOON) == "pong"
    source.close()


def test_everybody_who_waits_is_told_when_one_answer_cannot_be_read(nas: SmallNas, source: TruenasSource) -> None:
    withheld = ("system.info", "pool.query")
    spoiled = once("core.ping", UNREADABLE["a huge instant"])
    nas.instead = lambda method, identity: ["{}"] if method in withheld else spoiled(method, identity)
    errors = asked_at_once(nas, source, withheld)
    assert {type(error) for error in errors} == {Unavailable}
    assert all("the NAS sent something that is no message" in str(error) for error in errors)


def test_everybody_who_waits_is_told_when_reading_itself_breaks(
    nas: SmallNas, source: TruenasSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a mistake in the library that reads, say; it is shown and not swallowed."""
    withheld = ("system.info", "pool.query")
    nas.instead = lambda method, _identity: ["{}"] if method in withheld else None
    shown: list[threading.ExceptHookArgs] = []
    receive = ClientProtocol.receive_data

    def breaks(protocol: ClientProtocol, data: bytes) -> None:
        if ("core.ping", []) in nas.calls and not shown:
            raise ZeroDivisionError
        receive(protocol, data)

    monkeypatch.setattr(threading, "excepthook", shown.append)
    monkeypatch.setattr(ClientProtocol, "receive_data", breaks)
    errors = asked_at_once(nas, source, withheld)
    assert {type(error) for error in errors} == {Unavailable}
    assert all("what came could not be read" in str(error) for error in errors)
    assert [each.exc_type for each in shown] == [ZeroDivisionError]
    assert source.client.read("core.ping", timeout_seconds=SOON) == "pong"


def asked_at_once(nas: SmallNas, source: TruenasSource, withheld: tuple[str, ...]) -> list[BaseException | None]:
    """Ask what is never answered, then core.ping over the same connection, and return how each of them ended."""
    session = source.client._connected()

    def ask(method: str) -> object:
        return session.ask(method, (), source="nas", watch=lambda: None)

    before = len(nas.calls)
    with ThreadPoolExecutor(len(withheld) + 1) as pool:
        asked = [pool.submit(ask, method) for method in withheld]
        until = time.monotonic() + SOON
        while len(nas.calls) < before + len(withheld) and time.monotonic() < until:
            time.sleep(0.01)
        asked.append(pool.submit(ask, "core.ping"))
        try:
            return [each.exception(SOON) for each in asked]
        finally:
            session.close()  # so that whoever is forgotten is not waited for
            session.lost = "closed by the test"
