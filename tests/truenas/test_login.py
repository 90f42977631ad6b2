"""A refused login is never repeated, and its cause stays the message; where a NAS takes no key in plain it is proven."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from drtool.lab.truenas import state
from drtool.model.errors import DrtoolError, Refused
from drtool.model.secret import Secret
from drtool.sources.truenas.api.login import log_in
from drtool.sources.truenas.api.scram import Handshake
from drtool.sources.truenas.api.supported import require_supported
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, take, tidy

NO_PLAIN = {"method": "auth.login_ex", "kind": "error", "errno": "EOPNOTSUPP", "reason": "API_KEY_PLAIN: mechanism is not supported"}


def logins(lab: Lab) -> list[dict[str, object]]:
    lines = (Path(lab.started.directory) / "calls.jsonl").read_text().splitlines()
    return [call for call in map(json.loads, lines) if call["method"] == "auth.login_ex"]


def test_a_refused_login_is_never_repeated_and_stays_the_cause(lab: Lab) -> None:
    lab.faults({"method": "core.ping", "kind": "revoke"})
    source = lab.source(by=BY)
    with pytest.raises(DrtoolError):
        source.client.read("core.ping")
    before = len(logins(lab))
    said = set()

    def ask() -> None:
        for _ in range(10):
            with pytest.raises(Refused) as caught:
                source.discover({"dataset": "tank/documents"})
            said.add((caught.value.what, caught.value.hint))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {what for what, _ in said} == {"nas says that the key is revoked or has expired"}
    assert len(logins(lab)) - before <= 1
    source.close()


def test_another_connection_may_try_anew(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY, user="somebody")
    for _ in range(2):
        with pytest.raises(Refused, match="does not accept the key"):
            source.discover({"dataset": "tank/documents"})
        source.close()
    assert len(logins(lab)) == 2


def test_a_key_is_proven_where_it_is_not_taken_in_plain(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        key = Path(lab.started.worker_key_file).read_text().strip()
        lab.faults(NO_PLAIN)
        source = lab.source(by=BY)
        assert len(take(source, tmp_path / "copies")) == 2
        assert key.partition("-")[2] not in json.dumps(logins(lab))
        assert len(logins(lab)) == 3, "the plain way, which was offered, and two steps of proving"
        tidy(source)


@pytest.mark.parametrize("release", ["25.04", "25.10"])
def test_where_a_key_can_neither_be_shown_nor_proven_that_is_said(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        lab.faults({**NO_PLAIN, "call": 0})
        source = lab.source(by=BY)
        for _ in range(2):
            with pytest.raises(Refused, match="takes no API key, and offers no way that drtool has"):
                source.discover({"dataset": "tank/documents"})
        assert len(logins(lab)) == 1
        source.close()


def test_a_wrong_key_proves_nothing(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        path = Path(lab.started.worker_key_file)
        key = path.read_text().strip()
        path.write_text(key[:-1] + ("x" if key[-1] != "x" else "y"))
        lab.faults(NO_PLAIN)
        source = lab.source(by=BY)
        with pytest.raises(Refused, match="does not accept the key"):
            source.discover({"dataset": "tank/documents"})
        source.close()


KEY = Secret("7-" + "TOPSECRET" * 7 + "k")


class Nas:
    """What answers a login: which ways it offers, None where it tells that to nobody before, and what it says to a proof."""

    def __init__(self, offers: object, *, plain: bool, final: str = "v=bm8=") -> None:
        self.offers, self.plain, self.last = offers, plain, final
        self.sent: list[tuple[str, str]] = []

    def __call__(self, method: str, params: tuple[Any, ...], **_more: object) -> dict[str, Any]:
        self.sent.append((method, json.dumps(params)))
        if method == "auth.mechanism_choices":
            return {"error": {"code": -32001, "data": {"error": errno.EACCES}}} if self.offers is None else {"result": self.offers}
        asked = params[0]
        if asked["mechanism"] == "API_KEY_PLAIN":
            no = {"error": {"code": -32001, "data": {"error": errno.EOPNOTSUPP}}}
            return {"result": {"response_type": "SUCCESS"}} if self.plain else no
        text = f"r={asked['rfc_str'].split('r=')[1]}X,s=c2FsdA==,i=4096" if "FIRST" in asked["scram_type"] else self.last
        return {"result": {"response_type": "SCRAM_RESPONSE", "rfc_str": text}}

    @property
    def saw_key(self) -> bool:
        """Whether any part of the secret was in what was sent."""
        return any("TOPSECRET" in text for _method, text in self.sent)


def log_in_to(nas: Nas, key: Secret = KEY) -> str:
    """Log in, and return how it was refused, empty where it let us in."""
    try:
        log_in(nas, "nas", "drtool", key, watch=lambda: None)
    except Refused as error:
        return error.safe
    return ""


@pytest.mark.parametrize("offers", [["SCRAM"], ["PASSWORD_PLAIN", "SCRAM"], ["PASSWORD_PLAIN"], []])
def test_a_key_is_not_shown_to_a_nas_that_says_before_that_it_takes_none(offers: list[str]) -> None:
    nas = Nas(offers, plain=False)
    assert log_in_to(nas) == ("the key was not sent" if "SCRAM" in offers else "nothing was asked of it, and the key was not sent")
    assert not nas.saw_key
    assert nas.sent[0][0] == "auth.mechanism_choices"


@pytest.mark.parametrize("offers", [None, "SCRAM", 7, {"SCRAM": 1}, ["API_KEY_PLAIN"], ["API_KEY_PLAIN", "SCRAM"]])
def test_elsewhere_it_is_shown_and_nobody_says_that_it_was_not(offers: object) -> None:
    taking = Nas(offers, plain=True)
    assert log_in_to(taking) == ""
    assert taking.saw_key
    refusing = Nas(offers, plain=False)
    said = log_in_to(refusing)
    assert refusing.saw_key
    assert "not sent" not in said
    if isinstance(offers, list) and "SCRAM" in offers:
        assert said == "the key was shown to it before, over TLS that was verified"


@pytest.mark.parametrize(
    "key", ["TOPSECRET", "TOPSECRET" * 7, "-TOPSECRET", "x-TOPSECRET", "7-", "0-TOPSECRET", " 7 -TOPSECRET", "7-TOP\nSECRET"]
)
def test_what_is_no_key_of_a_nas_is_not_put_into_a_proof(key: str) -> None:
    nas = Nas(["SCRAM"], plain=False)
    with pytest.raises(Refused, match="is not an API key") as caught:
        log_in(nas, "nas", "drtool", Secret(key), watch=lambda: None)
    assert caught.value.safe == "the key was not sent"
    assert "TOPSECRET" not in f"{caught.value} {caught.value.hint}"
    assert not nas.saw_key


@pytest.mark.parametrize("release", ["25.10", "26"])
def test_the_ways_in_are_asked_for_before_the_key_is_shown(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        source.client.read("core.ping")
        lines = (Path(lab.started.directory) / "calls.jsonl").read_text().splitlines()
        assert [json.loads(line)["method"] for line in lines][:2] == ["auth.mechanism_choices", "auth.login_ex"]
        source.close()


class Server:
    """The other side of RFC 5802, in its own words."""

    def __init__(self, secret: str, rounds: int = 4096) -> None:
        self.salt, self.rounds = b"0123456789abcdef", rounds
        salted = hashlib.pbkdf2_hmac("sha512", secret.encode(), self.salt, rounds)
        self.client_key = hmac.new(salted, b"Client Key", "sha512").digest()
        self.server_key = hmac.new(salted, b"Server Key", "sha512").digest()

    def first(self, message: str) -> str:
        self.bare = message.removeprefix("n,,")
        nonce = self.bare.partition("r=")[2]
        self.said = f"r={nonce}more,s={base64.b64encode(self.salt).decode()},i={self.rounds}"
        return self.said

    def final(self, message: str) -> tuple[bool, str]:
        without, _, proof = message.rpartition(",p=")
        signed = f"{self.bare},{self.said},{without}".encode()
        signature = hmac.new(hashlib.sha512(self.client_key).digest(), signed, "sha512").digest()
        good = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True)) == self.client_key
        return good, f"v={base64.b64encode(hmac.new(self.server_key, signed, 'sha512').digest()).decode()}"


def test_the_proof_is_that_of_the_standard_and_the_key_is_not_in_it() -> None:
    secret = "k" * 64
    server, ours = Server(secret), Handshake("nas", "anna,=", Secret(f"7-{secret}"))
    assert ours.first().startswith("n,,n=anna=2C=3D:7,r=")
    message = ours.final(server.first(ours.first()))
    good, answer = server.final(message)
    assert good
    assert secret not in ours.first() + message
    ours.require_known(answer)
    for wrong in ("", "v=", "v=AAAA", answer[:-8], None, 7):
        with pytest.raises(Refused, match="without knowing the key"):
            ours.require_known(wrong)


@pytest.mark.parametrize("answer", [None, 5, "", "r=x,s=AAAA,i=4096", "r={r},s=AAAA,i=4096", "r={r}x,s=*,i=4096", "r={r}x,s=AAAA,i=1"])
def test_a_strange_answer_ends_it(answer: object) -> None:
    ours = Handshake("nas", "anna", Secret("7-" + "k" * 64))
    nonce = ours.first().partition("r=")[2]
    with pytest.raises(Refused, match="did not answer a login as it should"):
        ours.final(answer.format(r=nonce) if isinstance(answer, str) else answer)


def test_so_many_rounds_that_we_would_be_kept_busy_are_refused() -> None:
    ours = Handshake("nas", "anna", Secret("7-" + "k" * 64))
    nonce = ours.first().partition("r=")[2]
    with pytest.raises(Refused, match="as it should"):
        ours.final(f"r={nonce}x,s=AAAA,i=99999999999")


@pytest.mark.parametrize(
    ("version", "good"), [("27.0.0", False), ("26.1.0", True), ("26.0.0-ALPHA.1", False), ("25.10.9", True), ("24.10.2", False)]
)
def test_what_was_never_tried_is_refused_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    good: bool,  # noqa: FBT001 - a row
) -> None:
    monkeypatch.setitem(state._VERSIONS, "25.10", version)
    with running_lab(tmp_path) as lab:
        source = lab.source(by=BY)
        (finding, *_) = source.examine()
        assert (finding.good is True) is good
        if good:
            assert source.discover({"dataset": "tank/documents"})
        else:
            with pytest.raises(Refused, match=f"TrueNAS {version} is (not supported yet|too old)"):
                source.discover({"dataset": "tank/documents"})
            assert finding.text.startswith(f"TrueNAS {version} is ")
        source.close()


@pytest.mark.parametrize(("version", "named"), [("26.0.0-BETA.2", True), ("26.0.0-BETA.4", False), ("26.0.0", False)])
def test_a_beta_that_drops_labels_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    named: bool,  # noqa: FBT001 - a row
) -> None:
    monkeypatch.setitem(state._VERSIONS, "26", version)
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        (finding, *_) = source.examine()
        assert ("NAS-142001" in finding.text) is named
        assert finding.good is (None if named else True)
        lab.faults({"method": "pool.dataset.create", "kind": "users_lost"})
        with pytest.raises(Refused, match="without the label") as caught:
            create_dataset(source.client, "tank/new", Label("staging", BY, "nas", RUN).properties("tank/new"))
        assert (f"TrueNAS {version} drops them" in caught.value.hint) is named
        require_supported(source.client)
        assert len(take(source, tmp_path / "copies")) == 2, "its backups need no new dataset"
        tidy(source)
