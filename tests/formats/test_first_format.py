"""What the first format left in repositories, on disk and in the state directory is read, verified, drilled, restored and swept today."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.formats.first import ARCHIVE, ROOT
from tests.rig import restic
from tests.rig.program import called
from tests.rig.unpack import unpack

pytestmark = pytest.mark.xdist_group("first format")

DOCUMENTS = f"here:{ROOT}/documents"
PARTIAL, NEWER, OLDER = range(3)
AS_OLD_AS_IT_IS = (0, 4)
"""Its points were made long ago, and it promises to lose a day at most: what else goes wrong is no missed objective."""
NAMES = {"ledger.sqlite", *(f"letters/{number}.txt" for number in range(25))}


@dataclass(frozen=True)
class First:
    """The unpacked world."""

    binary: Path

    def drtool(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        environment = {
            "PATH": f"{ROOT}/bin:{os.environ['PATH']}",
            "HOME": f"{ROOT}/home",
            "DRTOOL_POLICY": f"{ROOT}/policy.yaml",
            "DRTOOL_STATE_DIR": f"{ROOT}/state",
            "NO_COLOR": "1",
        }
        done = called(arguments, env=environment)
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:  # noqa: ANN401 - a document
        return json.loads(self.drtool(*arguments, "--json", codes=codes))

    def restic(self, repository: str, *arguments: str) -> bytes:
        """What bare restic prints."""
        environment = {**os.environ, "RESTIC_PASSWORD_FILE": f"{ROOT}/keys/{repository}.key", "RESTIC_CACHE_DIR": f"{ROOT}/home"}
        argv = [str(self.binary), "-r", f"{ROOT}/{repository}", *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, check=True).stdout

    def roles(self, repository: str) -> Counter[str]:
        """How many snapshots of each role bare restic lists."""
        listed = json.loads(self.restic(repository, "snapshots", "--json"))
        return Counter(tag.removeprefix("role=") for snapshot in listed for tag in snapshot["tags"] if tag.startswith("role="))

    def points(self) -> list[dict[str, Any]]:
        """Newest first."""
        views: list[dict[str, Any]] = self.json("points")["points"]
        return views


@pytest.fixture(params=[restic.OLDEST, restic.NEWEST])
def first(request: pytest.FixtureRequest) -> Iterator[First]:
    with ROOT.with_suffix(".lock").open("w") as lock:  # the place is one for all who test on this machine
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(ROOT, ignore_errors=True)
        with tarfile.open(ARCHIVE) as archive:
            unpack(archive, ROOT.parent)
        binary = restic.binary(request.param)
        for name in ("bin", "home"):
            (ROOT / name).mkdir()
        (ROOT / "bin" / "restic").symlink_to(binary)
        yield First(binary)
        shutil.rmtree(ROOT)


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def assert_as_stored(directory: Path) -> None:
    """The newest whole point: what `make` wrote before the second run, and nothing of what came after it or was left out."""
    assert files_in(directory) == NAMES
    assert (directory / "letters" / "3.txt").read_text() == "written again\n"
    assert (directory / "letters" / "24.txt").read_text() == "letter 24\n" * 25


def assert_good(entry: dict[str, Any]) -> None:
    assert entry["outcome"] in ("succeeded", "objective_missed")
    assert set(entry["objective"]["missed"]) <= {"rpo"}


def test_its_points_are_listed_and_read(first: First) -> None:
    views = first.points()
    assert [view["point"]["complete"] for view in views] == [False, True, True]
    assert all(set(view["repositories"]) == {"near", "offsite"} for view in views)
    assert len(views[OLDER]["holds"]) == 1
    shown = first.json("show", views[PARTIAL]["point"]["point"])
    assert "billing" in json.dumps(shown["missing"])
    listed = first.drtool("ls", views[NEWER]["point"]["point"], f"{ROOT}/documents/letters", "--workload", DOCUMENTS)
    assert "24.txt" in listed
    differences = first.drtool("diff", views[OLDER]["point"]["point"], views[NEWER]["point"]["point"])
    assert "letters/3.txt" in differences
    assert "letters/4.txt" not in differences


def test_its_evidence_and_measurements_count(first: First) -> None:
    assert "every signature fits, and none is missing" in first.drtool("evidence", "verify")
    (row,) = first.json("status")["sets"]
    assert "drill" in json.dumps(row)
    assert "never proven" not in first.drtool("status")
    assert "from 1 measurement" in first.drtool("plan", "drill", "monthly")


def test_it_is_verified_and_drilled(first: First) -> None:
    first.drtool("verify")
    (entry,) = first.json("drill", "monthly", codes=AS_OLD_AS_IT_IS)["sets"]
    assert_good(entry)
    assert entry["point"] == first.points()[NEWER]["point"]["point"]
    assert "every signature fits, and none is missing" in first.drtool("evidence", "verify")


def test_it_is_restored_beside_and_in_place(first: First, tmp_path: Path) -> None:
    (entry,) = first.json("restore", "documents", "--to", "directory", str(tmp_path / "beside"), "--yes", codes=AS_OLD_AS_IT_IS)["sets"]
    assert_good(entry)
    (found,) = (path.parent for path in (tmp_path / "beside").rglob("ledger.sqlite"))
    assert_as_stored(found)
    first.drtool("sweep")
    (ROOT / "documents" / "letters" / "5.txt").write_text("spoilt\n")
    (entry,) = first.json("restore", "documents", "--workload", DOCUMENTS, "--yes", codes=AS_OLD_AS_IT_IS)["sets"]
    assert_good(entry)
    assert_as_stored(ROOT / "documents")


def test_what_its_killed_runs_owe_is_swept(first: First) -> None:
    assert not (ROOT / "documents").exists()
    first.drtool("sweep")
    assert_as_stored(ROOT / "documents")
    (kept,) = (path for path in ROOT.glob("documents.before-*") if path.is_dir())
    assert (kept / "letters" / "new.txt").read_text() == "written after the last backup\n"
    assert (kept / "scratch.tmp").exists()
    assert not (ROOT / "stopped").exists(), "the hook `after` of the killed run is owed"
    assert not list(ROOT.glob(".drtool-*"))
    (hold,) = first.json("hold", "list")["holds"]
    assert hold["reason"] == "the year's closing"
    assert first.roles("near")["data"] == 2 * 2 + 1
    assert [view["point"]["complete"] for view in first.points()] == [False, True, True]


def test_it_goes_on(first: First) -> None:
    first.drtool("run")
    views = first.points()
    assert [view["point"]["complete"] for view in views if view["point"]["complete"]] == [True, True, True]
    assert set(views[0]["repositories"]) == {"near", "offsite"}


def test_what_vanishes_of_its_points_is_told_and_brought_again(first: First) -> None:
    """They tell how many members they have, and not how many artifacts."""
    newest = first.points()[NEWER]["point"]["point"]
    tags = f"role=data,point={newest},workload=billing"
    (stream,) = json.loads(first.restic("offsite", "snapshots", "--json", "--tag", tags))
    first.restic("offsite", "unlock")
    first.restic("offsite", "forget", stream["id"])
    assert "not whole in offsite" in first.drtool("points", "--refresh")
    first.drtool("copy", codes=(0, 3))
    assert first.points()[NEWER]["not_whole"] == []
    assert len(json.loads(first.restic("offsite", "snapshots", "--json", "--tag", tags))) == 1
