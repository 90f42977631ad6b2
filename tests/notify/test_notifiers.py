"""Each notifier against a server that it really talks to: green, red, silent, refusing; and its secrets nowhere."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest

from drtool.catalog.told import HeardBook
from drtool.engine import tell
from drtool.engine.tell import Teller
from drtool.model.errors import DrtoolError, Refused, Unavailable
from drtool.model.secret import Secret, SecretReference
from drtool.model.signal import Heard, Occasion, Signal, SignalKind, as_heard
from drtool.notify.apprise import AppriseNotifier
from drtool.notify.email import EmailNotifier
from drtool.notify.healthchecks import HealthchecksNotifier
from drtool.notify.metrics import MetricsNotifier
from drtool.notify.ntfy import NtfyNotifier
from drtool.notify.webhook import WebhookNotifier
from drtool.planning.signals import test as signal_of_a_test
from drtool.process import Interrupt
from tests.notify.notifier_servers import Web, certificate, endless_server, mail_server, web_server

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
SECRET = "tr0ub4dor-and-3"
OCCASION = Occasion("home", "pi", "R1", NOW)
GREEN = Signal(SignalKind.SUCCESS, "documents", "run", OCCASION, outcome="succeeded", text="run documents: succeeded")
RED = Signal(
    SignalKind.FAIL, "documents", "run", OCCASION,
    outcome="failed", text="run documents: failed: no space left on the disk.", next="drtool report R1",
)  # fmt: skip
BEGUN = Signal(SignalKind.START, "documents", "run", OCCASION)


class Given:
    """A store that knows what it was given."""

    def __init__(self, **known: str) -> None:
        self.known = known

    def resolve(self, reference: SecretReference) -> Secret:
        return Secret(self.known[reference.value])


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


def test_a_check_is_pinged_when_it_begins_ends_and_fails(web: Web) -> None:
    there = HealthchecksNotifier("healthchecks 1", {"url": "env:PING"}, Given(PING=f"{web.address}/ping/{SECRET}/drtool-{{set}}"))
    for signal in (BEGUN, GREEN, RED):
        assert there.wants(signal)
        there.tell(signal)
    base = f"/ping/{SECRET}/drtool-documents"
    assert [each.path.partition("?")[0] for each in web.asked] == [f"{base}/start", base, f"{base}/fail"]
    runs = {each.path.partition("?rid=")[2] for each in web.asked}
    assert len(runs) == 1, "the time between start and end is of one run"
    uuid.UUID(runs.pop())
    assert b"no space left" in web.asked[-1].body
    assert b"drtool report R1" in web.asked[-1].body


def test_the_query_of_an_address_stays(web: Web) -> None:
    HealthchecksNotifier("h", {"url": f"{web.address}/k/{{set}}?create=1"}, Given()).tell(GREEN)
    assert web.asked[0].path.startswith("/k/documents?create=1&rid=")


def test_a_hook_gets_one_document(web: Web) -> None:
    there = WebhookNotifier("webhook 1", {"url": web.address, "headers": {"Authorization": "env:TOKEN"}}, Given(TOKEN=f"Bearer {SECRET}"))
    assert [there.wants(each) for each in (BEGUN, GREEN, RED)] == [False, False, True]
    there.tell(RED)
    (asked,) = web.asked
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    told = json.loads(asked.body)
    assert (told["format"], told["outcome"], told["subject"], told["at"]) == (
        "drtool.signal/1",
        "failed",
        "documents",
        "2026-11-29T03:00:00Z",
    )


def test_the_end_of_a_trouble_is_told_to_whoever_heard_of_it(web: Web) -> None:
    there = WebhookNotifier("webhook 1", {"url": web.address}, Given())
    assert there.wants(replace(GREEN, recovered=True))
    assert not there.wants(replace(GREEN, kind=SignalKind.LOG, outcome=""))


def test_a_push_message_says_what_and_how_bad(web: Web) -> None:
    there = NtfyNotifier("ntfy 1", {"url": web.address, "topic": "env:TOPIC", "token": "env:TOKEN"}, Given(TOPIC="t", TOKEN=SECRET))
    there.tell(RED)
    told = json.loads(web.asked[0].body)
    assert told["topic"] == "t"
    assert told["title"] == "drtool home: run documents failed"
    assert told["priority"] == 4
    assert web.asked[0].headers["Authorization"] == f"Bearer {SECRET}"


def test_a_test_alarms_nobody(web: Web) -> None:
    there = NtfyNotifier("ntfy 1", {"url": web.address, "topic": "env:TOPIC"}, Given(TOPIC="t"))
    there.tell(signal_of_a_test(OCCASION))
    told = json.loads(web.asked[0].body)
    assert told["title"] == "drtool home: a test, nothing happened"
    assert not {"priority", "tags"} & told.keys()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the library itself
def test_the_library_passes_it_on(web: Web) -> None:
    address = web.address.replace("http://", "json://") + f"/{SECRET}"
    AppriseNotifier("apprise 1", {"urls": ["env:A"]}, Given(A=address)).tell(RED)
    assert "no space left" in json.loads(web.asked[0].body)["message"]


def test_a_letter_goes_over_tls_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with mail_server(context, password=SECRET) as (port, letters):
        there = EmailNotifier("email 1", _mail(f"localhost:{port}"), Given(MAIL=SECRET))
        there.tell(RED)
    (letter,) = letters.kept
    assert letter["Subject"] == "drtool home: run documents failed"
    assert letter["To"] == "a@example.org, b@example.org"
    assert "no space left" in letter.get_content()


def _mail(server: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - keys of a policy
    keys = {
        "server": server,
        "from": "drtool@example.org",
        "to": ["a@example.org", "b@example.org"],
        "user": "drtool",
        "password": "env:MAIL",
    }
    return {**keys, **more}


def test_a_certificate_that_nobody_knows_gets_no_password(tmp_path: Path) -> None:
    _public, context = certificate(tmp_path)
    with mail_server(context, password=SECRET) as (port, letters):
        with pytest.raises(Refused, match="is not trusted"):
            EmailNotifier("email 1", _mail(f"localhost:{port}"), Given(MAIL=SECRET)).tell(RED)
        assert letters.kept == []


def test_a_name_adds_no_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with mail_server(context, password=SECRET) as (port, letters):
        there = EmailNotifier("email 1", _mail(f"localhost:{port}"), Given(MAIL=SECRET))
        there.tell(replace(RED, subject="x\nBcc: thief@example.org"))
    assert letters.kept[0]["Bcc"] is None


@pytest.mark.parametrize("answers", [[(500, {}), (200, {})], [(429, {}), (503, {}), (200, {})]])
def test_a_server_that_is_busy_is_asked_again(web: Web, answers: list[tuple[int, dict[str, str]]]) -> None:
    web.answers = answers
    WebhookNotifier("webhook 1", {"url": web.address}, Given()).tell(RED)
    assert len(web.asked) == len(answers)


@pytest.mark.parametrize(
    ("code", "headers", "words"), [(404, {}, "says 404"), (302, {"Location": "http://127.0.0.1:1/"}, "sends elsewhere")]
)
def test_a_no_is_told_and_led_nowhere(web: Web, code: int, headers: dict[str, str], words: str) -> None:
    web.answers = [(code, headers)]
    with pytest.raises(Refused, match=words):
        WebhookNotifier("webhook 1", {"url": web.address}, Given()).tell(RED)
    assert len(web.asked) == 1


def _silent() -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


silent = pytest.fixture(_silent)


@pytest.mark.parametrize("kind", [WebhookNotifier, HealthchecksNotifier])
def test_silence_ends_and_names_no_secret(silent: str, kind: type[WebhookNotifier | HealthchecksNotifier]) -> None:
    there = kind("it", {"url": "env:URL", "timeout": 1}, Given(URL=f"{silent}/{SECRET}"))
    with pytest.raises(Unavailable) as caught:
        there.tell(RED)
    assert SECRET not in f"{caught.value.what} {caught.value.hint} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(("first", "more"), [(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")])
def test_what_trickles_without_end_is_no_answer(first: bytes, more: bytes) -> None:
    with endless_server(first, more, pause=0.1) as (port, told):
        with pytest.raises(Unavailable, match="no answer in time"):
            WebhookNotifier("webhook 1", {"url": f"http://127.0.0.1:{port}/{SECRET}", "timeout": 1}, Given()).tell(RED)
        assert len(told) == 3


def test_an_answer_whose_rest_never_ends_is_one() -> None:
    with endless_server(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.1) as (port, told):
        WebhookNotifier("webhook 1", {"url": f"http://127.0.0.1:{port}/", "timeout": 2}, Given()).tell(RED)
        assert len(told) == 1


@pytest.mark.parametrize("pause", [0.0, 0.1])
@pytest.mark.parametrize("here", ["127.0.0.1:{}", "localhost:{}"])
def test_a_greeting_without_end_is_read_up_to_a_limit(here: str, pause: float) -> None:
    more = b"x" if pause else b"nd more\r\n220-a"
    with endless_server(b"220-a", more, pause) as (port, told), pytest.raises(Unavailable, match="does not answer"):
        EmailNotifier("email 1", _mail(here.format(port), timeout=1), Given(MAIL=SECRET)).tell(RED)
    assert sum(told) < 2**24, "what fits into the buffers of the system"


def test_no_answer_is_repeated(web: Web) -> None:
    web.answers, web.echoes = [(404, {})], True
    with pytest.raises(Refused) as caught:
        WebhookNotifier("webhook 1", {"url": "env:URL"}, Given(URL=f"{web.address}/{SECRET}")).tell(RED)
    assert caught.value.what == "webhook 1: it says 404"


@pytest.mark.parametrize(
    "held", [SECRET, f"{SECRET}/x", f"//{SECRET}/x", f"ftp://{SECRET}/", f"https://{SECRET}\n.x/", "http://[", f"http://a:{SECRET}/"]
)
@pytest.mark.parametrize("kind", [WebhookNotifier, HealthchecksNotifier])
def test_a_secret_that_is_no_address_is_asked_for_nowhere(
    kind: type[WebhookNotifier | HealthchecksNotifier], held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *names, **_more: asked.append(names))
    with pytest.raises(Refused, match=r"its address is none|env:URL is not one line") as caught:
        kind("it", {"url": "env:URL"}, Given(URL=held)).tell(RED)
    assert asked == []
    assert SECRET not in f"{caught.value.what} {caught.value.hint} {caught.value!r}"


def test_a_secret_host_is_told_nowhere() -> None:
    with pytest.raises(Unavailable) as caught:
        WebhookNotifier("webhook 1", {"url": "env:URL", "timeout": 2}, Given(URL=f"http://{SECRET}.invalid/")).tell(RED)
    assert caught.value.what == "webhook 1: it does not answer: its name is not known"


def test_a_name_of_no_alphabet_loses_no_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with mail_server(context, password=SECRET) as (port, letters):
        there = EmailNotifier("email 1", _mail(f"localhost:{port}"), Given(MAIL=SECRET))
        there.tell(replace(RED, text="cannot read /srv/\udcff.txt", subject="\udcff"))
    assert "cannot read /srv/?.txt" in letters.kept[0].get_content()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (WebhookNotifier, {"url": "env:NO_ADDRESS"}),
        (WebhookNotifier, {"url": "https://example.org", "headers": {"Authorization": "env:MISSING"}}),
        (HealthchecksNotifier, {"url": "env:MISSING"}),
        (NtfyNotifier, {"topic": "t", "token": "env:MISSING"}),
        (
            EmailNotifier,
            {"server": "localhost:25", "from": "a@example.org", "to": ["b@example.org"], "user": "u", "password": "env:MISSING"},
        ),
        (AppriseNotifier, {"urls": ["env:NO_ADDRESS"]}),
        (MetricsNotifier, {"directory": "/nowhere/at/all"}),
    ],
)
def test_what_lacks_something_is_found_without_a_word(kind: Any, settings: dict[str, Any]) -> None:  # noqa: ANN401 - a class of each kind
    class Store(Given):
        def resolve(self, reference: SecretReference) -> Secret:
            if reference.value == "MISSING":
                raise Refused("it is not there")
            return super().resolve(reference)

    with pytest.raises(Refused):
        kind("it", settings, Store(NO_ADDRESS=SECRET)).examine()


def test_one_that_fails_delays_nobody_and_is_told_once(web: Web, silent: str) -> None:
    bad = WebhookNotifier("webhook 1", {"url": f"{silent}/{SECRET}", "timeout": 1}, Given())
    good = WebhookNotifier("webhook 2", {"url": web.address}, Given())
    teller = Teller([bad, good])
    teller.tell([RED, RED])
    failures = teller.close()
    assert len(web.asked) == 2
    assert len(failures) == 1
    assert failures[0].startswith("webhook 1: ")
    assert SECRET not in failures[0]


def test_whoever_did_not_hear_of_the_beginning_hears_of_the_end(web: Web) -> None:
    web.answers = [(404, {}), (200, {})]
    teller = Teller([HealthchecksNotifier("healthchecks 1", {"url": f"{web.address}/x"}, Given())])
    teller.tell([BEGUN, RED])
    (failure,) = teller.close()
    assert "says 404" in failure
    assert [each.path.partition("?")[0] for each in web.asked] == ["/x/start", "/x/fail"]


def test_by_one_address_for_all_nothing_is_well_while_anything_else_is_not(web: Web) -> None:
    green = replace(GREEN, others=("drill/monthly",))
    HealthchecksNotifier("h", {"url": f"{web.address}/all"}, Given()).tell(green)
    HealthchecksNotifier("h", {"url": f"{web.address}/{{set}}"}, Given()).tell(green)
    assert [each.path.partition("?")[0] for each in web.asked] == ["/all/log", "/documents"]
    assert b"not well since its last attempt: drill/monthly" in web.asked[0].body


@pytest.mark.parametrize("other", ["verify/documents", "drill/Documents", "prune/documents."])
def test_at_one_check_nothing_is_well_while_anything_else_there_is_not(web: Web, other: str) -> None:
    HealthchecksNotifier("h", {"url": f"{web.address}/{{set}}"}, Given()).tell(replace(GREEN, others=("drill/monthly", other)))
    assert [each.path.partition("?")[0] for each in web.asked] == ["/documents/log"]


def test_what_was_told_already_is_told_no_second_time(web: Web) -> None:
    there = WebhookNotifier("webhook 1", {"url": web.address}, Given())
    assert there.wants(RED)
    assert not there.wants(replace(RED, repeated=True))
    assert HealthchecksNotifier("h", {"url": web.address}, Given()).wants(replace(RED, repeated=True)), "silence would mean that it is well"


WAITS = replace(RED, stands="waits: Unavailable")
OTHER = replace(RED, subject="photos")


def test_a_book_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    book = HeardBook(str(tmp_path / "file" / "state"), by="home")
    book.mark("call")
    book.learn({"webhook": {}}, notifiers=["webhook"])
    assert not book.is_marked("call")


def test_what_nobody_took_is_told_by_the_next_run_and_then_no_more(web: Web, tmp_path: Path) -> None:
    book = HeardBook(str(tmp_path), by="home")

    def run(*signals: Signal) -> tuple[str, ...]:
        teller = Teller([WebhookNotifier("webhook 1", {"url": web.address}, Given())], book.load())
        teller.tell(signals)
        failures = teller.close()
        book.learn(teller.told, notifiers=["webhook 1"])
        return failures

    web.answers = [(404, {}), (200, {})]
    assert run(WAITS)
    web.answers = [(200, {})]
    asked = [len(web.asked)]
    for each in (WAITS, WAITS, replace(GREEN, recovered=True), GREEN, OTHER):
        assert not run(each)
        asked.append(len(web.asked))
    assert [after - before for before, after in pairwise(asked)] == [1, 0, 1, 0, 1]
    assert [json.loads(each.body)["recovered"] for each in web.asked[1:]] == [False, True, False]


def test_only_who_heard_of_a_trouble_hears_that_it_is_over(web: Web) -> None:
    missed = replace(RED, outcome="objective_missed")
    heard: dict[str, dict[str, Heard]] = {"all": {}, "failed": {}}
    for told in (missed, replace(GREEN, recovered=True)):
        there = [
            WebhookNotifier("all", {"url": f"{web.address}/all"}, Given()),
            WebhookNotifier("failed", {"url": f"{web.address}/failed", "on": ["failed"]}, Given()),
        ]
        teller = Teller(there, heard)
        teller.tell([told])
        assert teller.close() == ()
        for name, news in teller.told.items():
            heard[name] = {about: each for about, each in {**heard[name], **news}.items() if each is not None}
    assert [each.path for each in web.asked] == ["/all", "/all"]


def test_nothing_is_over_while_it_still_fails() -> None:
    """Whoever closes an alarm by `recovered` would close it at the second failure."""
    heard = {RED.about: Heard(RED.outcome)}
    assert not as_heard(RED, heard).recovered
    assert as_heard(replace(GREEN, subject=RED.subject, verb=RED.verb), heard).recovered


def test_one_refused_message_silences_no_other(web: Web) -> None:
    web.answers = [(404, {}), (404, {}), (200, {})]
    teller = Teller([HealthchecksNotifier("healthchecks 1", {"url": f"{web.address}/{{set}}"}, Given())])
    teller.tell([RED, replace(RED, subject="music"), OTHER])
    (failure,) = teller.close()
    assert "says 404" in failure
    assert [each.path.partition("?")[0] for each in web.asked] == ["/documents/fail", "/music/fail", "/photos/fail"]
    assert list(teller.told["healthchecks 1"]) == ["run/photos"]


def test_a_signal_ends_the_wait_for_who_is_silent() -> None:
    over, interrupt = threading.Event(), Interrupt()
    interrupt.request(SIGINT)  # it ended the run; how that ended is told all the same

    class Hanging:
        kind = name = "hanging"

        def wants(self, _signal: Signal) -> bool:
            return True

        def examine(self) -> None: ...

        def tell(self, _signal: Signal) -> None:
            time.sleep(0.2)  # the wait has begun: what was asked before ends it not
            interrupt.request(SIGINT)
            over.wait(60)

    teller = Teller([Hanging()])
    teller.tell([RED])
    assert teller.close(interrupt) == ("hanging: stopped before it was told",)
    over.set()


@pytest.mark.parametrize("ahead", [-60.0, 0.0, 0.4])
def test_a_deadline_ends_the_wait_for_who_is_silent_after_a_few_seconds(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    over = threading.Event()

    class Hanging:
        kind = name = "hanging"

        def wants(self, _signal: Signal) -> bool:
            return True

        def examine(self) -> None: ...

        def tell(self, _signal: Signal) -> None:
            over.wait(60)

    monkeypatch.setattr(tell, "_GRACE_SECONDS", 0.2)
    teller = Teller([Hanging(), Hanging()])
    teller.tell([RED])
    began = time.monotonic()
    failures = teller.close(deadline=began + ahead)
    over.set()
    assert len(failures) == 2
    assert max(ahead, 0.0) < time.monotonic() - began < max(ahead, 0.0) + 3.0


def test_an_ended_run_waits_for_all_together_no_longer_than_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    class Hanging:
        kind = name = "hanging"

        def wants(self, _signal: Signal) -> bool:
            return True

        def examine(self) -> None: ...

        def tell(self, _signal: Signal) -> None:
            over.wait(60)

    waited: list[float] = []
    monkeypatch.setattr(tell, "_CLOSE_SECONDS", 0.5)
    join = threading.Thread.join

    def noting(thread: threading.Thread, timeout: float | None = None) -> None:
        waited.append(timeout or 0.0)
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", noting)
    teller = Teller([Hanging(), Hanging(), Hanging()])
    teller.tell([RED])
    failures = teller.close()
    over.set()
    assert len(failures) == 3
    assert sum(waited) < 1.0, "the first uses the time up"


def test_a_mistake_of_a_library_ends_nothing() -> None:
    class Broken:
        kind = name = "broken"

        def wants(self, _signal: Signal) -> bool:
            return True

        def examine(self) -> None: ...

        def tell(self, _signal: Signal) -> None:
            raise ZeroDivisionError(SECRET)

    teller = Teller([Broken()])
    teller.tell([RED])
    assert teller.close() == ("broken: bug: ZeroDivisionError",)


def test_errors_are_ours() -> None:
    with pytest.raises(DrtoolError, match="its name is not known"):
        WebhookNotifier("webhook 1", {"url": "http://does-not-exist.invalid/", "timeout": 2}, Given()).tell(RED)
