"""Whose a lock is: by age, name, number and time together; and what is started outside of a run is known after a kill, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool import process
from drtool.catalog.runs import Runs
from drtool.engine.clock import SystemClock
from drtool.engine.desk import noting
from drtool.engine.sweep import started_by_a_dead_run
from drtool.model.command import Command
from drtool.repositories.restic.locks import STALE_AFTER, Lock, is_dead
from drtool.runners.local import LocalRunner

HERE = LocalRunner()
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
GONE = 4_194_301  # above what numbers a kernel gives by default, so nobody has it


@contextmanager
def alive() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child.pid
        child.kill()


def lock(pid: int, *, host: str = "machine", minutes: float = 1) -> Lock:
    return Lock("L", host, "root", pid, NOW - timedelta(minutes=minutes), exclusive=True)


@pytest.mark.parametrize("known", [True, False])
def test_age_counts_although_the_number_lives_again(*, known: bool) -> None:
    with alive() as pid:
        for host in ("machine", "another"):
            old = replace(lock(pid, host=host), since=NOW - STALE_AFTER - timedelta(seconds=1))
            assert is_dead(old, runners=(("machine", HERE),), known_dead=lambda _pid, _since: known, now=NOW)
        young = lock(pid, minutes=29)
        assert not is_dead(young, runners=(("machine", HERE),), known_dead=lambda _pid, _since: True, now=NOW)


def test_a_young_lock_needs_a_machine_a_number_and_a_time() -> None:
    here = (("machine", HERE),)
    assert is_dead(lock(GONE), runners=here, known_dead=lambda _pid, _since: True, now=NOW)
    assert not is_dead(lock(GONE), runners=here, known_dead=lambda _pid, _since: False, now=NOW), "a container of the same name"
    assert not is_dead(lock(GONE, host="another"), runners=here, known_dead=lambda _pid, _since: True, now=NOW)
    assert not is_dead(lock(GONE), runners=(), known_dead=lambda _pid, _since: True, now=NOW)


class Elsewhere(LocalRunner):
    """Another machine of the same name, on which no process has any number we ask for."""

    def is_alive(self, pid: int) -> bool:
        return False


def test_two_machines_of_one_name_are_both_asked() -> None:
    with alive() as pid:
        for order in ((HERE, Elsewhere()), (Elsewhere(), HERE)):
            named = tuple(("debian", runner) for runner in order)
            assert not is_dead(lock(pid, host="debian"), runners=named, known_dead=lambda _pid, _since: True, now=NOW)


def test_a_look_leaves_nothing_when_it_ends(tmp_path: Path) -> None:
    with noting(process.Interrupt(), state_directory=str(tmp_path), clock=SystemClock()):
        assert list(Runs(str(tmp_path)).all()) == [], "nothing was started yet"
        HERE.run(Command(("true",)))
        (folder,) = Runs(str(tmp_path)).all()
        assert not folder.is_dead()
        assert [event.data["program"] for event in folder.events()] == ["true"]
    assert list(Runs(str(tmp_path)).all()) == []
    with pytest.raises(KeyError):
        _fail_while_looking(tmp_path)
    assert list(Runs(str(tmp_path)).all()) == []


def _fail_while_looking(state: Path) -> None:
    with noting(process.Interrupt(), state_directory=str(state), clock=SystemClock()):
        HERE.run(Command(("true",)))
        raise KeyError


def test_a_state_directory_that_cannot_be_written_stops_nobody_from_looking(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with noting(process.Interrupt(), state_directory=str(tmp_path / "file"), clock=SystemClock()):
        assert HERE.run(Command(("echo", "here"))).standard_output == b"here\n"


LOOKS = """
import sys
from drtool import process
from drtool.engine.clock import SystemClock
from drtool.engine.desk import noting
from drtool.model.command import Command
from drtool.runners.local import LocalRunner
with noting(process.Interrupt(), state_directory=sys.argv[1], clock=SystemClock()):
    LocalRunner().run(Command(("sh", "-c", "echo $$ >" + sys.argv[1] + "/pid; exec sleep 60")))
"""


def test_what_a_killed_look_started_is_known(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", LOOKS, str(tmp_path)]) as looking:
        until = time.monotonic() + 60
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip()):
            assert time.monotonic() < until
            time.sleep(0.05)
        pid = int((tmp_path / "pid").read_text())
        assert not started_by_a_dead_run(str(tmp_path), pid, datetime.now(UTC)), "it lives"
        looking.send_signal(signal.SIGKILL)
    (folder,) = Runs(str(tmp_path)).unfinished()
    assert folder.is_dead()
    assert folder.report() is None, "no run for the history"
    assert started_by_a_dead_run(str(tmp_path), pid, datetime.now(UTC))
    assert [int(found.handle) for found in process.find_labelled(folder.run)] == [pid], "the sweep finds it by its label"
    os.kill(pid, signal.SIGKILL)
