"""Negative control on real files: each fault turns a check red, is put right, and a blind check is named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from drtool.checks.census import CensusCheck
from drtool.checks.command import CommandCheck
from drtool.checks.files import FilesCheck
from drtool.checks.http import HttpCheck
from drtool.checks.tcp import TcpCheck
from drtool.engine.actions.negative_control import AskedCheck, control
from drtool.engine.adapters import Adapters
from drtool.model.errors import Conflict
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer, Ask, Break, Destination, Restored
from drtool.model.point import Artifact, Census, Member, SampledFile
from drtool.model.policy import CheckPolicy, Policy, SourcePolicy
from drtool.ports import Check, Question
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.staging.staged import Staged, locator_of
from drtool.testing.fixed_clock import FixedClock

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WORKLOAD = "here:/data"


class AlwaysContent:
    """A check that cannot go red."""

    kind = "command"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        return Answer(passed=True, expected="anything", observed=question.check.name)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        del fault
        return question


@pytest.fixture
def restored(tmp_path: Path) -> Restored:
    root = tmp_path / "reserved" / "data"
    root.mkdir(parents=True)
    bodies = {"small": b"abc", "-odd\nname": b"0123456789", "empty": b""}
    for name, body in bodies.items():
        (root / name).write_bytes(body)
        os.utime(root / name, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    sample = tuple(SampledFile(f"/data/{name}", len(body), hashlib.sha256(body).hexdigest()) for name, body in bodies.items())
    census = Census(len(bodies), sum(map(len, bodies.values())), sample)
    member = Member(WORKLOAD, "here", "files", {"path": "/data"}, NOW, (Artifact("data", "tree", "0" * 64, "/data", census),))
    return Restored(WORKLOAD, "here", Destination("sandbox", sandbox="lab"), str(root), member, locator=locator_of(lies(root)))


def lies(root: Path) -> Staged:
    return Staged(staging="", content="", target=str(root), marker="", sandbox=str(root.parent))


def adapters_with(*checks: Check) -> Adapters:
    clock, local = FixedClock(), LocalRunner()
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="test", runner=local, clock=clock, watch=())
    return Adapters(Policy("test", "home", {}, {}, {}), {"here": source}, {}, {check.kind: check for check in checks}, clock, local)


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's word
        del format, args


ALL = adapters_with(CensusCheck(), FilesCheck(), CommandCheck(), TcpCheck(), HttpCheck())


def asked(restored: Restored, kind: str, **settings: object) -> AskedCheck:
    return AskedCheck(Ask(CheckPolicy(kind, kind, settings=settings), {WORKLOAD: "cutover"}, NOW), (restored,))


def state_of(root: Path) -> dict[str, tuple[bytes, int, int]]:
    found = {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in root.iterdir()}
    return {**found, "": (b"", root.stat().st_mtime_ns, root.stat().st_ino)}


@pytest.mark.parametrize("fault", [Fault.FLIPPED_BYTE, Fault.MISSING_FILE])
def test_a_fault_in_files_turns_the_census_red_and_is_put_right(restored: Restored, tmp_path: Path, fault: Fault) -> None:
    before = state_of(Path(restored.path))
    found = control(ALL, Break(fault, (), WORKLOAD), (asked(restored, "census"),))
    assert found.detected is True
    assert found.red == ("census",)
    assert state_of(Path(restored.path)) == before
    assert os.listdir(tmp_path / "reserved") == ["data"]


def test_an_older_point_turns_the_census_red(restored: Restored, tmp_path: Path) -> None:
    census = replace(restored.member.artifacts[0].census, files=7)
    older = replace(restored.member, artifacts=(replace(restored.member.artifacts[0], census=census),))
    found = control(ALL, Break(Fault.OLDER_POINT, (), WORKLOAD, older), (asked(restored, "census"),))
    assert found.detected is True


def test_wrong_answers_and_stopped_services(restored: Restored, tmp_path: Path, service: str) -> None:
    questions = (
        asked(restored, "files", at_least=1),
        asked(restored, "command", run=["true"]),
        asked(restored, "tcp", address=service),
        asked(restored, "http", url=f"http://{service}/"),
    )
    wrong = control(ALL, Break(Fault.WRONG_ANSWER, ()), questions)
    assert (wrong.detected, wrong.red) == (True, ("files", "command", "http"))
    stopped = control(ALL, Break(Fault.STOPPED_SERVICE, ()), questions)
    assert (stopped.detected, stopped.red) == (True, ("tcp", "http"))


@pytest.mark.parametrize("fault", [Fault.WRONG_ANSWER, Fault.STOPPED_SERVICE])
def test_a_service_that_went_away_by_itself_proves_nothing(restored: Restored, tmp_path: Path, fault: Fault) -> None:
    with pytest.raises(Conflict, match="stays red"):
        control(ALL, Break(fault, ()), (asked(restored, "http", url="http://127.0.0.1:2/"),))


@pytest.mark.parametrize("fault", [Fault.FLIPPED_BYTE, Fault.OLDER_POINT, Fault.WRONG_ANSWER])
def test_nothing_is_injected_into_what_is_red_already(restored: Restored, tmp_path: Path, fault: Fault) -> None:
    red = replace(asked(restored, "files", at_least=99), green=False)
    found = control(ALL, Break(fault, (), WORKLOAD, restored.member), (red,))
    assert (found.detected, found.what) == (None, "not every check was green before")


def test_a_fault_that_concerns_nothing_counts_neither_way(restored: Restored, tmp_path: Path) -> None:
    found = control(ALL, Break(Fault.STOPPED_SERVICE, ()), (asked(restored, "census"),))
    assert found.detected is None
    for path in Path(restored.path).iterdir():
        path.unlink()
    found = control(ALL, Break(Fault.FLIPPED_BYTE, (), WORKLOAD), (asked(restored, "census"),))
    assert found.detected is None


@pytest.mark.parametrize("fault", [Fault.FLIPPED_BYTE, Fault.MISSING_FILE, Fault.WRONG_ANSWER, Fault.STOPPED_SERVICE])
def test_a_check_that_cannot_go_red_is_named(restored: Restored, tmp_path: Path, fault: Fault) -> None:
    (tmp_path / "reserved").mkdir(exist_ok=True)
    found = control(adapters_with(AlwaysContent()), Break(fault, (), WORKLOAD), (asked(restored, "command"),))
    assert found.detected is False
    assert found.blind == ("command",)


def test_a_red_that_stays_proves_nothing(restored: Restored, tmp_path: Path) -> None:
    (Path(restored.path) / "surplus").touch()
    with pytest.raises(Conflict, match="stays red"):
        control(ALL, Break(Fault.MISSING_FILE, (), WORKLOAD), (asked(restored, "census"),))
