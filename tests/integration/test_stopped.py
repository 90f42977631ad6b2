"""A run that is stopped or killed: what it was doing is told in words, what it left is told, and what to type is the right thing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("home")
_LONGEST = 300.0
WRAPPER = """#!/bin/sh
if test -e {place}/hang; then
  case " $* " in *" $(cat {place}/hang) "*) : >{place}/hangs; exec sleep 600;; esac
fi
exec {restic} "$@"
"""


@pytest.fixture
def slow(machine: Machine, tmp_path: Path) -> Machine:  # noqa: F811 - a fixture
    """A machine whose restic stands still at the word that is written down."""
    wrapper = tmp_path / "restic"
    wrapper.write_text(WRAPPER.format(place=tmp_path, restic=machine.restic))
    wrapper.chmod(0o755)
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("    copies: [offsite]\n", "").replace("from: offsite", "from: near"))
    machine.done("init")
    machine.done("run")
    return replace(machine, restic=wrapper)


def _hanging(machine: Machine, word: str, *arguments: str) -> subprocess.Popen[str]:  # noqa: F811
    (machine.directory / "hang").write_text(word)
    running = subprocess.Popen(
        machine.arguments(*arguments),
        env=machine.environment(),
        cwd=machine.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + _LONGEST
    while not (machine.directory / "hangs").exists():
        assert time.monotonic() < end
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    return running


def _ended(machine: Machine, running: subprocess.Popen[str], number: int) -> str:  # noqa: F811
    os.kill(running.pid, number)
    told = running.communicate(timeout=_LONGEST)[0]
    (machine.directory / "hang").unlink()
    (machine.directory / "hangs").unlink()
    return told


@pytest.fixture
def staged(slow: Machine) -> Iterator[Machine]:
    """Ends what a killed run left running."""
    yield slow
    slow.call("sweep")


def _stagings(machine: Machine) -> list[Path]:  # noqa: F811
    return sorted(machine.directory.glob(".drtool-*"))


def test_a_look_that_is_stopped_says_what_was_looked_at(slow: Machine) -> None:
    running = _hanging(slow, "snapshots", "run")
    told = _ended(slow, running, signal.SIGINT)
    assert running.returncode == 130
    assert "interrupted  drtool was told to stop while reading what lies in near" in told
    assert "was stopped" not in told
    assert "Trying again is harmless." in told


def test_a_restore_that_is_stopped_tells_what_it_leaves_and_to_type_it_again(staged: Machine) -> None:
    running = _hanging(staged, "restore", "restore", "documents", "--yes")
    told = _ended(staged, running, signal.SIGINT)
    assert running.returncode == 130, told
    name = f"here:{staged.data}"
    # It is pinned beside: which of the two still is under way by the time that this is said, nobody knows.
    doing = rf"(?:placing a hold in near|restoring {re.escape(name)})"
    assert re.search(
        rf"told to stop: (?:{doing}(?:, {doing})?: that is ended|nothing more is begun), then what this run made is tidied up", told
    )
    assert f"drtool was told to stop while restoring {name}" in told
    assert f"{name}: what was restored until then is left in a staging folder: drtool sweep removes it" in told
    assert "next: the same command again" in told
    assert "drtool points" not in told
    assert _stagings(staged)
    assert "died" not in staged.call("status").stdout
    staged.done("sweep")
    assert not _stagings(staged)
    staged.done("restore", "documents", "--yes")


def test_a_run_that_was_killed_is_told_by_whoever_looks_until_it_is_swept(staged: Machine) -> None:
    running = _hanging(staged, "restore", "restore", "documents", "--yes")
    for verb in ("status", "doctor"):
        alive = staged.call(verb).stdout
        assert "died" not in alive, alive
    _ended(staged, running, signal.SIGKILL)
    words = r"the restore of documents begun \S+ \S+ UTC died, and what it left was not tidied up yet"
    status = staged.call("status", "--check")
    assert status.returncode == 1
    assert re.search(words, status.stdout)
    assert "  next: drtool sweep\n" in status.stdout
    assert "all well" not in status.stdout
    doctor = staged.call("doctor").stdout
    assert re.search(words, doctor)
    assert "drtool sweep" in doctor
    staged.done("sweep")
    for verb in ("status", "doctor"):
        assert "died" not in staged.call(verb).stdout
    assert not _stagings(staged)


def test_the_name_of_something_stored_is_short_on_screens(slow: Machine) -> None:
    running = _hanging(slow, "--stdin-filename", "run")  # its data is stored, and its manifest not yet
    _ended(slow, running, signal.SIGKILL)
    (slow.data / "letter.txt").write_text("later")
    told = slow.call("sweep", "--verbose")
    everything = told.stdout + told.stderr
    assert "unsealed" in everything
    assert re.search(r"unsealed/[0-9a-f]{8}…", everything), everything
    assert not re.search(r"[0-9a-f]{64}", everything), everything
