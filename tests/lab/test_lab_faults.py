"""Every kind of fault, as a client meets it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.rig.truenas import AnswerError, Client, TrueNasServer
from tests.rig.websocket import ClosedError

CREATE = "pool.snapshot.create"


def snapshots(nas: TrueNasServer, name: str) -> int:
    nas.faults()
    with nas.client() as client:
        count: int = client.call("pool.snapshot.query", [["id", "=", f"tank@{name}"]], {"count": True})
        return count


def request(name: str) -> dict[str, str]:
    return {"dataset": "tank", "name": name}


def test_the_script_counts_calls(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "core.p*", "kind": "error", "call": 2, "times": 2, "errno": "EBUSY", "reason": "not now"})
    seen = []
    for _ in range(5):
        try:
            seen.append(client.call("core.ping"))
        except AnswerError as error:
            seen.append(error.reason)
    assert seen == ["pong", "[EBUSY] not now", "[EBUSY] not now", "pong", "pong"]


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after", 1), ("reboot_before", 0), ("reboot_after", 1)])
def test_the_connection_is_cut_before_or_after_the_work(nas: TrueNasServer, client: Client, kind: str, made: int) -> None:
    nas.faults({"method": CREATE, "kind": kind})
    with pytest.raises(ClosedError):
        client.call(CREATE, request(kind))
    assert snapshots(nas, kind) == made
    assert [call["outcome"] for call in nas.calls(CREATE) if call["params"] == [request(kind)]] == [kind.replace("reboot", "cut")]


def test_nobody_is_let_in_while_it_is_down(nas: TrueNasServer, client: Client) -> None:
    boot = client.job("pool.dataset.encryption_summary", "tank")["id"]
    nas.faults({"method": "core.ping", "kind": "reboot_before", "seconds": 1.0})
    with pytest.raises(ClosedError):
        client.call("core.ping")
    with pytest.raises(OSError):  # noqa: PT011 - however the door is shut
        nas.client()
    for _ in range(100):
        try:
            again = nas.client()
            break
        except OSError:
            time.sleep(0.05)
    with again:
        assert boot >= 1
        assert again.call("core.get_jobs") == []
        assert again.job("pool.dataset.encryption_summary", "tank")["id"] == 1


def test_work_done_and_an_error_answered(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": CREATE, "kind": "error_after", "errno": "ETIMEDOUT", "reason": "too late"})
    with pytest.raises(AnswerError, match="ETIMEDOUT"):
        client.call(CREATE, request("late"))
    assert snapshots(nas, "late") == 1


@pytest.mark.parametrize(
    ("method", "params", "reason", "said"),
    [
        (CREATE, request("full"), "out of space", "[EFAULT] Failed to snapshot tank@full: out of space"),
        (
            "pool.dataset.create",
            {"name": "tank/full"},
            "out of space",
            "[EFAULT] Failed to create dataset: cannot create 'tank/full': out of space",
        ),
        (
            "pool.dataset.delete",
            "tank/documents/letters",
            "dataset is busy",
            "[EBUSY] Failed to delete dataset: cannot destroy 'tank/documents/letters': dataset is busy",
        ),
    ],
)
def test_the_storage_fails_in_the_words_of_the_method(
    nas: TrueNasServer, client: Client, method: str, params: object, reason: str, said: str
) -> None:
    nas.faults({"method": method, "kind": "storage", "reason": reason})
    with pytest.raises(AnswerError) as caught:
        client.call(method, params)
    assert caught.value.reason == said


def test_a_clone_that_is_not_mounted(nas: TrueNasServer, client: Client) -> None:
    client.call(CREATE, request("unseen"))
    nas.faults({"method": "pool.snapshot.clone", "kind": "not_mounted"})
    client.call("pool.snapshot.clone", {"snapshot": "tank@unseen", "dataset_dst": "tank/unseen"})
    assert client.call("pool.dataset.get_instance", "tank/unseen")["mountpoint"] is None
    with pytest.raises(AnswerError, match="ENOENT"):
        client.call("filesystem.stat", "/mnt/tank/unseen")
    with pytest.raises(AnswerError, match="does not exist"):
        client.call("sharing.nfs.create", {"path": "/mnt/tank/unseen"})


def test_the_rate_limit(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "system.version", "kind": "rate_limit"})
    with pytest.raises(AnswerError, match="Rate Limit Exceeded"):
        client.call("system.version")


def test_a_large_answer(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "pool.query", "kind": "large"})
    number = client.begin("pool.query")
    text = client.socket.recv(timeout=30)
    assert len(text) >= 5_000_000
    assert f'"id":{number}' in str(text)[-5_000_000:][:20_000].strip() or str(text).strip().endswith(f'"id":{number}}}')


def test_another_certificate(client: Client) -> None:
    del client
    with TrueNasServer() as nas:
        before = nas.certificate.read_bytes()
        trusted = nas.tls()
        nas.faults({"method": "core.ping", "kind": "certificate"})
        with nas.client() as connected:
            connected.call("core.ping")
        assert nas.certificate.read_bytes() != before
        with pytest.raises(OSError, match="certificate verify failed"), socket.create_connection(("localhost", nas.port)) as bare:
            trusted.wrap_socket(bare, server_hostname="localhost")
        with nas.client() as again:
            assert again.call("core.ping") == "pong"


def test_a_revoked_key() -> None:
    with TrueNasServer() as nas:
        with nas.client() as client:
            nas.faults({"method": CREATE, "kind": "revoke"})
            with pytest.raises(ClosedError):
                client.call(CREATE, request("x"))
        with nas.client("") as again:
            assert again.login("drtool", nas.key())["response_type"] == "EXPIRED"


def states(nas: TrueNasServer, kind: str | None) -> Iterator[str]:
    """What a client is told of one job that succeeds."""
    method = "pool.dataset.encryption_summary"
    nas.faults(*([{"method": method, "kind": kind}] if kind else []))
    with nas.client() as client:
        client.call("core.subscribe", "core.get_jobs")
        job = client.job(method, "tank")
        assert job["state"] == "SUCCESS"
        client.call("core.ping")
        yield from (event["fields"]["state"] for event in client.events if event["id"] == job["id"])


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (None, ["WAITING", "RUNNING", "SUCCESS"]),
        ("events_lost", ["WAITING"]),
        ("events_doubled", ["WAITING", "WAITING", "RUNNING", "RUNNING", "SUCCESS", "SUCCESS"]),
        ("events_reordered", ["WAITING", "SUCCESS", "RUNNING"]),
    ],
)
def test_events_of_jobs(nas: TrueNasServer, kind: str | None, told: list[str]) -> None:
    assert list(states(nas, kind)) == told


def test_a_job_that_never_ends(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "pool.dataset.encryption_summary", "kind": "job_never_ends"})
    number = client.call("pool.dataset.encryption_summary", "tank")
    for _ in range(5):
        assert client.call("core.get_jobs", [["id", "=", number]], {"get": True})["state"] in {"WAITING", "RUNNING"}


def test_a_job_that_fails_after_its_work(nas: TrueNasServer, client: Client) -> None:
    encryption = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "long enough"}}
    client.call("pool.dataset.create", {"name": "tank/half", **encryption})
    nas.faults({"method": "pool.dataset.lock", "kind": "job_fails_after", "reason": "power is low"})
    job = client.job("pool.dataset.lock", "tank/half")
    assert (job["state"], job["error"], job["exc_info"]["type"]) == ("FAILED", "[EFAULT] power is low", "CallError")
    assert client.call("pool.dataset.get_instance", "tank/half")["locked"] is True


def test_a_script_that_is_none_is_told_in_the_log(client: Client) -> None:
    del client
    with TrueNasServer() as nas:
        nas.faults({"method": "core.ping", "kind": "earthquake"})
        with nas.client("") as stranger, pytest.raises(AnswerError, match="earthquake"):
            stranger.call("core.ping")
