"""The demonstration keeps its word, and leaves nothing behind."""

from __future__ import annotations

import os
import re
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
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines()[-7:])
    assert told["drill from off-site"].startswith("succeeded, opened with the escrowed key ")
    detected, injected = re.findall("[0-9]+", told["negative control"])
    assert detected == injected
    assert told["evidence"].startswith('Good "drtool.evidence" signature for demo')
    page = Path(told["report of the drill"])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    page.unlink()
    assert {"realised RTO", "checks passed", "the restored tree equals the lost one"} <= told.keys()
    assert not list(temporary.iterdir())
