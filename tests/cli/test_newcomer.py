"""What somebody meets who has just written his first policy: doctor, run and status ask the same, and each says the way out."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine
from tests.rig.disk import full_disk
from tests.rig.terminal import run_in_terminal

__all__ = ["machine"]
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@ROOT_ONLY
def test_a_full_disk_is_told_before_and_after(machine: Machine) -> None:
    with full_disk("24m") as disk:
        policy = machine.directory / "policy.yaml"
        policy.write_text(policy.read_text().replace(f"restic: {machine.directory}/near", f"restic: {disk}/near"))
        machine.done("init", "--quiet")
        before = machine.done("doctor", "near")
        assert re.search(r"✔ +near: space +\d+\.\d MiB of 24\.0 MiB are free", before), before
        (machine.data / "film").write_bytes(os.urandom(40 << 20))
        doctor = machine.call("doctor", "near")
        assert doctor.returncode == 1
        assert re.search(r"✖ +near: space .* MiB of 24.0 MiB are free, and at least 40\.\d MiB are to be stored", doctor.stdout), (
            doctor.stdout
        )
        ran = machine.call("run")
        assert ran.returncode != 0
        assert "make room there, or: drtool prune near" in ran.stderr
        told = machine.call("status").stdout
        assert "is full" in told
        assert "next: make room there, or: drtool prune near" in told
        assert "next: drtool run documents" not in told


def test_before_init_everybody_says_init(machine: Machine) -> None:
    for name in ("near", "offsite"):
        (machine.directory / f"{name}.key").unlink()
    ran, told = machine.call("run"), machine.call("status")
    assert ran.returncode != 0
    assert "drtool init near" in ran.stderr
    assert "next: drtool init near" in told.stdout
    assert "No such file or directory" not in told.stdout + ran.stderr
    assert "drtool init near" in machine.call("status", "--refresh").stdout
    machine.done("init")
    machine.done("run")


def test_the_disk_of_a_new_repository_need_not_have_its_folder_yet(machine: Machine) -> None:
    (machine.directory / "near.key").unlink()
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace(f"restic: {machine.directory}/near", f"restic: {machine.directory}/srv/backup/near"))
    told = machine.call("doctor", "near").stdout
    assert "drtool init near; if it was made before: mount its disk" in told
    assert "drtool init near" in machine.call("run").stderr


def test_an_init_that_failed_half_way_prints_the_sheet_of_what_it_made(machine: Machine) -> None:
    policy = machine.directory / "policy.yaml"
    whole = policy.read_text()
    policy.write_text(whole.replace(f"restic: {machine.directory}/offsite", "restic: sftp:nobody@127.0.0.1:/srv/offsite"))
    (machine.directory / "offsite.key").unlink()
    (machine.directory / "near.key").unlink()
    programs = machine.directory / "bin"
    programs.mkdir()
    refusing = "echo 'No ED25519 host key is known for nas.' >&2; echo 'Host key verification failed.' >&2; exit 255"
    (programs / "ssh").write_text(f'#!/bin/sh\ncase " $* " in *" -G "*) echo proxycommand here; exit 0;; esac\n{refusing}\n')
    (programs / "ssh").chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{path}"
    try:
        made = machine.call("init")
        doctor = machine.call("doctor", "offsite")
    finally:
        os.environ["PATH"] = path
    assert made.returncode != 0
    assert "Recovery sheet of homelab" in made.stdout
    assert f"{machine.directory}/near.key" in made.stdout
    assert "offsite was not made: the next `drtool init`" in made.stderr
    assert not (machine.directory / "offsite.key").exists()
    assert doctor.returncode == 1
    assert "Host key verification failed" in doctor.stdout
    assert "compare the fingerprint" in doctor.stdout
    policy.write_text(whole)
    assert "offsite.key" in machine.done("init")


def test_a_repository_that_is_away_is_not_known(machine: Machine) -> None:
    machine.done("init", "--quiet")
    machine.done("run")
    for name in ("near", "offsite"):
        (machine.directory / name).rename(machine.directory / f"{name}.away")
    told = machine.done("status", "--refresh")
    row = next(line for line in told.splitlines() if line.startswith("documents"))
    assert row.count("not known") >= 3
    assert "never" not in row
    assert "none" not in row
    assert "has no complete recovery point" not in told


def test_looking_tells_of_a_state_that_anybody_may_write(machine: Machine) -> None:
    machine.done("init", "--quiet")
    state = machine.directory / "state"
    state.mkdir()
    state.chmod(0o777)
    for verb in ("status", "points", "history"):
        looked = machine.call(verb, "--state-directory", str(state))
        assert looked.returncode == 0, looked.stderr
        assert f"chmod go-w {state}" in looked.stderr, verb
    assert machine.call("run", "--state-directory", str(state)).returncode == 6


def test_a_report_that_cannot_be_left_is_refused_before_anything_starts(machine: Machine) -> None:
    machine.done("init", "--quiet")
    absent = machine.directory / "absent" / "d.xml"
    refused = machine.call("run", "--report", f"junit={absent}")
    assert refused.returncode == 2
    assert "there is no folder" in refused.stderr
    assert not absent.parent.exists()
    assert machine.json("points")["points"] == []
    machine.done("run", "--report", f"junit={machine.directory}/d.xml")
    assert (machine.directory / "d.xml").exists()


def test_nothing_due_is_silent_at_a_terminal(machine: Machine) -> None:
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace("keep: {last: 3}", 'keep: {last: 3}, schedule: "0 3 1 1 *"'))
    policy.write_text(policy.read_text().replace("    keep: {last: 3}, schedule", "    keep: {last: 3}\n    schedule"))
    machine.done("init", "--quiet")
    machine.done("run", "--due")
    idle = run_in_terminal(machine.arguments("run", "--due"), environment=machine.environment())
    assert (idle.exit_code, idle.text.strip()) == (0, "")


def test_where_there_is_no_policy_the_remedy_is_told_once(tmp_path: Path, restic_newest: Path) -> None:
    bare = replace(Machine(tmp_path, restic_newest))
    shutil.rmtree(tmp_path / "policies", ignore_errors=True)
    told = bare.call("status", "--policy", str(tmp_path / "absent.yaml")).stderr
    assert f"{tmp_path}/absent.yaml: there is nothing here" in told
    assert told.count("look at the spelling") == 1
    assert ":1:1" not in told
