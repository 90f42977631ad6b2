"""The benchmark runs to its end, at a size that says nothing about speed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import restic, zfs
from tests.rig.missing import tool

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_prints_its_table(home: Path) -> None:
    tool("openssl", package="openssl")
    sizes = {"gib": 0.005, "rounds": 1, "workloads": 3, "restored": 2, "points": 20, "paper-workloads": 100, "paper-points": 1000}
    words = [f"--{name}={value}" for name, value in sizes.items()]
    command = [sys.executable, str(ROOT / "benchmarks" / "speed.py"), f"--restic={restic.binary(restic.NEWEST)}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:58].strip(): line[58:].split() for line in done.stdout.splitlines()[1:]}
    assert rows["its listing calls"] == ["1"]
    assert len(rows["first backup of the tree, s"]) == 3
    assert len(rows["3 small workloads / a shell loop, s"]) == 3
    assert len(rows["restore of 2 workloads in place / a loop and a sync, s"]) == 3
    assert len(rows["the same, bare restic and a sync behind it"]) == 3
    assert "`drtool status` with 20 points, CPU ms" in rows
    assert "plan of 100 workloads, 1000 points, CPU s" in rows


def test_the_benchmark_of_forecasts_prints_each_beside_what_it_took(home: Path) -> None:
    words = ["--scale=0.02", "--measured=3", "--forecast=1", f"--restic={restic.binary(restic.NEWEST)}"]
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / "forecast.py"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[1] for row in rows if row[0].startswith("m3-")] == ["warm", "cold"]
    assert done.stdout.count("within the p90") == 2


def test_the_benchmark_of_locks_asks_for_each_once(home: Path) -> None:
    argv = [sys.executable, "-m", "benchmarks.immutable", "--objects=1200"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:12].strip(): line[14:].split() for line in done.stdout.splitlines()[1:]}
    needed, requests, locks = map(int, rows["first audit"][:3])
    pages, others = 2 + 4 + 1, 3  # of packs two, of each other part one, of the index once more; and how the bucket is
    assert (needed, locks, requests) == (1302 + 1, 1302 + 1, 1303 + pages + others)
    assert rows["second audit"][:3] == [str(needed), str(pages + others), "0"]


@pytest.fixture(scope="module")
def zfs_programs() -> str:
    """Asked for before a test changes the environment."""
    return zfs.programs()


@zfs.ALONE
@pytest.mark.timeout(600)
def test_the_benchmark_of_a_nas_finds_everything_again(zfs_programs: str, home: Path) -> None:
    for program in ("rsync", "getfacl", "setfacl"):
        tool(program, package={"rsync": "rsync"}.get(program, "acl"))
    words = ["--circle", "--many", "--files=50", "--gib=0.002", "--datasets=6", f"--restic={restic.binary(restic.NEWEST)}"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "truenas.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DRTOOL_ZFS_PROGRAMS": zfs_programs},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:52].strip(): line[52:].split() for line in done.stdout.splitlines()}
    assert rows["differences by rsync -aHAXc, getfacl, sha256"] == ["0"], done.stdout
    assert rows["control: one attribute changed, differences"] == ["1"], done.stdout
    assert rows["left behind after the sweep"] == ["0"]
    assert done.stdout.count("5 of 5 checks passed") == 2
    assert rows["pool.snapshot.create"] == ["1", "0.17"]
    assert int(rows["run: calls, per dataset"][0]) <= 26 + 11 * 6  # a few for the run, and so many for each


def test_hosts_that_share_a_repository_lose_nothing(home: Path) -> None:
    """Two of them, for a quarter of a minute, with calls that are killed; the program judges itself by bare restic."""
    words = ["--minutes=0.25", "--hosts=2", "--one-in=3", f"--restic={restic.binary(restic.NEWEST)}"]
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / "hosts.py"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "errors: 0" in done.stdout
    assert "; lost: 0" in done.stdout
    assert "restic check --read-data: no errors were found" in done.stdout
    assert "is gone and taken over by host 0" in done.stdout
