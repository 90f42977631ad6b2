"""A restore in place of a set with excludes, by the program: counted before, carried back, asked, told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine  # noqa: F401 - a fixture
from tests.rig.terminal import Terminal

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def excluding(machine: Machine) -> Machine:  # noqa: F811 - a fixture
    policy = machine.directory / "policy.yaml"
    rules = 'exclude: ["*.iso", "/data/media"], exclude_if_present: [.nobackup], exclude_caches: true'.replace("/data", str(machine.data))
    text = policy.read_text().replace(f"paths: [{machine.data}]", f"paths: [{machine.data}], {rules}")
    policy.write_text(text.replace("    copies: [offsite]\n", "").replace("from: offsite", "from: near"))
    for name in ("media/film", "deep/big.iso", "scratch/.nobackup", "scratch/notes/today", "deep/kept"):
        path = machine.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    machine.done("init")
    machine.done("run")
    return machine


def test_a_mount_refuses_before_anything_starts_by_name(excluding: Machine) -> None:
    machine = excluding  # noqa: F811
    if os.system(f"mount -t tmpfs -o size=64k drtool-rig {machine.data}/media") != 0:  # noqa: S605 - our own folder
        pytest.skip("this machine lets nobody mount")
    try:
        refused = machine.call("restore", "documents", "--yes")
    finally:
        os.system(f"umount --lazy {machine.data}/media")  # noqa: S605 - our own folder
    assert refused.returncode == 6
    assert f"{machine.data}/media is a mount point" in refused.stderr
    assert f"drtool restore documents --path {machine.data}/deep" in refused.stderr
    assert sorted(Path(machine.directory).glob("*before*")) == []


def test_a_restore_is_taken_back_by_its_run(excluding: Machine) -> None:
    machine = excluding  # noqa: F811
    (machine.data / "letter.txt").write_text("broken")
    (machine.data / "since then").write_text("newer")
    said = machine.done("restore", "documents", "--yes")
    run = json.loads(machine.done("report", "last", "--json"))["run"]
    assert f"drtool restore --undo {run}" in said
    (machine.data / "media" / "film").write_text("changed since")
    asked = machine.call("restore", "--undo", run)
    assert asked.returncode == 6, "it asks, and there is no terminal"
    assert f"what was there before is kept as {machine.data}.before-" in asked.stderr
    assert (machine.data / "letter.txt").read_text() == "dear"
    told = machine.done("restore", "--undo", run, "--yes")
    assert "is what it was before the restore" in told
    assert (machine.data / "letter.txt").read_text() == "broken"
    assert (machine.data / "since then").exists()
    assert (machine.data / "media" / "film").read_text() == "changed since"
    undo = json.loads(machine.done("report", "last", "--json"))["run"]
    again = machine.call("restore", "--undo", run, "--yes")
    assert again.returncode == 1
    assert f"run {run} was taken back already" in again.stderr
    usage = machine.call("restore", "documents", "--undo", run)
    assert usage.returncode == 2
    taken_back_again(machine, run, undo)


def taken_back_again(machine: Machine, run: str, undo: str) -> None:  # noqa: F811
    """Undo the undo, and that again: each says what is true then."""
    asked = machine.call("restore", "--undo", undo)
    assert f"what run {run} restored is kept as {machine.data}.before-" in asked.stderr
    assert "What was there before that restore is kept aside" in asked.stderr
    told = machine.done("restore", "--undo", undo, "--yes")
    assert f"{machine.data} is what run {run} restored again; what was there before that restore is kept aside as" in told
    assert "is what it was before the restore" not in told
    assert (machine.data / "letter.txt").read_text() == "dear"
    third = json.loads(machine.done("report", "last", "--json"))["run"]
    asked = machine.call("restore", "--undo", third)
    assert f"what was there before is kept as {machine.data}.before-" in asked.stderr
    assert "What was restored is kept aside" in asked.stderr
    told = machine.done("restore", "--undo", third, "--yes")
    assert f"{machine.data} is what it was before the restore; what was restored is kept aside as" in told
    assert (machine.data / "letter.txt").read_text() == "broken"


def test_what_was_kept_is_shown_before_it_is_removed(excluding: Machine) -> None:
    machine = excluding  # noqa: F811
    (machine.data / "since then").write_text("newer")
    (machine.data / "letter.txt").write_text("DEAR")
    machine.done("restore", "documents", "--yes")
    (aside,) = machine.data.parent.glob("data.before-*[!n]")
    files = [path for path in aside.rglob("*") if path.is_file()]
    asked = machine.call("sweep", "--kept")
    assert asked.returncode == 6
    assert "--yes" in asked.stderr
    shown = asked.stderr
    assert str(aside) in shown
    assert f"{len(files)} files of" in shown
    assert "2 files of 9 B of it are not in the newest whole point" in shown
    assert "drtool restore --undo" in shown
    with Terminal(machine.arguments("sweep", "--kept"), width=160, environment=machine.environment()) as terminal:
        terminal.wait_for("Remove it for good? [y/N]")
        terminal.send("n\r")
        assert "Nothing was removed." in terminal.wait_for("Nothing was removed.")
    assert aside.exists()
    machine.done("run")
    assert "not in the newest whole point" in machine.call("sweep", "--kept").stderr
    machine.done("sweep", "--kept", "--yes")
    assert not aside.exists()
    assert "Kept aside" not in machine.done("sweep", "--kept")


def test_what_was_restored_and_not_touched_since_is_not_newer(excluding: Machine) -> None:
    machine = excluding  # noqa: F811
    (machine.data / "link").symlink_to("deep/numbers.bin")
    machine.done("run")
    machine.done("restore", "documents", "--yes")
    planned = machine.done("plan", "restore", "documents")
    assert "newer than the point" not in planned
    assert "3 files (" in planned
    assert "3 files (" in machine.done("plan", "restore", "documents", "--leave-excluded")
    machine.done("restore", "documents", "--yes")
    shown = machine.call("sweep", "--kept").stderr
    assert shown.count("all of it is in the newest whole point") == 2, shown
    (machine.data / "letter.txt").write_text("DEAR")
    planned = machine.done("plan", "restore", "documents")
    assert "1 file (4 B) newer than the point stays aside" in planned
    near = machine.directory / "near"
    near.rename(machine.directory / "away")
    assert machine.call("plan", "restore", "documents").returncode != 0


def test_what_no_point_tells_of_counts_as_not_held(excluding: Machine) -> None:
    machine = excluding  # noqa: F811
    machine.done("restore", "documents", "--yes")
    (machine.directory / "near" / "config").rename(machine.directory / "config")
    asked = machine.call("sweep", "--kept")
    assert asked.returncode == 6
    assert "no whole point holds its place" in asked.stderr


def test_the_folders_above_come_back_as_they_were(machine: Machine) -> None:  # noqa: F811 - a fixture
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace(f"paths: [{machine.data}]", f"paths: [{machine.data}/deep/er]"))
    (machine.data / "deep" / "er").mkdir(parents=True)
    (machine.data / "deep" / "er" / "letter").write_text("dear")
    first, second = (1234, 4321) if os.geteuid() == 0 else (os.getuid(), os.getuid())
    for folder, mode, owner in ((machine.data, 0o710, first), (machine.data / "deep", 0o2750, second)):
        os.chown(folder, owner, -1)
        folder.chmod(mode)
    machine.done("init")
    machine.done("run")
    shutil.rmtree(machine.data)
    machine.done("restore", "documents", "--yes")
    assert (machine.data / "deep" / "er" / "letter").read_text() == "dear"
    above, deep = machine.data.stat(), (machine.data / "deep").stat()
    assert (above.st_mode & 0o7777, above.st_uid) == (0o710, first)
    assert (deep.st_mode & 0o7777, deep.st_uid) == (0o2750, second)
