"""The examples do what they say, one after another on one real policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.small_policy import TEXT, SmallPolicy, make_small_policy
from tests.rig import restic

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def test_the_examples_do_what_they_say(home: Path, tmp_path: Path) -> None:
    small = make_small_policy(tmp_path)
    restic.binary(restic.OLDEST)
    unprotected = _example("status_as_json", small.path)
    assert unprotected.returncode == 1
    _module("drtool.cli.main", "--policy", small.path, "init")

    ran = _example("run_and_report", small.path, "documents")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "documents: succeeded" in ran.stdout

    listed = _example("list_points", small.offsite, small.key)
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 1
    assert "documents complete" in listed.stdout

    _restore_one_file(small, tmp_path / "beside")

    drilled = _example("drill_in_ci", small.path, "monthly")
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    assert "checks passed" in drilled.stdout

    status = json.loads(_example("status_as_json", small.path).stdout)
    assert status["documents"]["copies"] == ["near", "offsite"]
    assert status["documents"]["rto_met"] is True


def test_an_example_fails_when_the_backup_does(home: Path, tmp_path: Path) -> None:
    small = make_small_policy(tmp_path)
    restic.binary(restic.OLDEST)
    ran = _example("run_and_report", small.path)  # there is no repository
    assert ran.returncode == 1
    assert "no point" in ran.stdout or "none" in ran.stdout


def _restore_one_file(small: SmallPolicy, beside: Path) -> None:
    wanted = small.tree / "letters" / "7.txt"
    wanted.unlink()
    restored = _example("restore_one_file", small.path, "documents", wanted, beside)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert Path(f"{beside}/here{wanted}").read_text() == f"7 {TEXT}"
    assert not Path(f"{beside}/here{small.tree}/letters/6.txt").exists()
    assert not wanted.exists()


def _example(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    return _python([str(EXAMPLES / f"{name}.py"), *map(str, words)])


def _module(name: str, *words: object) -> None:
    done = _python(["-m", name, *map(str, words)])
    assert done.returncode == 0, done.stdout + done.stderr


def _python(words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
