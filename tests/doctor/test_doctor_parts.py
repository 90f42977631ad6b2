"""What doctor tells of disks, growth, names and programs, where no machine has them all."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drtool.app import scheduling
from drtool.app.doctor import timers, ways
from drtool.app.doctor.disks import disks_of
from drtool.app.scheduling import InstalledTimers, TimerWish
from drtool.engine.limited import within
from drtool.model.errors import TimedOut
from drtool.planning.growing import growing
from drtool.process.limit import pause
from drtool.runners.local import LocalRunner
from tests.planning.planning_values import NOW, point


def system(root: Path, path: Path, *, parts: tuple[str, ...] = (), mount: str = "") -> str:
    """A /sys and a /proc in which the device of a path is what a test says."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    block = root / "sys" / "dev" / "block"
    block.mkdir(parents=True)
    for disk in ("sda", "sdb"):
        (root / "sys" / "devices" / disk / f"{disk}1").mkdir(parents=True)
        (root / "sys" / "devices" / disk / f"{disk}1" / "partition").write_text("1\n")
        (root / "sys" / "devices" / disk / f"{disk}1" / "dev").write_text(f"8:{1 if disk == 'sda' else 17}\n")
        (block / f"8:{1 if disk == 'sda' else 17}").symlink_to(root / "sys" / "devices" / disk / f"{disk}1")
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "mountinfo").write_text(f"30 1 {number} / /x rw - {mount}\n" if mount else "")
    if parts:
        volume = root / "sys" / "devices" / "dm-0"
        (volume / "slaves").mkdir(parents=True)
        for part in parts:
            (volume / "slaves" / part).symlink_to(root / "sys" / "devices" / part[:3] / part)
        (block / number).symlink_to(volume)
    return str(root)


@pytest.mark.parametrize(
    ("parts", "mount", "found"),
    [
        (("sda1",), "", {"sda"}),
        (("sda1", "sdb1"), "", {"sda", "sdb"}),
        ((), "zfs tank/home rw", {"the pool tank"}),
        ((), "nfs4 nas:/export rw", {"the server's share nas:/export"}),
        ((), "", set()),
    ],
)
def test_a_path_lies_on_the_disks_below_it(tmp_path: Path, parts: tuple[str, ...], mount: str, found: set[str]) -> None:
    place = tmp_path / "place"
    place.mkdir()
    root = system(tmp_path / "root", place, parts=parts, mount=mount)
    assert disks_of(str(place / "not" / "there"), root=root) == found


def test_growth_is_told_by_points_that_are_whole_and_old_enough() -> None:
    day = timedelta(days=1)
    points = [replace(point(f"P{age}", NOW - age * day), bytes=(10 - age) << 30) for age in (4, 2, 0)]
    found = growing(points)
    assert found is not None
    assert found.bytes_a_day == 1 << 30
    assert found.words == "its sets grow by 1.0 GiB a day, by 3 points of 4 days"
    assert growing(points[1:]) is None, "two are no direction"
    assert growing([replace(each, complete=False) for each in points]) is None
    assert growing([replace(each, bytes=1) for each in points]) is None


def test_names_of_this_machine_alone(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n192.0.2.7 NAS.example.org nas # the one in the cellar\n")
    assert ways.named_in_hosts("nas.example.org", str(hosts)) == "192.0.2.7"
    assert ways.named_in_hosts("cellar", str(hosts)) == ""
    resolvers = tmp_path / "resolv.conf"
    for text, own in (
        ("nameserver 127.0.0.1\n", "127.0.0.1"),
        ("nameserver 127.0.0.53\n", ""),
        ("nameserver 127.0.0.1\nnameserver 192.0.2.53\n", ""),
        ("", ""),
    ):
        resolvers.write_text(text)
        assert ways.own_resolver(str(resolvers)) == own
    assert ways.is_ours("127.0.0.1")
    assert not ways.is_ours("192.0.2.1")


@pytest.mark.parametrize(("device", "fact", "known"), [("home", "DEVTYPE=wireguard\n", True), ("wg3", "", False)])
def test_a_tunnel_is_known_or_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, fact: str, known: bool) -> None:  # noqa: FBT001
    (tmp_path / "ip").write_text(f"#!/bin/sh\necho '192.0.2.9 via 192.0.2.1 dev {device} src 192.0.2.2'\n")
    (tmp_path / "ip").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = tmp_path / "sys" / "class" / "net" / device
    folder.mkdir(parents=True)
    (folder / "uevent").write_text(fact)
    assert ways.tunnel_to(LocalRunner(), "192.0.2.9", root=str(tmp_path)) == ways.Tunnel(device, known)
    (tmp_path / "ip").write_text("#!/bin/sh\necho '192.0.2.9 dev eth0 src 192.0.2.2'\n")
    assert ways.tunnel_to(LocalRunner(), "192.0.2.9", root=str(tmp_path)) is None


def test_a_drop_in_and_environment_files_are_read(tmp_path: Path) -> None:
    unit, told = tmp_path / "drtool-x-run.service", tmp_path / "environment"
    told.write_text("# what the policy refers to\nS3_ID=abc\nexport EMPTY=\n")
    (tmp_path / "drtool-x-run.service.d").mkdir()
    (tmp_path / "drtool-x-run.service.d" / "own.conf").write_text('[Service]\nUser=backup\nEnvironment="PATH=/opt/bin"\n')
    text = f"EnvironmentFile=-{told}\nEnvironment=DRTOOL_STATE_DIR=/var/lib/drtool\n"
    given = timers.given_by(InstalledTimers(TimerWish(), str(tmp_path), {str(unit): text}))
    assert given.variables == {"S3_ID": "abc", "EMPTY": "", "PATH": "/opt/bin", "DRTOOL_STATE_DIR": "/var/lib/drtool"}
    assert given.paths == (str(told),)


@pytest.mark.parametrize(
    ("booted", "user", "words"),
    [(True, 0, "install"), (True, 7, "install --user"), (False, 0, "install --cron"), (False, 7, "print --cron")],
)
def test_a_remedy_names_timers_that_this_machine_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, booted: bool, user: int, words: str
) -> None:
    monkeypatch.setattr(scheduling, "_SYSTEMD", str(tmp_path if booted else tmp_path / "none"))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    (finding,) = timers._called("of-nobody")
    assert finding.remedy == f"drtool schedule {words}; if something else calls it, all is well"


def test_a_question_that_never_ends_is_left_behind() -> None:
    with pytest.raises(TimedOut, match="asking about a dead disk did not end within"):
        within(lambda: pause(60), seconds=-4.5, what="asking about a dead disk")
    assert within(lambda: 7, seconds=5, what="asking") == 7
