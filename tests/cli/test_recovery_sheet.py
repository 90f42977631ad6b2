"""The recovery sheet: what it says to keep is enough, and its command is whole."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from drtool.cli.recovery_sheet import sheet_lines
from drtool.model.policy import Policy
from tests.cli.test_end_to_end import Machine, machine
from tests.docs.small_policy import make_small_policy
from tests.integration.test_look_inside import arguments, environment
from tests.planning.planning_values import NOW, policy
from tests.rig.sshd import SshServer

__all__ = ["machine"]


def sheet(location: str, ssh_config: str = "", **environment: str) -> str:
    given = policy()
    near = given.repositories["near"]
    address = replace(near.address, location=location, ssh_config=ssh_config, environment=environment)
    changed: Policy = replace(given, repositories={"near": replace(near, address=address)})
    return "\n".join(sheet_lines(changed, (), at=NOW))


def test_an_sftp_repository_is_reached_with_its_settings() -> None:
    told = sheet("sftp:pi:/srv/backup", "/etc/drtool/ssh config")
    assert "drtool restore --repository sftp:pi:/srv/backup --password-file KEYFILE --ssh-config SSHCONFIG" in told
    assert "/etc/drtool/ssh config is its SSHCONFIG: keep a copy" in told


def test_one_without_settings_of_its_own_says_what_of_ssh_to_keep() -> None:
    told = sheet("sftp:pi:/srv/backup")
    assert "--ssh-config" not in told
    assert "known_hosts" in told
    assert "ssh" not in sheet("/srv/backup")


def test_what_restic_is_told_besides_is_kept_too() -> None:
    told = sheet("rest:https://backup.example.org/home", RESTIC_REST_PASSWORD="file:/etc/drtool/user")
    assert "and RESTIC_REST_PASSWORD from file:/etc/drtool/user" in told
    assert "export them by these names on a bare machine" in told
    assert "export them" not in sheet("/srv/backup")


def test_the_remote_of_rclone_is_kept_with_its_configuration() -> None:
    assert "rclone config file" in sheet("rclone:dropbox:drtool")
    assert "rclone config file" not in sheet("rclone:dropbox:drtool", RCLONE_CONFIG="/etc/drtool/rclone.conf")
    assert "rclone" not in sheet("/srv/backup")


def test_the_command_of_the_sheet_restores_over_sftp(home: Path, tmp_path: Path, restic_newest: Path, ssh_server: SshServer) -> None:
    """Nothing but the sheet, the key and the settings that it names is used; without those it says what is missing."""
    small = make_small_policy(tmp_path)
    body = json.loads(small.path.read_text())
    location = ssh_server.address(tmp_path / "over-there")
    body["repositories"]["near"] = {"restic": location, "password": f"file:{small.key}", "ssh_config": str(ssh_server.config)}
    small.path.write_text(json.dumps(body))
    told = ""
    for verb in ("init", "run"):
        done = subprocess.run(arguments(small, restic_newest, verb), env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told += done.stdout
    (line,) = [line for line in told.splitlines() if "on a bare machine: drtool" in line and "sftp:" in line]
    words = shlex.split(line.partition("drtool ")[2].replace("KEYFILE", str(small.key)).replace("SSHCONFIG", str(ssh_server.config)))
    there = {**os.environ, "DRTOOL_STATE_DIR": str(tmp_path / "bare-state")}
    argv = [*arguments(small, restic_newest)[:3], *words, "--restic", str(restic_newest)]
    out = tmp_path / "out"
    done = subprocess.run(
        [*argv, "--to", "directory", str(out), "--yes"], env=there, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert list(out.rglob("7.txt"))
    without = [word for word in argv if word not in ("--ssh-config", str(ssh_server.config))]
    shut = subprocess.run([*without, "--yes"], env=there, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (shut.returncode != 0, "--ssh-config FILE" in shut.stderr, "drtool doctor" in shut.stderr) == (True, True, False), shut.stderr
    assert f"the repository {location}" in shut.stderr


def test_it_goes_to_standard_output_when_repositories_are_made_and_whenever_it_is_asked_for(machine: Machine) -> None:
    made = machine.call("init", "--quiet")
    assert "Recovery sheet of homelab" in made.stdout, made.stderr
    asked = machine.call("key", "sheet")
    assert asked.returncode == 0, asked.stderr
    first, second = made.stdout.splitlines(), asked.stdout.splitlines()
    today = r"Recovery sheet of homelab, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: print it, .*"
    assert re.fullmatch(today, first[1]), first
    assert re.fullmatch(today, second[1]), second
    assert [line for line in second if "no other key opens it" not in line][2:] == first[2:]
    safe = machine.directory / "safe.key"
    machine.done("key", "add", "offsite", "--file", str(safe), "--name", "the safe")
    told = machine.call("key", "sheet").stdout.splitlines()
    (key,) = (key for key in machine.json("key", "list")["keys"][1]["keys"] if not key["current"])
    (escrow,) = (number for number, text in enumerate(told) if f"the key {key['id']} (drtool@the safe)" in text)
    assert "opens it too, never proven" in told[escrow]
    assert any(text.startswith("  offsite ") for text in told[:escrow])
    shutil.rmtree(machine.directory / "near")
    assert "which other keys open it could not be asked" in machine.done("key", "sheet"), "a sheet is printed all the same"
    (line,) = (line for line in machine.json("key", "sheet")["recovery_sheet"] if "this machine is" in line)
    assert line in asked.stdout
