"""A pin whose restore was stopped or killed while it was written: restic may have written it all the same, and nothing waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.cli.test_bare_machine import Bare, bare
from tests.cli.test_end_to_end import ROOT, machine

__all__ = ["bare", "machine"]
_LONGEST = 120.0
WRAPPER = """#!/bin/sh
case " $* " in *role=hold*)
  if mv {place}/armed {place}/taken 2>/dev/null; then
    {restic} "$@"; : >{place}/written; exec sleep 600
  fi;;
esac
exec {restic} "$@"
"""


def stopped(bare: Bare, number: int, folder: Path) -> tuple[int, str]:
    """End a restore right after restic has written its pin, and before it told that."""
    wrapper = folder / "restic"
    wrapper.write_text(WRAPPER.format(place=folder, restic=bare.machine.restic))
    wrapper.chmod(0o755)
    (folder / "armed").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DRTOOL_", "RESTIC_"))}
    environment |= {"PYTHONPATH": str(ROOT), "DRTOOL_STATE_DIR": str(bare.folder / "state")}
    words = [*bare.machine.arguments("restore", "--yes", *bare.options), "--restic", str(wrapper)]
    running = subprocess.Popen(words, env=environment, cwd=bare.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + _LONGEST
    while not (folder / "written").exists():
        assert time.monotonic() < end
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    os.kill(running.pid, number)
    told = running.communicate(timeout=_LONGEST)[0]
    return running.returncode, told


def test_a_pin_that_was_written_though_told_to_stop_is_released(bare: Bare, tmp_path: Path) -> None:
    code, told = stopped(bare, signal.SIGINT, tmp_path)
    assert code == 128 + signal.SIGINT, told
    assert "held until" not in bare.told("points"), told


def test_a_sweep_releases_the_pin_of_a_killed_restore_on_a_bare_machine(bare: Bare, tmp_path: Path) -> None:
    code, _told = stopped(bare, signal.SIGKILL, tmp_path)
    assert code == -signal.SIGKILL
    assert "held until" in bare.told("points")
    swept = bare.call("sweep", *bare.options)
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert "held until" not in bare.told("points"), swept.stdout + swept.stderr
