"""What may be imported by what, and what a quick answer may not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"pydantic", "pydantic_core", "ruamel", "croniter", "cryptography", "rich"}
POLICY = """\
drtool: 1
name: quick
repositories:
  near: {{restic: {directory}/repository, password: "file:{directory}/key"}}
sources:
  here: {{files: {{}}}}
sets:
  documents:
    protect: [{{here: {{paths: [{directory}]}}}}]
    to: near
    keep: {{last: 3}}
"""


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages that a call of the program imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "drtool.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("restore", "--help"), ("hold", "--help")])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) & HEAVY == set()


def test_help_loads_no_verb() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "drtool.cli.main", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "drtool.app" not in result.stderr
    assert "drtool.cli.run" not in result.stderr


def test_status_loads_nothing_heavy_once_the_policy_is_compiled(home: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    loaded_by("--policy", str(policy), "validate")
    assert loaded_by("--policy", str(policy), "status") & HEAVY == set()


def test_the_layers_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stdout
