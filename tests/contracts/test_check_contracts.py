"""Every kind of check keeps the contract, here and where it applies over SSH, and every kind has its negative controls."""

from __future__ import annotations

import http.server
import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy, SourcePolicy
from drtool.ports import Check, Inspection, PutResult, Question, Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.check_contract import CheckContract, CheckSubject
from drtool.testing.fixed_clock import FixedClock
from tests.rig.ports import LOOPBACK
from tests.rig.postgres import PostgresServer
from tests.rig.sshd import SshServer

INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECORD = {"by": "home", "set": "documents", "point": "P", "run": "R", "instant": "2026-01-01T11:59:00Z", "nonce": "ab" * 16}


def question(check: Check, restored: Restored, runner: Runner, environment: dict[str, str] | None = None, **keys: Any) -> Question:  # noqa: ANN401
    settings = schema.CHECKS[check.kind].model_validate(keys).model_dump(mode="json")
    policy = CheckPolicy(check.kind, f"{check.kind} 1", "", settings, Level(settings.pop("level")))
    return Question(
        policy, (restored,), {restored.workload: Inspection(True, runner, environment or {}, root=restored.path)}, INSTANT, INSTANT
    )


def tree_of(path: Path, root: Path, *, census: Census | None = None) -> Restored:
    artifact = Artifact("here:/documents", "tree", "0" * 64, str(root), census or Census(0, 0))
    member = Member("here:/documents", "here", "files", {"path": str(root)}, INSTANT, (artifact,))
    return Restored("here:/documents", "here", Destination("sandbox", sandbox="lab"), str(path), member)


def spoilt(asked: Question, change: Callable[[], object]) -> Callable[[], Question]:
    def spoil() -> Question:
        change()
        return asked

    return spoil


def restored_elsewhere(tmp_path: Path, runner: Runner) -> Restored:
    """A small tree, counted at its source with a canary in it, and its exact copy as if it had been restored."""
    root = tmp_path / "documents"
    (root / "deep" / "empty").mkdir(parents=True)
    (root / "one").write_bytes(b"1")
    (root / "deep" / "two").write_bytes(b"22")
    (root / "link").symlink_to("one")
    os.utime(root / "one", (INSTANT.timestamp() - 60, INSTANT.timestamp() - 60))
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=runner, clock=FixedClock())
    (workload,) = source.discover({"paths": [str(root)], "canary": True})
    snapshot = replace(source.snapshot(workload, "R"), canary=RECORD)
    with source.export(snapshot) as export:
        size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        census = export.census(export.artifacts[0], PutResult("id", 3, size, size))
    copy = tmp_path / "restored"
    subprocess.run(["cp", "-a", "--", root, copy], check=True)
    return tree_of(copy, root, census=census)


class Local:
    """Asked on this machine."""

    @pytest.fixture
    def runner(self) -> Runner:
        return LocalRunner()


class OverSsh:
    """Asked on another machine."""

    @pytest.fixture
    def runner(self, ssh_server: SshServer) -> Runner:
        return SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))


class TestFilesHere(Local, CheckContract):
    controls = ("too few", "too old", "one missing")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        restored = restored_elsewhere(tmp_path, runner)
        root, check = Path(restored.path), FilesCheck()
        asked = question(check, restored, runner, at_least=3, newest_within="87600h", contains=["deep/two"])
        recent = question(check, restored, runner, newest_within="1s")

        def age() -> None:
            for path in root.rglob("*"):
                os.utime(path, (0, 0), follow_symlinks=False)

        return CheckSubject(
            check,
            asked,
            {
                "too few": spoilt(asked, (root / "one").unlink),
                "too old": spoilt(recent, age),
                "one missing": spoilt(asked, lambda: (root / "deep" / "two").rename(root / "deep" / "three")),
            },
            question(check, replace(restored, path=str(tmp_path / "nowhere")), runner),
            Level.RIGHT,
            compared=3,
            bytes=0,
            looked_at=(root,),
        )


class TestFilesOverSsh(OverSsh, TestFilesHere):
    pass


class TestCensusHere(Local, CheckContract):
    controls = ("content", "mode", "time", "owner", "link", "empty directory", "more", "extended attribute")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        restored = restored_elsewhere(tmp_path, runner)
        root, check = Path(restored.path), CensusCheck()
        asked = question(check, restored, runner)

        def relink() -> None:
            (root / "link").unlink()
            (root / "link").symlink_to("two")

        def flip() -> None:
            before = (root / "one").stat()
            (root / "one").write_bytes(b"2")
            os.utime(root / "one", ns=(before.st_atime_ns, before.st_mtime_ns))

        def own() -> None:
            if os.geteuid() != 0:
                pytest.skip("only root gives files away")
            os.chown(root / "deep", 4321, 8765)

        def remove() -> None:
            before = (root / "deep").stat()
            (root / "deep" / "empty").rmdir()
            os.utime(root / "deep", ns=(before.st_atime_ns, before.st_mtime_ns))

        size = sum(file.bytes for file in restored.member.artifacts[0].census.sample)
        return CheckSubject(
            check,
            asked,
            {
                "content": spoilt(asked, flip),
                "mode": spoilt(asked, lambda: (root / "deep").chmod(0o700)),
                "time": spoilt(asked, lambda: os.utime(root / "deep", (1, 1))),
                "owner": spoilt(asked, own),
                "link": spoilt(asked, relink),
                "empty directory": spoilt(asked, remove),
                "more": spoilt(asked, (root / "deep" / "more").mkdir),
                "extended attribute": spoilt(asked, lambda: os.setxattr(root / "one", "user.drtool", b"x")),
            },
            question(check, replace(restored, path=str(tmp_path / "nowhere")), runner),
            Level.COMPLETE,
            compared=3,
            bytes=size,
            looked_at=(root,),
        )


class TestCensusOverSsh(OverSsh, TestCensusHere):
    pass


class TestCanaryHere(Local, CheckContract):
    controls = ("of another point", "another nonce", "spoilt", "a link", "never planted")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        restored = restored_elsewhere(tmp_path, runner)
        file, check = Path(restored.path) / ".drtool-canary.json", CanaryCheck()
        asked = question(check, restored, runner)
        none = question(check, tree_of(Path(restored.path), tmp_path), runner)

        def link() -> None:
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")

        def write(**changed: str) -> Callable[[], object]:
            return lambda: file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))

        assert file.stat().st_mode & 0o777 == 0o600
        return CheckSubject(
            check,
            asked,
            {
                "of another point": spoilt(asked, write(point="Q")),
                "another nonce": spoilt(asked, write(nonce="cd" * 16)),
                "spoilt": spoilt(asked, lambda: file.write_text("[" * 20_000)),
                "a link": spoilt(asked, link),
                "never planted": spoilt(none, lambda: None),
            },
            question(check, replace(restored, path=str(tmp_path / "nowhere")), runner),
            Level.COMPLETE,
            compared=1,
            bytes=file.stat().st_size,
            looked_at=(file.parent,),
        )


class TestCanaryOverSsh(OverSsh, TestCanaryHere):
    pass


def make_archive(path: Path) -> None:
    contents = {"a": os.urandom(30_000), "b/c": b"x" * 50_000}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
        return
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


class TestArchiveHere(Local, CheckContract):
    controls: tuple[str, ...] = ("cut off", "flipped", "empty", "no archive", "cut between members")
    name = "inner/kept.tar.gz"

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        whole = self.every_control(tmp_path, runner)
        return replace(whole, wrong={name: whole.wrong[name] for name in self.controls})

    def every_control(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        root = tmp_path / "restored"
        (root / "inner").mkdir(parents=True)
        file, check = root / self.name, ArchiveCheck()
        make_archive(file)
        restored = tree_of(root, Path("/documents"))
        asked = question(check, restored, runner, path=self.name)
        data = file.read_bytes()

        def flip() -> None:
            middle = len(data) // 3
            file.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])

        def cut_between() -> None:
            plain = tmp_path / "plain.tar"
            make_archive(plain)
            whole = plain.read_bytes()[: 512 + 30_208]  # the first member, and not the mark of the end
            (root / "inner" / "cut.tar").write_bytes(whole)

        return CheckSubject(
            check,
            asked,
            {
                "cut off": spoilt(asked, lambda: file.write_bytes(data[: len(data) // 2])),
                "flipped": spoilt(asked, flip),
                "empty": spoilt(asked, lambda: file.write_bytes(b"")),
                "no archive": spoilt(asked, lambda: file.write_bytes(b"words " * 1000)),
                "cut between members": spoilt(question(check, restored, runner, path="inner/cut.tar"), cut_between),
            },
            question(check, restored, runner, path="inner/absent.zip"),
            Level.OPENS,
            compared=2,
            bytes=80_000,
            looked_at=(root,),
        )


class TestArchiveOverSsh(OverSsh, TestArchiveHere):
    pass


class TestArchiveZip(TestArchiveHere):
    name = "inner/kept.zip"


class TestArchiveTar(TestArchiveHere):
    """Plain tar has no checksum over contents: a flipped byte is the census's to find."""

    controls = ("cut off", "empty", "no archive", "cut between members")
    name = "inner/kept.tar"


class TestSqliteHere(Local, CheckContract):
    controls = ("too few", "not equal", "too old", "no number", "damaged", "no database", "no table", "it writes")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        root = tmp_path / "restored"
        root.mkdir()
        live = tmp_path / "live.db"
        with closing(sqlite3.connect(live)) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("create table t (at text, words text)")
            rows = [(f"2026-01-01 {hour:02d}:00:00", "w" * 500) for hour in range(10)]
            connection.executemany("insert into t values (?, ?)", rows)
            connection.commit()
            for suffix in ("", "-wal"):  # as a backup of a live database has it: the rows are in the log only
                shutil.copy2(f"{live}{suffix}", f"{root / 'inside.db'}{suffix}")
        restored, check, file = tree_of(root, Path("/documents")), SqlCheck(), root / "inside.db"
        count = "select count(*) from t"

        def ask(**keys: Any) -> Question:  # noqa: ANN401
            return question(check, restored, runner, sqlite="inside.db", **keys)

        asked = ask(query=count, expect={"at_least": 10})

        def damage() -> None:
            (root / "inside.db-wal").unlink()
            with closing(sqlite3.connect(tmp_path / "live.db")) as connection:
                connection.execute("pragma wal_checkpoint(truncate)")
            data = bytearray((tmp_path / "live.db").read_bytes())
            data[4096:4300] = os.urandom(204)
            file.write_bytes(data)

        def empty() -> None:
            for path in root.iterdir():
                path.unlink()
            file.touch()

        def words() -> None:
            (root / "inside.db-wal").unlink()
            file.write_bytes(b"no database at all, only words " * 100)

        writing = "with w as (select 1) insert into t values ('2026-01-01', 'new') returning words"
        return CheckSubject(
            check,
            asked,
            {
                "too few": spoilt(ask(query=count, expect={"at_least": 11}), lambda: None),
                "not equal": spoilt(ask(query="select words from t", expect={"equals": "other"}), lambda: None),
                "too old": spoilt(ask(query="select max(at) from t", expect={"within": "2h"}), lambda: None),
                "no number": spoilt(ask(query="select words from t", expect={"at_least": 1}), lambda: None),
                "damaged": spoilt(asked, damage),
                "no database": spoilt(asked, words),
                "no table": spoilt(ask(), empty),
                "it writes": spoilt(ask(query=writing), lambda: None),
            },
            question(check, restored, runner, sqlite="absent.db"),
            Level.RIGHT,
            compared=1,
            bytes=file.stat().st_size + (root / "inside.db-wal").stat().st_size,
            looked_at=(root,),
        )


class TestSqliteOverSsh(OverSsh, TestSqliteHere):
    pass


class TestPostgresql(Local, CheckContract):
    controls = ("too few", "no such table", "no such database", "it writes")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner, postgres_server: PostgresServer) -> CheckSubject:
        name = f"b{os.getpid()}"
        postgres_server.sql(f"drop database if exists {name}")
        postgres_server.sql(f"create database {name}")
        postgres_server.sql("create table rows as select generate_series(1, 5) as id", database=name)
        environment = postgres_server.environment()
        (tmp_path / "billing").touch()
        restored = replace(tree_of(tmp_path / "billing", Path("/billing")), workload="billing", source="billing")
        check = SqlCheck()

        def ask(query: str, database: str = name, **expect: Any) -> Question:  # noqa: ANN401
            return question(check, restored, runner, environment, database=database, query=query, expect=expect)

        count = "select count(*), 'more' from rows"
        writing = "with w as (insert into rows values (9) returning id) select count(*) from w"
        return CheckSubject(
            check,
            ask(count, equals=5),
            {
                "too few": spoilt(ask(count, at_least=6), lambda: None),
                "no such table": spoilt(ask("select 1 from absent", at_least=1), lambda: None),
                "no such database": spoilt(ask(count, "absent", at_least=1), lambda: None),
                "it writes": spoilt(ask(writing, at_least=1), lambda: None),
            },
            question(check, restored, runner, {}, database=name),
            Level.RIGHT,
            compared=1,
            bytes=0,
            looked_at=(tmp_path,),
        )

    def test_a_database_without_tables_does_not_count_as_opened(self, subject: CheckSubject, postgres_server: PostgresServer) -> None:
        restored, runner = subject.right.restored[0], LocalRunner()
        asked = question(subject.check, restored, runner, postgres_server.environment(), database=f"b{os.getpid()}")
        assert asked.check.level is Level.OPENS
        assert subject.check.ask(asked).passed
        postgres_server.sql("drop table rows", database=f"b{os.getpid()}")
        assert not subject.check.ask(asked).passed


class TestCommandHere(Local, CheckContract):
    controls = ("exit code", "output")

    @pytest.fixture
    def subject(self, tmp_path: Path, runner: Runner) -> CheckSubject:
        root = tmp_path / "restored"
        root.mkdir()
        (root / "one").write_text("right\n")
        restored, check = tree_of(root, Path("/documents")), CommandCheck()
        asked = question(check, restored, runner, run=["sh", "-c", 'cat "$DRTOOL_RESTORED/one"'], expect_output="^right$")
        return CheckSubject(
            check,
            asked,
            {
                "exit code": spoilt(question(check, restored, runner, run=["false"]), lambda: None),
                "output": spoilt(asked, lambda: (root / "one").write_text("wrong\n")),
            },
            question(check, replace(restored, path=str(tmp_path / "nowhere")), runner, run=["sh", "-c", 'test -e "$DRTOOL_RESTORED"']),
            Level.RIGHT,
            compared=1,
            bytes=0,
            looked_at=(root,),
        )


class TestCommandOverSsh(OverSsh, TestCommandHere):
    pass


class TestTcp(CheckContract):
    controls = ("closed",)

    @pytest.fixture
    def subject(self, tmp_path: Path, postgres_server: PostgresServer) -> CheckSubject:
        restored, check, runner = tree_of(tmp_path, Path("/documents")), TcpCheck(), LocalRunner()
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            closed = question(check, restored, runner, address=f"{LOOPBACK}:{free.getsockname()[1]}", timeout="2s")
        asked = question(check, restored, runner, address=f"{LOOPBACK}:{postgres_server.port}")
        absent = question(check, restored, runner, address="no-such-host.invalid:1", timeout="2s")
        return CheckSubject(check, asked, {"closed": spoilt(closed, lambda: None)}, absent, Level.ANSWERS, compared=1, bytes=0)


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.end_headers()
        self.wfile.write(b"installed")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.HTTPServer((LOOPBACK, 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


class TestHttp(CheckContract):
    controls = ("status", "body")

    @pytest.fixture
    def subject(self, tmp_path: Path, page: str) -> CheckSubject:
        restored, check, runner = tree_of(tmp_path, Path("/documents")), HttpCheck(), LocalRunner()
        return CheckSubject(
            check,
            question(check, restored, runner, url=f"{page}/", expect={"body": "installed"}),
            {
                "status": spoilt(question(check, restored, runner, url=f"{page}/absent"), lambda: None),
                "body": spoilt(question(check, restored, runner, url=f"{page}/", expect={"body": "other"}), lambda: None),
            },
            question(check, restored, runner, url="http://no-such-host.invalid/", timeout="2s"),
            Level.RIGHT,
            compared=1,
            bytes=9,
        )


def test_every_kind_keeps_the_contract() -> None:
    suites = [suite for suite in globals().values() if isinstance(suite, type) and suite.__name__.startswith("Test")]
    names = " ".join(suite.__name__.lower() for suite in suites)
    kinds = {"sql": "sqlite"}
    assert [kind for kind in schema.CHECKS if f"test{kinds.get(kind, kind)}" not in names] == []


def test_a_wait_for_a_query_ends(tmp_path: Path) -> None:
    root = tmp_path / "restored"
    root.mkdir()
    with closing(sqlite3.connect(root / "x.db")) as connection:
        connection.execute("create table t (n)")
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    asked = question(SqlCheck(), tree_of(root, Path("/d")), LocalRunner(), sqlite="x.db", query=endless, timeout="1s")
    answer = SqlCheck().ask(replace(asked, timeout=timedelta(seconds=1)))
    assert (answer.passed, "within 1 s" in answer.observed) == (False, True)
