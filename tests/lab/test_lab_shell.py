from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.model.command import Command
from drtool.model.errors import Unavailable
from drtool.policy.load import load
from drtool.runners.ssh import SshRunner
from tests.rig.truenas_lab import Lab, running_lab

SIZE = 1 << 20


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("its shell shows paths of its own, which needs root")
    with running_lab(tmp_path, volume=SIZE) as running:
        yield running


def said(lab: Lab, *argv: str) -> tuple[int, bytes]:
    ssh = lab.ssh()
    completed = SshRunner(name="nas", host=ssh["ssh"], ssh_config=ssh["ssh_config"]).run(Command(argv))
    return completed.exit_code, completed.standard_output


def mounts(lab: Lab) -> list[str]:
    """What is mounted here of the appliance, or where its shell has its own."""
    lines = [line.split(" ")[3:5] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [
        place
        for origin, place in lines
        if lab.started.directory in origin or place.startswith(("/mnt", "/dev/zvol", lab.started.directory))
    ]


def test_its_shell_has_the_paths_of_an_appliance_and_leaves_no_mount(lab: Lab) -> None:
    before = mounts(lab)
    assert said(lab, "ls", "/mnt/tank", "/dev/zvol/tank") == (0, b"/dev/zvol/tank:\ndisk\n\n/mnt/tank:\ndisk\ndocuments\nix-apps\n")
    assert said(lab, "blockdev", "--getsize64", "/dev/zvol/tank/disk") == (0, b"%d\n" % SIZE)
    assert said(lab, "dd", "if=/dev/zvol/tank/disk", "bs=7", "count=1", "status=none") == (0, b"This is")
    assert said(lab, "sh", "-c", "echo to-null >/dev/null; head -c 1 /dev/zero | wc -c") == (0, b"1\n")
    assert mounts(lab) == before
    assert not os.path.exists("/dev/zvol/tank")


def test_another_host_key_is_not_trusted(lab: Lab) -> None:
    assert said(lab, "true") == (0, b"")
    known = Path(lab.started.directory) / "ssh" / "known_hosts"
    known.write_text(known.read_text().replace("nas ", "other "))
    with pytest.raises(Unavailable, match=r"[Hh]ost key"):
        said(lab, "true")


def test_its_policy_names_the_shell_and_the_volume(lab: Lab, tmp_path: Path) -> None:
    lab.ssh()
    file = tmp_path / "p.yaml"
    file.write_text(lab.started.policy())
    policy = load((str(file),), KINDS)
    assert policy.sources["nas"].settings["ssh_config"] == lab.started.ssh_config
    assert policy.sets["volumes"].protect[0].selector["dataset"] == "tank/disk"
