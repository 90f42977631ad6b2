"""What a look at the upper levels of a protected folder tells: only what a run would meet, as this user."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.command import Command, Completed
from drtool.model.policy import SourcePolicy
from drtool.model.workload import Workload
from drtool.ports import LineListener, Piped, Runner, TriedReading
from drtool.repositories.restic.output import OutputReader
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


class AsNobody(LocalRunner):
    """Commands of this machine by a user who owns nothing."""

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        return super().run(replace(command, argv=(*NOBODY, *command.argv)), on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)

    def pipe(
        self,
        command: Command,
        *,
        producer: Command | None = None,
        producer_runner: Runner | None = None,
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        asked = replace(command, argv=(*NOBODY, *command.argv))
        return super().pipe(
            asked, producer=producer, producer_runner=producer_runner, consume=consume, on_output=on_output, on_error=on_error
        )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_mode & 0o5 != 0o5 and path.owner() == "root":
            path.chmod(path.stat().st_mode | 0o5)
    root = tmp_path / "tree"
    for name in ("open", "locked", "cache", "tagged"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(b"x" * 4096)
    (root / "tagged" / ".nobackup").touch()
    (root / "secret").write_bytes(b"x" * 4096)
    (root / "secret").chmod(0)
    (root / "locked").chmod(0)
    (root / "cache" / "file").chmod(0)
    (root / "tagged" / "file").chmod(0)
    return root


def look(tree: Path, **rules: object) -> TriedReading:
    runner = AsNobody() if os.geteuid() == 0 else LocalRunner()
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=runner, clock=FixedClock())
    workload = Workload(f"here:{tree}", "here", "files", {"path": str(tree), **rules})
    return source.try_reading([workload])[workload.name]


def test_what_this_user_cannot_read_is_named(tree: Path) -> None:
    told = look(tree)
    assert {os.path.relpath(path, tree) for path in told.barred} == {"locked", "secret", "cache/file", "tagged/file"}
    assert 4096 <= told.bytes < 2 * 4096, "of what can be read"


def test_what_the_rules_leave_out_is_no_fault(tree: Path) -> None:
    told = look(tree, exclude=["/".join((str(tree), "cache")), "locked"], exclude_if_present=[".nobackup"])
    assert told.barred == (str(tree / "secret"),)


def test_many_are_counted(tree: Path) -> None:
    for number in range(40):
        (tree / "open" / f"{number}").touch(mode=0)
        (tree / "open" / f"{number}").chmod(0)
    told = look(tree)
    assert len(told.barred) == 21
    assert told.barred[-1] == "and 24 more"


def test_holes_are_no_bytes_to_store(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 30)
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=LocalRunner(), clock=FixedClock())
    workload = Workload("w", "here", "files", {"path": str(tmp_path)})
    assert source.try_reading([workload])["w"].bytes < 1 << 20


LOCKED, SECRET = "/data/deep/locked", "/data/secret"
SCAN = '{"message_type":"error","error":%s,"during":"scan","item":"%s"}'
ARCHIVAL = '{"message_type":"error","error":%s,"during":"archival","item":"%s"}'


@pytest.mark.parametrize(
    ("lines", "told", "unexplained"),
    [
        pytest.param(
            (SCAN % ("{}", LOCKED), ARCHIVAL % ("{}", LOCKED), ARCHIVAL % (f'{{"Op":"open","Path":"{SECRET}","Err":13}}', SECRET)),
            (LOCKED, f"{SECRET}: Permission denied"),
            (LOCKED,),
            id="0.14",
        ),
        pytest.param(
            (
                SCAN % (f'{{"message":"openfile for readdirnames failed: open {LOCKED}: permission denied"}}', LOCKED),
                ARCHIVAL % (f'{{"message":"openfile for readdirnames failed: open {LOCKED}: permission denied"}}', LOCKED),
                ARCHIVAL % (f'{{"message":"open {SECRET}: permission denied"}}', SECRET),
            ),
            (f"{LOCKED}: Permission denied", f"{SECRET}: Permission denied"),
            (),
            id="0.19",
        ),
        pytest.param((ARCHIVAL % ('{"Op":"read","Path":"/a","Err":5}', "/a"),), ("/a: Input/output error",), (), id="a number"),
        pytest.param((ARCHIVAL % ("null", "/a"), ARCHIVAL % ('{"message":"x: Broken"}', "/a")), ("/a: x: Broken",), (), id="later"),
        pytest.param((ARCHIVAL % ('{"message":"no path at all"}', ""),), ("No path at all",), (), id="no path"),
    ],
)
def test_what_restic_could_not_read_is_said_once_and_in_words(
    lines: tuple[str, ...], told: tuple[str, ...], unexplained: tuple[str, ...]
) -> None:
    reader = OutputReader()
    for line in lines:
        reader.take(line.encode())
    assert reader.unreadable == told
    assert reader.unexplained == unexplained
