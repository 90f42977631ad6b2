"""What doctor says before anything was made, and a set whose folder is emptied while it is read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


def test_a_repository_that_was_never_made_is_told_as_that(machine: Machine, restic_oldest: Path) -> None:
    for name in ("near", "offsite"):
        (machine.directory / f"{name}.key").unlink(missing_ok=True)
    first = replace(machine, restic=restic_oldest).call("doctor")
    assert first.returncode == 1
    assert "Refused" not in first.stdout
    for name in ("near", "offsite"):
        assert f"it is not there yet: neither {machine.directory / name}" in first.stdout
        assert f"drtool init {name}" in first.stdout
    assert first.stdout.count("holes in sparse files") == 1, "of one restic once, however many repositories it opens"


def test_what_lies_at_its_place_is_never_taken_for_nothing(machine: Machine) -> None:
    machine.done("init", "--quiet")
    (machine.directory / "near.key").rename(machine.directory / "near.kept")
    told = machine.call("doctor", "near").stdout
    assert "drtool init" not in told
    assert "near.key" in told
    shutil.rmtree(machine.directory / "near")
    (machine.directory / "near").mkdir()
    assert "drtool init near" in machine.call("doctor", "near").stdout


@pytest.mark.parametrize("allowed", [True, False])
def test_a_folder_that_is_emptied_meanwhile_may_be_empty_where_the_policy_says_so(machine: Machine, allowed: bool) -> None:  # noqa: FBT001
    policy = machine.directory / "policy.yaml"
    word = ", allow_empty: true" if allowed else ""
    policy.write_text(policy.read_text().replace(f"paths: [{machine.data}]", f"paths: [{machine.data}]{word}"))
    machine.done("init", "--quiet")
    emptying = machine.directory / "restic"
    emptying.write_text(f'#!/bin/sh\ncase " $* " in *" backup "*) rm -rf {machine.data}/*;; esac\nexec {machine.restic} "$@"\n')
    emptying.chmod(0o755)
    ran = replace(machine, restic=emptying).call("run")
    told = ran.stdout + ran.stderr
    assert (ran.returncode == 0) is allowed, told
    assert "none of it was stored" in told
    assert ("the policy allows that" in told) is allowed
    assert ("allow_empty: true" in told) is not allowed
