"""Faults in data against kinds of check: red where the fault lies in what the check looks at, and never green there.

The table is printed with `pytest -s tests/faults/test_fault_table.py`; docs/checks.md tells what each kind reads.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import shutil
import socket
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.checks import schema
from drtool.checks.archive import ArchiveCheck
from drtool.checks.canary import CanaryCheck
from drtool.checks.census import CensusCheck
from drtool.checks.command import CommandCheck
from drtool.checks.files import FilesCheck
from drtool.checks.http import HttpCheck
from drtool.checks.sql import SqlCheck
from drtool.checks.tcp import TcpCheck
from drtool.model.ladder import Level
from drtool.model.plan import Destination, Restored
from drtool.model.point import CANARY_NAME, Artifact, Member
from drtool.model.policy import CheckPolicy, SourcePolicy
from drtool.model.workload import Snapshot, Workload
from drtool.ports import Check, Inspection, PutResult, Question
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from tests.rig.ports import LOOPBACK

LETTER = b"dear\n" * 200
INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHECKS: tuple[Check, ...] = (
    CensusCheck(),
    CanaryCheck(),
    FilesCheck(),
    ArchiveCheck(),
    SqlCheck(),
    CommandCheck(),
    HttpCheck(),
    TcpCheck(),
)
OBJECTS = {"archive": "old.tar.gz", "sql": "ledger.db", "command": "letter", "http": "page.html", "files": "letter", "canary": CANARY_NAME}
"""What each kind looks at; the census looks at everything."""


@dataclass(frozen=True)
class Place:
    """Something that was restored, whose service answers at `port`."""

    restored: Restored
    port: int

    @property
    def root(self) -> Path:
        return Path(self.restored.path)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        return


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    source_root = tmp_path / "documents"
    (source_root / "deep").mkdir(parents=True)
    (source_root / "letter").write_bytes(LETTER)
    (source_root / "page.html").write_bytes(b"<p>installed: true</p>\n")
    (source_root / "deep" / "numbers").write_bytes(bytes(range(256)) * 40)
    with closing(sqlite3.connect(source_root / "ledger.db")) as ledger, ledger:
        ledger.execute("create table entry (number integer, words text)")
        ledger.executemany("insert into entry values (?, ?)", ((number, "paid" * 30) for number in range(500)))
    with tarfile.open(source_root / "old.tar.gz", "w:gz") as archive:
        archive.add(source_root / "deep" / "numbers", "numbers")
    restored = restored_from(source_root, tmp_path / "sandbox" / "documents", point="P")
    handler = functools.partial(_Quiet, directory=restored.path)
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Place(restored, server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def restored_from(root: Path, target: Path, *, point: str) -> Restored:
    """Count a tree at its source as a run does, with a canary in it, and copy it exactly."""
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=LocalRunner(), clock=FixedClock(), watch=())
    workload = Workload(f"here:{root}", "here", "files", {"path": str(root)})
    record = {"by": "home", "set": "documents", "point": point, "run": "R", "instant": "2026-01-01T11:59:00Z", "nonce": point * 20}
    with source.export(Snapshot(workload, "label", canary=record)) as export:
        (artifact,) = export.artifacts
        files = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
        census = export.census(artifact, PutResult("s", len(files), sum(files), 0))
    shutil.copytree(root, target, symlinks=True)
    for path in (root, *root.rglob("*")):
        facts = path.stat()
        os.utime(target / path.relative_to(root), ns=(facts.st_atime_ns, facts.st_mtime_ns))
    member = Member(f"here:{root}", "here", "files", {"path": str(root)}, INSTANT, (Artifact("data", "tree", "0" * 64, str(root), census),))
    return Restored(member.workload, "here", Destination("sandbox", sandbox="lab"), str(target), member)


def question(place: Place, kind: str) -> Question:
    keys: dict[str, dict[str, Any]] = {
        "files": {"at_least": 5, "contains": ["letter"]},
        "archive": {"path": "old.tar.gz"},
        "sql": {"sqlite": "ledger.db", "query": "select count(*) from entry", "expect": {"at_least": 500}},
        "command": {"run": ["sh", "-c", 'sha256sum <"$DRTOOL_RESTORED/letter"'], "expect_output": f"^{hashlib.sha256(LETTER).hexdigest()}"},
        "http": {"url": f"http://{LOOPBACK}:{place.port}/page.html", "expect": {"status": 200, "body": "<p>installed: true</p>\n"}},
        "tcp": {"address": f"{LOOPBACK}:{place.port}"},
    }
    settings = schema.CHECKS[kind].model_validate(keys.get(kind, {})).model_dump(mode="json")
    policy = CheckPolicy(kind, kind, "", settings, Level(settings.pop("level")))
    return Question(
        policy, (place.restored,), {place.restored.workload: Inspection(True, LocalRunner(), root=place.restored.path)}, INSTANT, INSTANT
    )


Fault = Callable[[Path], None]


def _kept_times(change: Fault) -> Fault:
    """A fault of the disk, not of a program: no time tells of it."""

    def keeping(path: Path) -> None:
        facts = path.stat()
        change(path)
        if path.exists():
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    return keeping


@_kept_times
def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(body)


@_kept_times
def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@_kept_times
def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def make_older(path: Path) -> None:
    """Put in its place what an older point had there."""
    if path.name == "ledger.db":
        with closing(sqlite3.connect(path)) as ledger, ledger:
            ledger.execute("delete from entry where number > 400")
    elif path.name == CANARY_NAME:
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "point": "O", "nonce": "O" * 20}))
    else:
        path.write_bytes(b"as it was before\n")


def empty(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


FAULTS: dict[str, Fault] = {
    "flipped byte": flip,
    "missing file": Path.unlink,
    "truncated file": truncate,
    "zeroed file": blank,
    "older point": make_older,
    "other mode": lambda path: path.chmod(0o600 if path.stat().st_mode & 0o777 != 0o600 else 0o644),
    "other time": lambda path: os.utime(path, (1, 1)),
    "surplus file": lambda path: (path.parent / "surplus").touch(),
    "everything gone": empty,
}
CONTENT = {"flipped byte", "truncated file", "zeroed file", "older point"}
RED: dict[str, set[str]] = {
    "census": set(FAULTS),
    "canary": CONTENT | {"missing file", "everything gone"},
    "files": {"missing file", "everything gone"},
    "archive": CONTENT | {"missing file", "everything gone"},
    "sql": CONTENT - {"flipped byte"} | {"missing file", "everything gone"},  # SQLite keeps no digests: the census is what sees one byte
    "command": CONTENT | {"missing file", "everything gone"},
    "http": CONTENT | {"missing file", "everything gone"},
    "tcp": set(),
}
"""Which faults concern what a kind reads; the others are not its question."""


def test_what_is_whole_is_green(place: Place) -> None:
    answers = {check.kind: check.ask(question(place, check.kind)) for check in CHECKS}
    assert {kind: answer.observed for kind, answer in answers.items() if not answer.passed} == {}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.kind))
def test_no_cell_is_green_that_should_be_red(place: Place, check: Check, fault: str) -> None:
    victim = place.root / OBJECTS.get(check.kind, "letter")
    FAULTS[fault](victim)
    answer = check.ask(question(place, check.kind))
    concerns = fault in RED[check.kind]
    print(f"{fault:16} {check.kind:8} {'red' if not answer.passed else 'not applicable'}")  # noqa: T201 - the table
    assert answer.passed is not concerns, answer
    assert not answer.skipped


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_stopped_service_is_red(place: Place, kind: str) -> None:
    with contextlib.closing(socket.socket()) as unused:
        unused.bind((LOOPBACK, 0))
        port = unused.getsockname()[1]
    (check,) = (each for each in CHECKS if each.kind == kind)
    assert not check.ask(question(replace(place, port=port), kind)).passed
