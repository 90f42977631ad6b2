"""A file that grew while it was stored comes back as far as it was read, and nothing else is taken for one."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.model.command import Command
from drtool.model.errors import Corrupt
from drtool.ports import Piped
from drtool.repositories.restic.fetch import _require_counts, lacks_something
from drtool.repositories.restic.grown import Grown, find_grown, shorten
from drtool.runners.local import LocalRunner
from tests.rig.cheap_key import make_cheap
from tests.rig.timed_host import Host

BEGAN = datetime.fromtimestamp(1_700_000_000, UTC)


def longer(path: Path, stored: bytes, size: int) -> Path:
    path.write_bytes(stored)
    os.truncate(path, size)
    return path


def test_only_what_is_longer_than_was_stored_is_found_and_cut(tmp_path: Path) -> None:
    grown = longer(tmp_path / "a log \n of lines", b"x" * 8192, 100_000)
    (tmp_path / "zero at the end").write_bytes(b"y" * 4096 + b"\0")
    (tmp_path / "whole").write_bytes(b"z" * 8192)
    grown.chmod(0o400)
    os.utime(grown, ns=(1, 1_700_000_000_123_456_789))
    lengths = {str(grown): 8192, str(tmp_path / "zero at the end"): 4097}
    found = find_grown(LocalRunner(), str(tmp_path), lengths.__getitem__, since=BEGAN, lacking=1 << 40)
    assert found == (Grown(str(grown), 100_000, 8192),)
    shorten(LocalRunner(), found[0])
    assert grown.read_bytes() == b"x" * 8192
    assert (grown.stat().st_mtime_ns, grown.stat().st_mode & 0o777) == (1_700_000_000_123_456_789, 0o400)
    assert "89.7 KiB before its end" in found[0].words(str(tmp_path))


def test_what_grew_is_seen_by_its_bytes_where_folders_above_a_chosen_path_count_as_files(tmp_path: Path) -> None:
    """Of one file restored by its path, restic counts the folders above it, too."""
    summary = {"total_files": 1, "total_bytes": 100_000, "files_restored": 4, "bytes_restored": 8192}
    assert lacks_something(summary)
    assert not lacks_something({**summary, "bytes_restored": 100_000})
    assert "/srv/log grew" in Grown(str(tmp_path / "srv/log"), 9, 8).words(str(tmp_path))


@pytest.mark.parametrize("dated", [0, 1, 2**31])
def test_whatever_its_date_says_and_however_many_lie_beside_it_what_grew_is_found(tmp_path: Path, dated: int) -> None:
    for number in range(300):
        longer(tmp_path / str(number), b"", 10_000)
    log = longer(tmp_path / "log", b"x", 20_000)
    os.utime(log, (dated, dated))
    lengths = {str(log): 1}
    found = find_grown(LocalRunner(), str(tmp_path), lambda path: lengths.get(path, 10_000), since=BEGAN, lacking=19_999)
    assert [(each.path, each.never_read) for each in found] == [(str(log), 19_999)]


def test_what_was_changed_meanwhile_is_asked_about_first_and_nobody_once_all_is_explained(tmp_path: Path) -> None:
    for number in range(9):
        os.utime(longer(tmp_path / f"a{number}", b"x", 10_000), (1, 1))
    log = longer(tmp_path / "log", b"x", 20_000)
    asked = []

    def stored(path: str) -> int:
        asked.append(path)
        return 1

    assert len(find_grown(LocalRunner(), str(tmp_path), stored, since=BEGAN, lacking=19_999)) == 1
    assert asked == [str(log)]


def test_names_are_taken_as_they_are_and_what_cannot_be_read_is_asked_about(tmp_path: Path) -> None:
    names = [b"-n", b"a\nb", b"\xff", b"$(id) '\"", b" "]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"x" + b"\0" * 9)
    for number in range(300):
        (tmp_path / f"{number}").write_bytes(b"x")
    asked: list[str] = []

    def stored(path: str) -> int:
        asked.append(path)
        return 1

    find_grown(LocalRunner(), str(tmp_path), stored, since=BEGAN, lacking=1 << 40)
    assert sorted(os.path.basename(os.fsencode(path)) for path in asked) == sorted(names)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "tail").write_text('#!/bin/sh\nfor last; do :; done\n[ $# -gt 5 ] || [ "${last##*/}" = 7 ] || exec /usr/bin/tail "$@"\n')
    (programs / "tail").chmod(0o755)
    asked.clear()
    find_grown(_Beside(programs), str(tmp_path), stored, since=BEGAN, lacking=1 << 40)
    assert sorted(os.path.basename(os.fsencode(path)) for path in asked) == sorted([*names, b"7"])


class _Beside(LocalRunner):
    """This machine, with other programs first."""

    def __init__(self, programs: Path) -> None:
        super().__init__()
        self._path = f"{programs}:{os.environ['PATH']}"

    def pipe(self, command: Command, **more: Any) -> Piped:  # noqa: ANN401
        return super().pipe(replace(command, environment={**command.environment, "PATH": self._path}), **more)


def test_the_names_of_one_file_explain_its_bytes_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    log = longer(tmp_path / "a" / "z", b"x" * 50, 100)
    (tmp_path / "a-log").hardlink_to(log)
    (tmp_path / "b").hardlink_to(log)
    lost = longer(tmp_path / "lost", b"", 50)
    lengths = {str(log): 50, str(lost): 50}
    found = find_grown(LocalRunner(), str(tmp_path), lengths.__getitem__, since=BEGAN, lacking=100)
    assert found == (Grown(str(log), 100, 50, 3),)
    client = type("Client", (), {"name": "near"})()
    with pytest.raises(Corrupt, match="not restored whole"):
        _require_counts(client, {"total_files": 4, "files_restored": 2, "total_bytes": 150, "bytes_restored": 50}, "here:/srv", found)


@pytest.mark.parametrize(
    ("restored", "grown", "whole"),
    [
        ((3, 300), (), True),
        ((2, 250), (Grown("/a", 100, 50),), True),
        ((2, 250), (), False),
        ((2, 249), (Grown("/a", 100, 50),), False),
        ((1, 250), (Grown("/a", 100, 50),), False),
        ((4, 300), (), True),
    ],
)
def test_exactly_what_was_never_stored_is_not_lacking(
    restored: tuple[int, int],
    grown: tuple[Grown, ...],
    whole: bool,  # noqa: FBT001 - a row
) -> None:
    summary = {"total_files": 3, "total_bytes": 300, "files_restored": restored[0], "bytes_restored": restored[1]}
    client = type("Client", (), {"name": "near"})()
    if whole:
        _require_counts(client, summary, "here:/home", grown)
    else:
        with pytest.raises(Corrupt, match="not restored whole"):
            _require_counts(client, summary, "here:/home", grown)


def test_a_log_that_grows_all_the_time_is_restored(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    """What restic writes down of such a file depends on luck; each time it is a beginning of the file, with nothing behind it."""
    host = Host(tmp_path / "host", restic_newest)
    host.documents["quarantine"] = "off"  # how large it becomes in a run depends on luck as well
    host.done("init")
    make_cheap(host.root / "near", "secret")
    log, over = host.root / "data" / "log", threading.Event()

    def grow() -> None:
        while not over.wait(0.002):
            with log.open("ab") as growing:
                growing.write(os.urandom(50_000))

    for number in range(4):
        over.clear()
        growing = threading.Thread(target=grow)
        growing.start()
        try:
            host.done("run")
        finally:
            over.set()
            growing.join()
        there = host.root / f"there-{number}"
        host.done("restore", "docs", "--to", "directory", str(there), "--yes")
        (restored,) = there.rglob("log")
        assert log.read_bytes().startswith(restored.read_bytes())
        log.unlink()
