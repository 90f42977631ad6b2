"""What lies in the state directory: run folders, the index, atomic files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.catalog.index import Index
from drtool.catalog.runs import Runs
from drtool.catalog.storage import read_json, write_atomically
from drtool.engine.lock import held, sets_held
from drtool.model.errors import Locked, Refused
from drtool.model.identifier import identifier
from drtool.model.inventory import Listing, Problem
from drtool.model.plan import Plan
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from tests.rig.disk import full_disk

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOLDER = """
import sys
from drtool.engine.lock import held
with held(sys.argv[1], what="it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def run_id(number: int) -> str:
    return identifier(number, bytes(10))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(str(tmp_path))


def holder(path: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


@pytest.fixture
def live(tmp_path: Path, runs: Runs) -> Iterator[subprocess.Popen[bytes]]:
    process = holder(runs.create(run_id(1)).lock)
    with process:
        yield process
        process.kill()


def test_a_run_is_alive_while_its_lock_is_held_and_dead_after_sigkill(runs: Runs, live: subprocess.Popen[bytes]) -> None:
    folder = runs.folder(run_id(1))
    assert not folder.is_dead()
    assert [each.run for each in runs.unfinished()] == [run_id(1)]
    assert runs.ended() == frozenset()
    live.kill()
    live.wait()
    assert folder.is_dead()
    assert [each.run for each in runs.unfinished()] == [run_id(1)]
    os.unlink(folder.lock)
    assert folder.is_dead()
    assert runs.ended() == frozenset({run_id(1)})


def test_a_second_holder_is_told_who_is_first(runs: Runs, live: subprocess.Popen[bytes]) -> None:
    with pytest.raises(Locked, match=f"process {live.pid}"), held(runs.folder(run_id(1)).lock, what="the run"):
        pass


def test_children_do_not_inherit_a_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with held(path, what="it"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with held(path, what="it"):
            pass
    finally:
        child.kill()
        child.wait()


def test_locks_of_sets_with_hostile_names(tmp_path: Path) -> None:
    names = ("..", "../../x", "a/b", "", "-", "a\nb", "%2F")
    with sets_held(str(tmp_path), names):
        for name in names:
            with pytest.raises(Locked), sets_held(str(tmp_path), (name,)):
                pass
    assert sorted(os.listdir(tmp_path)) == ["locks"]
    assert len(os.listdir(tmp_path / "locks")) == len(names)


def test_an_unwritable_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused), held(str(tmp_path / "file" / "lock"), what="it"):
        pass


def test_plans_and_foreign_files(tmp_path: Path, runs: Runs) -> None:
    plan = Plan("run", run_id(2), "home", NOW, ())
    folder = runs.create(run_id(2))
    assert folder.plan() is None
    folder.save_plan(plan)
    assert folder.plan() == plan
    (tmp_path / "runs" / "not a run").mkdir()
    (tmp_path / "runs" / "file").write_text("")
    runs.create(run_id(3))
    assert [each.run for each in runs.all()] == [run_id(3), run_id(2)]
    (Path(folder.path) / "plan.json").write_bytes(b'{"verb": "run"')
    assert folder.plan() is None
    (Path(folder.path) / "plan.json").write_bytes(b'{"verb": "run"}')
    assert folder.plan() is None
    assert folder.report() is None


def test_old_runs_are_forgotten_but_never_one_that_is_open(runs: Runs) -> None:
    for number in range(5):
        runs.create(run_id(number))
    Path(runs.folder(run_id(0)).lock).touch()
    runs.forget_all_but(2)
    assert [each.run for each in runs.all()] == [run_id(4), run_id(3), run_id(0)]


def repositories(**locations: str) -> dict[str, RepositoryPolicy]:
    key = SecretReference("file", "/key")
    return {name: RepositoryPolicy(name, Address(location, key), "home") for name, location in locations.items()}


def test_the_index_is_a_cache(tmp_path: Path) -> None:
    name = "near/../é"
    index = Index(str(tmp_path), repositories(**{name: "/srv/near", "other": "/srv/other"}))
    listing = Listing(repository=name, taken=NOW)
    index.save(listing)
    assert index.load() == {name: listing}
    index.save(Listing(repository=name, taken=NOW, problem=Problem("Unavailable", "away")))
    assert index.load() == {name: listing}
    (path,) = (tmp_path / "index").iterdir()
    for garbage in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"repository": 3}',
        b'{"repository": "near", "taken": "yesterday"}',
        path.read_bytes()[:-3],
    ):
        path.write_bytes(garbage)
        assert index.load() == {}
    index.clear()
    assert index.load() == {}
    Index(str(tmp_path / "absent"), {}).clear()


def test_what_is_known_of_one_address_is_not_believed_of_another(tmp_path: Path) -> None:
    Index(str(tmp_path), repositories(near="/srv/near")).save(Listing(repository="near", taken=NOW))
    assert Index(str(tmp_path), repositories(near="/srv/moved")).load() == {}
    assert Index(str(tmp_path), repositories(near="/srv/near")).load().keys() == {"near"}


def test_the_index_keeps_what_the_newest_point_of_a_set_consists_of(tmp_path: Path) -> None:
    def point(name: str, days: int, *, complete: bool = True, of: str = "d") -> RecoveryPoint:
        data = (DataSnapshot("i", "t", "here:/a", name),)
        instant = NOW + timedelta(days=days)
        return RecoveryPoint(name, of, "home", "R", instant, complete, 1, 1, 1, "d", "m", instant, data)

    points = (point("A", 1), point("B", 3), point("C", 2), point("D", 4, complete=False), point("E", 0, of="photos"))
    index = Index(str(tmp_path), repositories(near="/srv/near"))
    index.save(Listing("near", NOW, points))
    assert [each.point for each in index.load()["near"].points if each.data] == ["B", "E"]


def test_an_atomic_file_is_the_old_one_or_the_new_one() -> None:
    with full_disk("64k") as disk:
        path = str(disk / "file")
        write_atomically(path, b'"old"')
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"x" * 200_000)
        assert read_json(path) == "old"
        assert os.listdir(disk) == ["file"]
        Index(str(disk), repositories(near="/srv/near")).save(Listing(repository="near", taken=NOW))
        (disk / "filler").write_bytes(b"")
