"""Dates that restic cannot keep are told at the run and make no drill red; dates in the future satisfy no check."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from drtool.checks.files import FilesCheck
from drtool.checks.sql import SqlCheck
from drtool.model.dates import is_kept
from drtool.model.outcome import Outcome
from drtool.model.plan import Restored
from tests.integration.key_world import LIVE, KeyWorld, make_key_world
from tests.integration.test_checks import INSTANT, ask, restored

__all__ = ["restored"]

FAR = 400_000_000_000
"""The year 14645."""


@pytest.fixture
def world(every_restic: Path) -> Iterator[KeyWorld]:
    """On a file system in memory, which keeps any date."""
    root = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield make_key_world(root, every_restic, backed_up=False)
    shutil.rmtree(root)


def test_a_date_that_restic_cannot_keep(world: KeyWorld) -> None:
    file = world.tree / "letters" / "1.txt"
    os.utime(file, (FAR, FAR))
    assert file.stat().st_mtime == FAR
    app = world.app()
    report = app.run()
    assert report.outcome is Outcome.SUCCEEDED
    assert "restores another date" in str(report)
    drilled = app.drill(["documents"])
    assert drilled.outcome is Outcome.SUCCEEDED, drilled.sets


def test_what_is_kept_is_what_restic_restores(world: KeyWorld) -> None:
    edges = (0, -1, 9_223_372_035, -9_223_372_035, 9_223_372_037, -9_223_372_037, 253_000_000_000, -62_167_219_200, FAR)
    for seconds in edges:
        (world.tree / str(seconds)).touch()
        os.utime(world.tree / str(seconds), (seconds, seconds))
    environment = {"PATH": os.defpath, "HOME": str(world.root), "RESTIC_PASSWORD": LIVE, "RESTIC_REPOSITORY": str(world.repository)}
    for arguments in (("backup", str(world.tree)), ("restore", "latest", "--target", str(world.root / "back"))):
        subprocess.run([world.binary, *arguments], env=environment, check=True, capture_output=True)
    for seconds in edges:
        (restored,) = (world.root / "back").rglob(str(seconds))
        assert (restored.stat().st_mtime == seconds) is is_kept(seconds), seconds


AHEAD = [(timedelta(days=9, minutes=5), True), (timedelta(days=10), False), (timedelta(days=9999), False)]


@pytest.mark.parametrize(("ahead", "passed"), AHEAD)
def test_a_file_dated_in_the_future_is_not_new(restored: Restored, ahead: timedelta, *, passed: bool) -> None:
    there = Path(restored.path, "one")
    os.utime(there, ((INSTANT + ahead).timestamp(),) * 2)
    answer = ask(FilesCheck(), restored, newest_within="30m")
    assert answer.passed is passed
    assert ("in the future" in answer.observed) is not passed


@pytest.mark.parametrize(("ahead", "passed"), AHEAD)
def test_an_answer_dated_in_the_future_is_wrong(restored: Restored, ahead: timedelta, *, passed: bool) -> None:
    ledger = sqlite3.connect(Path(restored.path, "ledger"))
    ledger.execute("create table entry (id integer)")
    ledger.close()
    answer = ask(SqlCheck(), restored, sqlite="ledger", query=f"select '{(INSTANT + ahead).isoformat()}'", expect={"within": "26h"})
    assert answer.passed is passed, answer
