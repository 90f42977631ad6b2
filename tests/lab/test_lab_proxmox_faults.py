"""Every kind of fault of the simulated cluster, as a client meets it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drtool.lab.proxmox.faults import KINDS, read_script
from drtool.model.errors import Refused
from tests.rig.pve_lab import PveLab, running_pve

PLACE = "/nodes/pve1/qemu/100/snapshot"


@pytest.fixture
def pve(tmp_path: Path) -> Iterator[PveLab]:
    with running_pve(tmp_path) as running:
        yield running


@pytest.fixture
def token(pve: PveLab) -> str:
    return pve.new_token(["VM.Snapshot", "VM.Audit", "Sys.Audit"])


def break_it(pve: PveLab, kind: str, path: str = PLACE, **more: object) -> None:
    pve.faults({"path": path, "kind": kind, **more})


def made(pve: PveLab) -> int:
    pve.faults()
    return len(pve.ask(PLACE).data) - 1


@pytest.mark.parametrize(("kind", "count"), [("cut_before", 0), ("cut_after", 1)])
def test_the_connection_is_cut_before_or_after_the_work(pve: PveLab, token: str, kind: str, count: int) -> None:
    break_it(pve, kind, method="POST")
    with pytest.raises((http.client.HTTPException, OSError)):
        pve.ask(PLACE, "POST", given={"snapname": "one"}, token=token)
    assert made(pve) == count
    assert [call["outcome"].split()[-1] for call in pve.calls(PLACE) if call["method"] == "POST"] == [kind]


@pytest.mark.parametrize(
    ("kind", "status", "reason", "count"),
    [
        ("unreachable", 595, "Connection refused", 0),
        ("timeout_before", 596, "Connection timed out", 0),
        ("timeout_after", 596, "Connection timed out", 1),
        ("broken_pipe", 596, "Broken pipe", 1),
        ("error", 500, "got an error", 0),
        ("slow", 200, "OK", 1),
    ],
)
def test_what_the_proxy_says_of_a_node_that_does_not_answer(
    pve: PveLab, token: str, kind: str, status: int, reason: str, count: int
) -> None:
    break_it(pve, kind, method="POST")
    answer = pve.ask(PLACE, "POST", given={"snapname": "one"}, token=token)
    assert (answer.status, answer.reason) == (status, reason)
    assert made(pve) == count


def test_an_error_of_any_status_and_words(pve: PveLab) -> None:
    break_it(pve, "error", "/version", status=599, reason="Too many redirections")
    answer = pve.ask("/version")
    assert (answer.status, answer.reason) == (599, "Too many redirections")


@pytest.mark.parametrize(("kind", "body"), [("nothing", b'{"data": null}'), ("empty", b""), ("garbage", b"<html>")])
def test_answers_that_are_none(pve: PveLab, kind: str, body: bytes) -> None:
    break_it(pve, kind, "/version")
    answer = pve.ask("/version")
    assert answer.status == 200
    assert answer.body.startswith(body)
    assert pve.ask("/version").data["release"] == "9.2"


def test_a_token_that_is_revoked_and_one_that_loses_its_privileges(pve: PveLab) -> None:
    other = pve.new_token(["Sys.Audit"])
    break_it(pve, "unprivileged", "/nodes/pve1/time")
    answer = pve.ask("/nodes/pve1/time", token=other)
    assert (answer.status, answer.reason) == (403, "Permission check failed (/nodes/pve1, Sys.Audit)")
    break_it(pve, "revoke", "/nodes/pve1/time")
    assert pve.ask("/nodes/pve1/time", token=other).status == 401
    assert pve.ask("/version", token=other).status == 401
    assert pve.ask("/version").status == 200


def test_a_node_goes_down_and_the_quorum_with_it(pve: PveLab, token: str) -> None:
    break_it(pve, "offline", "/cluster/status", reason="pve2")
    assert [row["online"] for row in pve.ask("/cluster/status").data if row["type"] == "node"] == [1, 0]
    assert pve.ask("/nodes/pve2/time").status == 595
    break_it(pve, "no_quorum", PLACE, method="POST")
    assert pve.ask(PLACE, "POST", given={"snapname": "one"}, token=token).data.startswith("UPID:pve1:")
    keeper = pve.new_token(["Sys.Modify"])
    assert (
        pve.ask("/access/roles", "POST", given={"roleid": "mine"}, token=keeper).reason == "error with cfs lock 'file-user_cfg': no quorum!"
    )
    assert made(pve) == 0
    assert pve.ask("/cluster/status").data[0]["quorate"] == 0


def test_another_certificate_from_another_authority(pve: PveLab) -> None:
    context, before = ssl.create_default_context(cafile=pve.ca), pve.lab.started().fingerprints
    break_it(pve, "certificate", "/version")
    with pytest.raises((http.client.HTTPException, OSError)):
        pve.ask("/version")
    connection = http.client.HTTPSConnection("localhost", pve.lab.servers["pve1"].port, timeout=10, context=context)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/api2/json/version")
    assert pve.ask("/version").status == 200, "whoever trusts the new authority gets through"
    assert pve.lab.started().fingerprints != before


def test_the_script_counts_calls_by_pattern_and_method(pve: PveLab) -> None:
    pve.faults(
        {"path": "/nodes/*/time", "kind": "error", "call": 2, "times": 2, "reason": "not now"},
        {"path": "/version", "method": "POST", "kind": "error"},
    )
    assert [pve.ask(f"/nodes/pve{1 + count % 2}/time").status for count in range(5)] == [200, 500, 500, 200, 200]
    assert pve.ask("/version").status == 200
    pve.faults({"path": "/version", "kind": "error", "call": 0})
    assert [pve.ask("/version").status for _ in range(3)] == [500, 500, 500]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"path": "/version"}, "this is no fault"),
        ({"path": "/", "kind": "slow", "when": 1}, "this is no fault"),
        ({"path": "/", "kind": "rain"}, "no kind of fault named rain"),
        ("slow", "this is no fault"),
    ],
)
def test_a_script_that_is_wrong_is_told(entry: Any, said: str) -> None:  # noqa: ANN401 - anything may stand in a script
    with pytest.raises(Refused, match=said):
        read_script([entry])
    assert read_script(json.loads('[{"path": "/version", "kind": "slow", "seconds": 0.5}]'))[0].seconds == 0.5


def test_every_kind_is_met_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
