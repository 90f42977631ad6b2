"""The demonstration keeps its word, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.rig.missing import tool

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"


@pytest.mark.timeout(600)
def test_the_demo_loses_everything_and_gets_it_back(tmp_path: Path) -> None:
    for program in ("restic", "rsync"):
        tool(program, package=program)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run([str(DEMO)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    end = done.stdout.splitlines()[-4:]
    assert end[0] == "drill from off-site: succeeded"
    assert end[1].startswith("realised RTO: ")
    assert end[2].startswith("checks passed: ")
    assert end[3].startswith("the restored tree equals the lost one: ")
    assert not list(temporary.iterdir())
