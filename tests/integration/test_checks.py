"""Checks, asked of real files, processes and servers."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drtool.checks import schema
from drtool.checks.census import CensusCheck
from drtool.checks.command import CommandCheck
from drtool.checks.files import FilesCheck
from drtool.checks.http import HttpCheck
from drtool.checks.tcp import TcpCheck
from drtool.model.plan import Answer, Destination, Restored
from drtool.model.point import Artifact, Census, Member, SampledFile
from drtool.model.policy import CheckPolicy
from drtool.ports import Check, Inspection, Question, Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from tests.rig.ports import LOOPBACK
from tests.rig.s3 import S3Server
from tests.rig.sshd import SshServer

INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ODD = os.fsdecode(b"odd \xff\nname")


def ask(check: Check, restored: Restored, *, of: str = "", runner: Runner | None = None, **settings: Any) -> Answer:  # noqa: ANN401 - a check's own keys
    inspection = Inspection(up=True, runner=runner or LocalRunner(), environment={"DRTOOL_SANDBOX_DIRECTORY": "/lab"}, root=restored.path)
    keys = schema.CHECKS[check.kind].model_validate(settings).model_dump(mode="json", exclude={"level"})
    policy = CheckPolicy(check.kind, check.kind, of, keys)
    return check.ask(Question(policy, (restored,), {restored.workload: inspection}, INSTANT, INSTANT + timedelta(days=9)))


@pytest.fixture
def restored(tmp_path: Path) -> Restored:
    root = tmp_path / "restored"
    (root / "deep").mkdir(parents=True)
    (root / "link").symlink_to("/etc/passwd")
    contents = {"one": b"1", f"deep/{ODD}": b"22", "deep/three": b"333"}
    for name, data in contents.items():
        (root / name).write_bytes(data)
        os.utime(root / name, (INSTANT.timestamp() - 3600, INSTANT.timestamp() - 3600))
    sample = tuple(SampledFile(f"/docs/{name}", len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items())
    artifact = Artifact("here:/docs", "tree", "0" * 64, "/docs", Census(3, 6, sample))
    member = Member("here:/docs", "here", "files", {"path": "/docs"}, INSTANT, (artifact,))
    return Restored("here:/docs", "here", Destination("sandbox", sandbox="lab"), str(root), member)


@pytest.mark.parametrize(
    ("settings", "passed"),
    [
        ({}, True),
        ({"at_least": 3, "at_most": 3}, True),
        ({"at_least": 4}, False),
        ({"at_most": 2}, False),
        ({"newest_within": "2h"}, True),
        ({"newest_within": "30m"}, False),
        ({"bytes_at_least": "6B"}, True),
        ({"bytes_at_least": "1KiB"}, False),
        ({"contains": ["one", "link", f"deep/{ODD}"]}, True),
        ({"contains": ["one", "absent"]}, False),
    ],
)
def test_files(restored: Restored, settings: dict[str, Any], *, passed: bool) -> None:
    answer = ask(FilesCheck(), restored, **settings)
    assert answer.passed is passed, answer
    assert answer.compared == 3
    assert answer.expected
    assert "3 files of 6 bytes" in answer.observed


def test_files_of_no_file_prove_nothing(restored: Restored, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = replace(restored, path=str(tmp_path / "empty"))
    answer = ask(FilesCheck(), nothing, at_most=5)
    assert not answer.passed
    assert "no file" in answer.observed
    assert ask(FilesCheck(), nothing, at_most=0).passed, "that there is none is what was asked"


def test_files_of_a_part_of_another_and_of_nothing(restored: Restored) -> None:
    assert ask(FilesCheck(), restored, of="here:/docs/deep", at_least=2, at_most=2).passed
    assert not ask(FilesCheck(), restored, of="here:/docs/nowhere").passed
    answer = ask(FilesCheck(), restored, of="there")
    assert (answer.passed, answer.observed) == (False, "nothing named there was restored")
    assert ask(FilesCheck(), replace(restored, paths=("/docs/one",))).skipped
    assert not ask(FilesCheck(), replace(restored, path=f"{restored.path}/nowhere")).passed


def test_census_finds_every_file_as_it_was(restored: Restored) -> None:
    answer = ask(CensusCheck(), restored)
    assert answer.passed
    assert (answer.compared, answer.bytes) == (3, 6)


def test_census_over_ssh(restored: Restored, ssh_server: SshServer) -> None:
    runner = SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))
    assert ask(CensusCheck(), restored, runner=runner).compared == 3


@pytest.mark.parametrize("change", ["flip", "remove", "add", "empty"])
def test_census_sees_each_difference(restored: Restored, change: str) -> None:
    root = Path(restored.path)
    if change == "flip":
        (root / "one").write_bytes(b"2")
    elif change == "remove":
        (root / "one").unlink()
    elif change == "add":
        (root / "more").touch()
    else:
        restored = replace(restored, path=f"{restored.path}/nowhere")
    answer = ask(CensusCheck(), restored)
    assert not answer.passed
    assert answer.compared == {"flip": 2, "remove": 2, "add": 3, "empty": 0}[change]


def test_census_of_single_paths_compares_only_those(restored: Restored) -> None:
    (Path(restored.path) / "one").unlink()
    answer = ask(CensusCheck(), replace(restored, paths=("/docs/deep",)))
    assert (answer.passed, answer.compared) == (True, 2)


def test_census_of_a_stream(tmp_path: Path, restored: Restored) -> None:
    (tmp_path / "dump").write_bytes(b"rows")
    artifact = Artifact("billing", "stream", "0" * 64, "/billing", Census(1, 4, sha256=hashlib.sha256(b"rows").hexdigest()))
    stream = replace(restored, path=str(tmp_path / "dump"), member=replace(restored.member, artifacts=(artifact,)))
    assert ask(CensusCheck(), stream).compared == 1
    (tmp_path / "dump").write_bytes(b"sowr")
    assert not ask(CensusCheck(), stream).passed
    (tmp_path / "dump").unlink()
    lost = ask(CensusCheck(), stream)
    assert (lost.passed, lost.compared) == (False, 0)
    assert "is missing" in lost.observed
    gone = ask(CensusCheck(), replace(stream, path=""))
    assert gone.passed
    assert gone.compared == 0
    assert "verified while" in gone.observed


@pytest.mark.parametrize(
    ("settings", "passed", "observed"),
    [
        ({"run": ["true"]}, True, "exit code 0"),
        ({"run": ["sh", "-c", "echo broken >&2; exit 3"]}, False, "exit code 3: broken"),
        ({"run": ["sh", "-c", "exit 3"], "expect_exit": 3}, True, "exit code 3"),
        (
            {"run": ["sh", "-c", 'cat "$DRTOOL_RESTORED/one"; echo "$DRTOOL_SANDBOX_DIRECTORY"'], "expect_output": "^1/lab$"},
            True,
            "exit code 0",
        ),
        ({"run": ["echo", "no"], "expect_output": "yes"}, False, "exit code 0: no"),
        ({"run": ["no-such-program"]}, False, "the program no-such-program is not installed here"),
        ({"run": ["sleep", "9"], "timeout": "1s"}, False, "sleep did not end within 1 s"),
    ],
)
def test_command(restored: Restored, settings: dict[str, Any], observed: str, *, passed: bool) -> None:
    answer = ask(CommandCheck(), restored, **settings)
    assert (answer.passed, answer.observed) == (passed, observed)
    assert answer.compared == (0 if answer.skipped else 1)
    assert bool(answer.skipped) is ("not installed" in observed)


def test_tcp(restored: Restored, s3_server: S3Server) -> None:
    assert ask(TcpCheck(), restored, address=f"{LOOPBACK}:{s3_server.port}").passed
    assert not ask(TcpCheck(), restored, address=f"{LOOPBACK}:1", timeout="2s").passed


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/status.php?x=1")
        else:
            self.send_response(200 if self.path == "/status.php?x=1" else 404)
        self.end_headers()
        self.wfile.write(b'{"installed":true}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.HTTPServer((LOOPBACK, 0), _Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_http(restored: Restored, web: str) -> None:
    answer = ask(HttpCheck(), restored, url=f"{web}/status.php?x=1", expect={"status": 200, "body": '"installed":true'})
    assert (answer.passed, answer.bytes) == (True, 18)
    assert not ask(HttpCheck(), restored, url=f"{web}/status.php?x=1", expect={"body": "maintenance"}).passed
    assert not ask(HttpCheck(), restored, url=f"{web}/missing").passed
    assert ask(HttpCheck(), restored, url=f"{web}/moved", expect={"status": 302}).passed
    assert "no answer" in ask(HttpCheck(), restored, url=f"{web.replace('http:', 'https:')}/", timeout="5s").observed


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("files", {"newest_within": "5 minutes"}),
        ("files", {"bytes_at_least": "10G"}),
        ("files", {"contains": ["../x"]}),
        ("files", {"at_leest": 1}),
        ("census", {"x": 1}),
        ("command", {"run": []}),
        ("files", {"at_least": 0}),
        ("command", {"run": ["a"], "expect_output": "("}),
        ("command", {"run": ["a"], "expect_output": ""}),
        ("command", {"run": ["a"], "expect_output": ".*"}),
        ("http", {"url": "http://localhost/", "expect": {"body": ""}}),
        ("tcp", {"address": "host"}),
        ("tcp", {"address": "host:99999"}),
        ("http", {"url": "file:///etc/passwd"}),
        ("http", {"url": "http://host:99999/"}),
    ],
)
def test_wrong_keys_are_errors(kind: str, settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        schema.CHECKS[kind].model_validate(settings)
