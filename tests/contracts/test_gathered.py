"""What a source gathered lies labelled on this machine while it is stored: whoever dies leaves nothing that the next does not find."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from drtool.model.errors import Locked, Refused
from drtool.model.workload import Snapshot, Workload
from drtool.ports import PutResult
from drtool.runners.local import LocalRunner
from drtool.staging.gathered import lay_down
from drtool.staging.leftovers import leftovers
from drtool.staging.marker import Owner
from drtool.staging.release import release
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, Killed, Life, MortalRunner
from drtool.testing.source_contract import RUN
from drtool.trees.filesystem import FileSystem

CONTENT = {"index.json": b"{}", "nodes/a/b.json": b"[1]", "nodes/a/qemu/100.json": b""}
CLOCK = FixedClock()


def owner(life: Life | None = None) -> Owner:
    runner = LocalRunner() if life is None else MortalRunner(LocalRunner(), life)
    return Owner("pve", BY, FileSystem(runner), CLOCK, takes_back=False)


def snapshot(run: str = RUN) -> Snapshot:
    return Snapshot(Workload("pve:system", "pve", "proxmox"), f"{run}/1")


def test_it_is_there_while_it_is_open_and_told_as_it_is(tmp_path: Path) -> None:
    directory = str(tmp_path / "run" / "pve")
    with lay_down(owner(), snapshot(), CONTENT, directory=directory, lacks=("a: b",), told=("c",)) as export:
        (artifact,) = export.artifacts
        root = Path(artifact.path)
        assert {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()} == CONTENT
        assert {path.stat().st_mode & 0o777 for path in root.rglob("*")} == {0o600, 0o700}
        assert (artifact.lacks, artifact.told) == (("a: b",), ("c",))
        census = export.census(artifact, PutResult("id", files=3, bytes=5, stored_bytes=5))
        assert (census.seen_files, len(census.sample)) == (3, 3)
    assert list((tmp_path / "run" / "pve").iterdir()) == []


def test_another_run_is_told_to_wait(tmp_path: Path) -> None:
    other = "01J00000000000000000000THR"
    with lay_down(owner(), snapshot(), CONTENT, directory=str(tmp_path)):  # noqa: SIM117 - the inner one is refused
        with pytest.raises(Locked, match=RUN), lay_down(owner(), snapshot(other), CONTENT, directory=str(tmp_path)):
            pass


def test_where_nothing_can_be_made_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused) as caught, lay_down(owner(), snapshot(), CONTENT, directory=f"{tmp_path}/file/pve", hint="write staging"):
        pass
    assert caught.value.hint == "write staging"


def moments(directory: Path) -> int:
    life = Life()
    with lay_down(owner(life), snapshot(), CONTENT, directory=str(directory)):
        pass
    return len(life.moments)


def test_killed_at_every_moment_the_next_finds_what_is_left_and_goes_on(tmp_path: Path) -> None:
    count = moments(tmp_path / "whole")
    assert count > 8
    for ends_at in range(1, count + 1):
        directory = tmp_path / str(ends_at)
        life = Life(ends_at=ends_at)
        with contextlib.suppress(Killed), lay_down(owner(life), snapshot(), CONTENT, directory=str(directory)):
            pass
        assert life.over
        left = leftovers(owner(), places=(), watch=(str(directory),))
        lies = {path.name for path in directory.rglob("*") if path.is_file()} if directory.exists() else set()
        assert [each.what for each in left] == (["staging"] if lies else []), (ends_at, lies)
        for each in left:
            assert (each.run, each.by) == (RUN, BY)
            release(owner(), leftover=each)
        assert not directory.exists() or list(directory.iterdir()) == [], ends_at
        with lay_down(owner(), snapshot(), CONTENT, directory=str(directory)) as export:
            assert export.artifacts
