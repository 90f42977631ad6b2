"""What a person sees of points that are not ours, and what he has to say before one goes in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def test_strangers_are_told_everywhere_and_stop_nothing(world: KeyWorld) -> None:
    thief = Thief(world)
    forged = thief.fresh(thief.rows("manifest")[0])
    status = drtool(world, "world", "status", "--refresh", "--check")
    assert status.returncode == 1
    assert "1 point of documents in the name of keyed sealed by nobody of ours" in status.stdout
    points = drtool(world, "world", "points")
    assert forged in points.stdout.partition("Not ours")[2]
    assert forged not in points.stdout.partition("Not ours")[0]
    doctor = drtool(world, "world", "doctor")
    assert doctor.returncode != 0
    assert "sealed by nobody of ours" in doctor.stdout
    grown(world, "more")
    run = drtool(world, "world", "run")
    assert run.returncode == 0
    assert "sealed by nobody of ours" in run.stderr


def test_a_strangers_point_goes_in_place_only_by_an_answer(world: KeyWorld, tmp_path: Path) -> None:
    thief = Thief(world)
    genuine = thief.rows("manifest")[0]
    forged = thief.fresh(genuine)
    for data in thief.rows("data"):
        thief.copy_data(data, forged)
    plan = drtool(world, "world", "plan", "restore", "documents")
    assert forged in plan.stdout
    assert "newer and left aside: it bears no signature" in plan.stdout
    refused = drtool(world, "world", "restore", "documents", "--point", forged, "--yes")
    assert refused.returncode == 6
    assert "is not ours" in refused.stderr
    assert "safe: nothing was changed" in refused.stderr
    taken = drtool(
        world, "world", "restore", "documents", "--point", genuine.labels["point"], "--to", "directory", str(tmp_path / "out"), "--yes"
    )
    assert taken.returncode == 0, taken.stderr


def test_a_rebuilt_machine_drills_at_once_and_restores_after_an_adoption(world: KeyWorld, tmp_path: Path) -> None:
    gone = world.app().machine()
    machine(world, "rebuilt")
    refused = drtool(world, "rebuilt", "restore", "documents", "--yes")
    assert refused.returncode == 1
    assert f"drtool adopt {gone}" in refused.stderr
    _advises_to_look_first(world, tmp_path, gone)
    assert drtool(world, "rebuilt", "drill", "documents").returncode == 0
    listed = drtool(world, "rebuilt", "adopt")
    assert gone in listed.stdout
    assert "(seen first here; compare it)" in listed.stdout
    assert drtool(world, "rebuilt", "adopt", gone).returncode == 6
    assert drtool(world, "rebuilt", "adopt", gone, "--yes").returncode == 0
    assert "adopt" in drtool(world, "rebuilt", "history").stdout
    assert drtool(world, "rebuilt", "restore", "documents", "--yes").returncode == 0
    status = drtool(world, "rebuilt", "status", "--refresh")
    assert "drill" in status.stdout


def _advises_to_look_first(world: KeyWorld, tmp_path: Path, gone: str) -> None:
    """What has just lost its state is told to adopt, never to run; and a point it was shown is known by its id."""
    (theirs,) = (row.labels["point"] for row in Thief(world).rows("manifest"))
    points = drtool(world, "rebuilt", "points").stdout
    assert "1 point lies here that another machine of this name made (new state directory?).  next: drtool adopt" in points
    assert theirs in points
    for told in (points, drtool(world, "rebuilt", "status").stdout, drtool(world, "rebuilt", "history").stdout):
        assert "next: drtool run" not in told
    assert "next: drtool adopt" in drtool(world, "rebuilt", "status").stdout
    for verb in ("show", "ls"):
        refused = drtool(world, "rebuilt", verb, theirs)
        assert refused.returncode == 1
        assert f"{theirs} is not ours: another machine, {gone}, made it" in refused.stderr
        assert f"drtool adopt {gone}" in refused.stderr
    taken = drtool(world, "rebuilt", "restore", "--point", theirs, "--to", "directory", str(tmp_path / "taken"), "--yes")
    assert taken.returncode == 0, taken.stderr
    assert any(each.is_file() for each in (tmp_path / "taken").rglob("*"))


def test_a_bare_machine_takes_the_only_machine_or_asks_which(world: KeyWorld, tmp_path: Path) -> None:
    bare = ("restore", "--repository", str(world.repository), "--password-file", str(world.live), "--to", "directory")
    alone = drtool(world, "bare", *bare, str(tmp_path / "alone"), "--yes")
    assert alone.returncode == 0, alone.stderr
    other = machine(world, "copied")
    grown(world, "theirs")
    assert other.run().outcome == "succeeded"
    asked = drtool(world, "bare", *bare, str(tmp_path / "asked"), "--yes")
    assert asked.returncode == 1
    first = world.app().machine()
    for name in (first, other.machine(), "--machine"):
        assert name in asked.stderr
    for name, theirs in ((first, False), (other.machine(), True)):
        chosen = drtool(world, "bare", *bare, str(tmp_path / name), "--machine", name, "--yes")
        assert chosen.returncode == 0, chosen.stderr
        assert bool(list((tmp_path / name).rglob("theirs.txt"))) is theirs


def test_an_id_that_changes_at_each_run_is_noticed(world: KeyWorld) -> None:
    for name in ("pod-1", "pod-2"):
        grown(world, name)
        assert machine(world, name).run().outcome == "succeeded"
    doctor = drtool(world, "world", "doctor")
    assert "$DRTOOL_MACHINE" in doctor.stdout
