"""The recovery sheet: what it says to keep is enough, and its command is whole."""

from __future__ import annotations

from dataclasses import replace

from drtool.cli.initialise import sheet_lines
from drtool.model.policy import Policy
from tests.planning.planning_values import policy


def sheet(location: str, ssh_config: str = "") -> str:
    given = policy()
    near = given.repositories["near"]
    address = replace(near.address, location=location, ssh_config=ssh_config)
    changed: Policy = replace(given, repositories={"near": replace(near, address=address)})
    return "\n".join(sheet_lines(changed, ()))


def test_an_sftp_repository_is_reached_with_its_settings() -> None:
    told = sheet("sftp:pi:/srv/backup", "/etc/drtool/ssh config")
    assert "drtool restore --repository sftp:pi:/srv/backup --password-file KEYFILE --ssh-config SSHCONFIG" in told
    assert "/etc/drtool/ssh config is its SSHCONFIG: keep a copy" in told


def test_one_without_settings_of_its_own_says_what_of_ssh_to_keep() -> None:
    told = sheet("sftp:pi:/srv/backup")
    assert "--ssh-config" not in told
    assert "known_hosts" in told
    assert "ssh" not in sheet("/srv/backup")
