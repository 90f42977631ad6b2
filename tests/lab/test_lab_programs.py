from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.lab.truenas.exports import write_programs
from drtool.lab.truenas.run import Started
from drtool.lab.truenas.shell import write_shell
from drtool.policy.load import load
from drtool.runners.local import LocalRunner


def version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout


def test_started_again_behind_its_own_and_another_mount_program_it_finds_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = version("mount")
    earlier = [write_programs(str(tmp_path / name)) for name in ("lab", "other")]
    monkeypatch.setenv("PATH", os.pathsep.join([*earlier, os.environ["PATH"]]))
    for name in ("lab", "other"):
        assert version(f"{write_programs(str(tmp_path / name))}/mount") == real


def test_its_shell_mounts_with_the_real_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = write_programs(str(tmp_path / "lab"))
    monkeypatch.setenv("PATH", os.pathsep.join([earlier, os.environ["PATH"]]))
    if not write_shell(str(tmp_path / "lab"), runner=LocalRunner()):
        pytest.skip("its shell needs root and an SSH server")
    assert earlier not in (tmp_path / "lab" / "ssh" / "bin" / "mount").read_text()


def test_its_policy_has_a_place_in_the_sandbox_for_whatever_it_protects(tmp_path: Path) -> None:
    started = Started("wss://localhost:1/api/current", "", "/c.pem", "", "/w.key", "/a.key", "", str(tmp_path), "tank")
    file = tmp_path / "policy.yaml"
    file.write_text(started.policy())
    policy = load((str(file),), KINDS)
    protected = {protect.source for each in policy.sets.values() for protect in each.protect}
    assert protected == set(policy.sandboxes["lab"].places)
