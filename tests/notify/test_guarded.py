"""A secret that cannot be sent is refused by its reference, and what nobody foresaw is told by its class: the value is nowhere."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.app.composition import make_secrets
from drtool.app.notifying import make_notifiers
from drtool.engine.guarded import Guarded
from drtool.model.errors import DrtoolError, Refused
from drtool.model.policy import NotifierPolicy, Policy
from drtool.model.signal import Occasion, Signal
from drtool.planning.signals import test as signal_of_a_test
from drtool.ports import Notifier
from tests.notify.notifier_servers import web_server

SECRET = "tr0ub4dor-and-3"
TEST = signal_of_a_test(Occasion("home", "pi", "", datetime(2026, 11, 29, 3, 0, tzinfo=UTC)))
NOWHERE = "http://127.0.0.1:9/x"
WITH: dict[str, Callable[[str], dict[str, Any]]] = {
    "webhook, a header": lambda at: {"kind": "webhook", "url": NOWHERE, "headers": {"Authorization": at}},
    "webhook, its address": lambda at: {"kind": "webhook", "url": at},
    "ntfy, its token": lambda at: {"kind": "ntfy", "url": NOWHERE, "topic": "t", "token": at},
    "ntfy, its topic": lambda at: {"kind": "ntfy", "url": NOWHERE, "topic": at},
    "healthchecks": lambda at: {"kind": "healthchecks", "url": at},
    "email": lambda at: {
        "kind": "email", "server": "localhost:9", "from": "a@example.org", "to": ["b@example.org"], "user": "u", "password": at,
    },
    "apprise": lambda at: {"kind": "apprise", "urls": [at]},
}  # fmt: skip
TWO_LINES = f"{SECRET}\nsecond"
ODD = {
    "two lines": TWO_LINES,
    "a carriage return": f"{SECRET}\rX: y",
    "a folded line": f"{SECRET}\n more",
    "a bell": f"{SECRET}\a.",
    "an escape": f"\x1b[2J{SECRET}",
    "a separator of lines": f"{SECRET}\u2028x",
}


def _made(settings: dict[str, Any]) -> Notifier:
    kind = settings["kind"]
    rest = {name: value for name, value in settings.items() if name != "kind"}
    (made,) = make_notifiers(Policy("home", "", {}, {}, {}, notify=(NotifierPolicy(kind, f"{kind} 1", rest),)), make_secrets())
    return made


def _refused(do: Callable[[], None], *, named: str) -> None:
    with pytest.raises(DrtoolError) as caught:
        do()
    assert isinstance(caught.value, Refused)
    assert named in caught.value.what
    told = "".join(traceback.format_exception(caught.value)) + caught.value.what + caught.value.hint
    assert SECRET not in told


@pytest.mark.parametrize("kind", WITH)
@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_line_is_refused_by_its_reference(tmp_path: Path, kind: str, odd: str) -> None:
    if kind == "apprise":
        pytest.importorskip("apprise")
    path = tmp_path / "secret"
    path.write_text(ODD[odd])
    path.chmod(0o600)
    there = _made(WITH[kind](f"file:{path}"))
    for do in (there.examine, lambda: there.tell(TEST)):
        _refused(do, named=f"file:{path}")


@pytest.mark.parametrize("kind", ["webhook, a header", "ntfy, its token", "email"])
def test_what_has_signs_of_another_alphabet_is_refused_by_its_reference(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("ODD", f"{SECRET}→")
    there = _made(WITH[kind]("env:ODD"))
    for do in (there.examine, lambda: there.tell(TEST)):
        _refused(do, named="env:ODD")


def test_a_password_of_a_letter_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODD", f"{SECRET}é")
    _refused(_made(WITH["email"]("env:ODD")).examine, named="env:ODD")


@pytest.mark.parametrize("headers", [{"X": TWO_LINES}, {"X: y": SECRET}, {"X\ny": SECRET}])
def test_headers_of_the_policy_itself_are_looked_at_too(headers: dict[str, str]) -> None:
    there = _made({"kind": "webhook", "url": NOWHERE, "headers": headers})
    for do in (there.examine, lambda: there.tell(TEST)):
        _refused(do, named="")


def test_a_header_of_latin_letters_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE", "größe 1")
    with web_server() as web:
        there = _made({"kind": "webhook", "url": web.address, "headers": {"X-Name": "env:FINE"}})
        there.examine()
        there.tell(TEST)
    assert web.asked[0].headers["X-Name"].encode("latin-1") in ("größe 1".encode("latin-1"), "größe 1".encode())


class _Broken:
    kind = name = "broken"

    def wants(self, signal: Signal) -> bool:
        return bool(signal)

    def tell(self, signal: Signal) -> None:
        raise ValueError(f"Invalid header value {SECRET!r} of {signal.subject}")

    def examine(self) -> None:
        raise UnicodeEncodeError("ascii", SECRET, 0, 1, SECRET)


def test_what_nobody_foresaw_is_told_by_its_class_alone() -> None:
    there = Guarded(_Broken())
    _refused(lambda: there.tell(TEST), named="broken: bug: ValueError")
    _refused(there.examine, named="broken: bug: UnicodeEncodeError")


def test_every_notifier_of_a_policy_is_guarded() -> None:
    assert isinstance(_made(WITH["webhook, its address"](NOWHERE)), Guarded)
