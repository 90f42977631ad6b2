"""Files out of the appliance and into it."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import urllib.error
import urllib.request
from http.client import IncompleteRead
from pathlib import Path

import pytest

from tests.rig.truenas import Client, TrueNasServer
from tests.rig.unpack import unpack
from tests.rig.websocket import ClosedError

SAVE = ("config.save", [{"secretseed": True, "root_authorized_keys": True}], "truenas.tar")


def fetch(nas: TrueNasServer, path: str) -> bytes:
    with urllib.request.urlopen(f"https://localhost:{nas.port}{path}", context=nas.tls(), timeout=10) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        body: bytes = answer.read()
        return body


def push(nas: TrueNasServer, authorization: str, method: str, content: bytes) -> int:
    data = json.dumps({"method": method, "params": []}).encode()
    head = b'--xx\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + data + b"\r\n"
    body = head + b'--xx\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + content + b"\r\n--xx--\r\n"
    headers = {"Authorization": authorization, "Content-Type": "multipart/form-data; boundary=xx"}
    request = urllib.request.Request(f"https://localhost:{nas.port}/_upload", body, headers)
    with urllib.request.urlopen(request, context=nas.tls(), timeout=10) as answer:  # noqa: S310 - our own server
        number: int = json.load(answer)["job_id"]
        return number


def test_the_configuration_with_its_seed(nas: TrueNasServer, administrator: Client, tmp_path: Path) -> None:
    nas.faults()
    number, path = administrator.call("core.download", *SAVE)
    with tarfile.open(fileobj=io.BytesIO(fetch(nas, path))) as archive:
        assert archive.getnames() == ["freenas-v1.db", "pwenc_secret", "root_authorized_keys"]
        unpack(archive, tmp_path)
    assert len((tmp_path / "pwenc_secret").read_bytes()) == 32
    database = sqlite3.connect(tmp_path / "freenas-v1.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert administrator.call("core.get_jobs", [["id", "=", number]], {"get": True})["state"] == "SUCCESS"
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        fetch(nas, path)
    caught.value.close()


def test_without_options_it_is_the_bare_database(nas: TrueNasServer, administrator: Client) -> None:
    _number, path = administrator.call("core.download", "config.save", [], "truenas.db")
    assert fetch(nas, path).startswith(b"SQLite format 3")


def test_of_a_job_that_failed_comes_a_short_answer_that_looks_whole(nas: TrueNasServer, administrator: Client) -> None:
    nas.faults({"method": "config.save", "kind": "job_fails_after"})
    number, path = administrator.call("core.download", *SAVE)
    content = fetch(nas, path)
    assert administrator.call("core.get_jobs", [["id", "=", number]], {"get": True})["state"] == "FAILED"
    with pytest.raises(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.getnames()


def test_a_download_that_is_cut(nas: TrueNasServer, administrator: Client) -> None:
    nas.faults({"method": "/_download", "kind": "cut_after"})
    _number, path = administrator.call("core.download", *SAVE)
    with pytest.raises((OSError, IncompleteRead)):
        fetch(nas, path)


def test_keys_of_datasets(nas: TrueNasServer, client: Client) -> None:
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"key": "ab" * 32}}
    client.call("pool.dataset.create", {"name": "tank/keyed", **options})
    _number, path = client.call("core.download", "pool.dataset.export_keys", ["tank"], "keys.json")
    assert json.loads(fetch(nas, path)) == {"tank/keyed": "ab" * 32}
    job = client.job("pool.dataset.export_key", "tank/keyed")
    assert job["result"] == "ab" * 32
    assert client.call("core.get_jobs", [["id", "=", job["id"]]], {"get": True})["result"] == "********"
    assert "ab" * 32 not in (nas.home / "calls.jsonl").read_text()


def test_the_configuration_comes_back_and_the_appliance_reboots() -> None:
    with TrueNasServer() as nas, nas.client("truenas_admin") as administrator:
        _number, path = administrator.call("core.download", *SAVE)
        content = fetch(nas, path)
        token = administrator.call("auth.generate_token")
        number = push(nas, f"Token {token}", "config.upload", content)
        while (job := administrator.call("core.get_jobs", [["id", "=", number]], {"get": True}))["state"] != "SUCCESS":
            assert job["state"] in {"WAITING", "RUNNING"}
        with pytest.raises(ClosedError):
            administrator.receive(seconds=10)


@pytest.mark.parametrize(("user", "method", "status"), [("drtool", "config.upload", 403), ("truenas_admin", "core.ping", 422)])
def test_who_may_not_upload_is_told_so(nas: TrueNasServer, user: str, method: str, status: int) -> None:
    for key, said in ((nas.key(user), status), ("1-wrong", 401)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            push(nas, f"Bearer {key}", method, b"x")
        assert caught.value.code == said
        caught.value.close()


def test_the_configuration_of_a_newer_release_is_refused(administrator: Client) -> None:
    with TrueNasServer(release="26") as newer, newer.client("truenas_admin") as theirs:
        _number, path = theirs.call("core.download", *SAVE)
        content = fetch(newer, path)
    with TrueNasServer() as nas, nas.client("truenas_admin") as ours:
        number = push(nas, f"Bearer {nas.key('truenas_admin')}", "config.upload", content)
        while (job := ours.call("core.get_jobs", [["id", "=", number]], {"get": True}))["state"] in {"WAITING", "RUNNING"}:
            pass
        assert (job["state"], "newer version" in job["error"]) == ("FAILED", True)
