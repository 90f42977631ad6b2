"""Restic's own REST server as a copy: who may enter, what is told of it, and one that only takes."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.rig.rest import RestServer
from tests.rig.restic import Version, binary
from tests.rig.timed_host import Host

NEEDS_ATTENTION, WRONG_POLICY, REFUSED = 1, 2, 6


@pytest.fixture(scope="module")
def taker() -> Iterator[RestServer]:
    """A server from which nothing can be removed."""
    with RestServer("--append-only") as server:
        yield server


def with_copy(directory: Path, restic: Path, server: RestServer) -> Host:
    host = Host(directory / "host", restic)
    user, password = server.environment.values()
    (host.root / "user").write_text(password)
    (host.root / "user").chmod(0o600)
    host.policy["repositories"]["far"] = {
        "restic": server.address(f"{directory.name}/drtool"),
        "site": "away",
        "password": f"file:{host.root}/far.key",
        "environment": {"RESTIC_REST_USERNAME": user, "RESTIC_REST_PASSWORD": f"file:{host.root}/user"},
    }
    host.documents["copies"] = ["far"]
    host.policy["drills"]["proof"]["from"] = "far"
    return host


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_what_is_copied_there_is_proven_and_restored_from_there(
    tmp_path: Path, home: Path, restic_oldest: Path, restic_newest: Path, rest_server: RestServer, version: str
) -> None:
    host = with_copy(tmp_path, restic_oldest if version == "oldest" else restic_newest, rest_server)
    said = [host.done(verb, *words) for verb, *words in (["init"], ["doctor"], ["run", "-v"], ["drill", "proof", "-v"])]
    shutil.rmtree(host.root / "near")
    (host.root / "data" / "letter").unlink()
    said.append(host.done("restore", "docs", "--yes", "-v"))
    assert (host.root / "data" / "letter").read_text() == "dear"
    _user, password = rest_server.environment.values()
    written = [each.read_text(errors="replace") for each in (host.root / "state").rglob("*") if each.is_file()]
    for text in (*said, *written, (host.root / "calls").read_text()):
        assert password not in text
        assert quote(password, safe="") not in text


def test_a_wrong_password_is_told_and_nothing_is_lost(tmp_path: Path, home: Path, restic_newest: Path, rest_server: RestServer) -> None:
    host = with_copy(tmp_path, restic_newest, rest_server)
    host.done("init")
    (host.root / "user").write_text("another")
    ended = host.call("run")
    assert ended.returncode == REFUSED, ended.stdout + ended.stderr
    assert "next: correct user and password" in ended.stdout + ended.stderr
    assert len(host.points()) == 1, "it is sealed in the other repository"
    asked = host.call("doctor", "far")
    assert asked.returncode == NEEDS_ATTENTION
    assert "401" in asked.stdout


def test_a_user_without_a_password_is_refused(tmp_path: Path, home: Path, restic_newest: Path, rest_server: RestServer) -> None:
    host = with_copy(tmp_path, restic_newest, rest_server)
    del host.policy["repositories"]["far"]["environment"]["RESTIC_REST_PASSWORD"]
    ended = host.call("init")
    assert ended.returncode == WRONG_POLICY
    assert "add RESTIC_REST_PASSWORD" in ended.stderr
    assert not (host.root / "near").exists(), "nothing is made where one of them could not be"


def test_a_store_that_only_takes_keeps_what_a_thief_would_delete(
    tmp_path: Path, home: Path, restic_newest: Path, taker: RestServer
) -> None:
    host = with_copy(tmp_path, restic_newest, taker)
    host.documents["keep"] = {"last": 1}
    host.documents["copies"] = [{"far": {"keep": {"within": "520w"}}}]
    host.done("init")
    for number in range(3):
        (host.root / "data" / "letter").write_text(f"dear {number}")
        host.done("run")
    (far,) = (each for each in json.loads(host.done("points", "--json"))["points"] if "near" in each["repositories"])
    assert far["repositories"] == ["far", "near"]
    assert len(host.points()) == 3
    host.done("drill", "proof")
    host.done("restore", "docs", "--yes", "--from", "far")
    host.done("sweep")
    host.done("verify", "far")
    stored = taker.directory / "data" / tmp_path.name / "drtool"
    for path in (each for each in stored.rglob("*") if each.is_file() and "locks" not in each.parts):
        name = path.relative_to(taker.directory / "data")
        parts = [part for part in name.parts if path.parent.parent.name != "data" or part != path.parent.name]
        request = urllib.request.Request(f"http://127.0.0.1:{taker.port}/{'/'.join(parts)}", method="DELETE")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(_as_user(request, taker), timeout=5).close()  # noqa: S310 our own server
        assert path.exists()


@pytest.mark.parametrize("version", ["distribution", "0.18", "0.19"])
def test_a_store_that_only_takes_refuses_to_forget_and_that_is_said(
    tmp_path: Path, home: Path, taker: RestServer, version: Version
) -> None:
    """restic itself ends 0 before 0.19, though nothing was removed."""
    host = with_copy(tmp_path, binary(version), taker)
    host.documents["keep"] = {"last": 1}
    host.done("init")
    host.done("run")
    ended = host.call("run")
    assert ended.returncode == REFUSED, ended.stdout + ended.stderr
    assert "403 Forbidden" in ended.stdout + ended.stderr
    assert "this store lets nothing be removed" in ended.stdout + ended.stderr
    assert ".go" not in ended.stdout + ended.stderr
    assert len([each for each in host.points() if "far" in each["repositories"]]) == 2


def _as_user(request: urllib.request.Request, server: RestServer) -> urllib.request.Request:
    user, password = server.environment.values()
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    return request
