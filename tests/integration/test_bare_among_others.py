"""A bare machine in a repository where others write too: strangers, other policies, and whoever damages manifests."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def bare(world: KeyWorld, *arguments: str) -> subprocess.CompletedProcess[str]:
    return drtool(world, "bare", *arguments, "--repository", str(world.repository), "--password-file", str(world.live))


def restored(world: KeyWorld, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return bare(world, "restore", *arguments, "--to", "directory", str(world.root / folder), "--yes")


def test_a_strange_name_stops_nothing(world: KeyWorld) -> None:
    thief = Thief(world)
    genuine = thief.rows("manifest")[0]
    thief.fresh(genuine, by="stranger")
    name = world.app().notary.machine
    for number, arguments in enumerate(((), ("--machine", name), ("documents",), ("--point", genuine.labels["point"]))):
        done = restored(world, f"out{number}", *arguments)
        assert done.returncode == 0, done.stderr
        assert "left aside: stranger" in done.stderr
        assert "signed by nobody" in done.stderr
    listed = bare(world, "points")
    assert (listed.returncode, genuine.labels["point"] in listed.stdout) == (0, True), listed.stderr


def test_a_hostile_manifest_of_a_strange_name_is_not_even_read(world: KeyWorld) -> None:
    thief = Thief(world)
    row = thief.rows("manifest")[0]
    thief.put({**row.labels, "by": "stranger", "signature": "", "digest": hashlib.sha256(b"{}").hexdigest()}, b"{}")
    assert restored(world, "out").returncode == 0


def test_an_unreadable_manifest_gives_way_to_the_one_before_it(world: KeyWorld) -> None:
    thief = Thief(world)
    older = thief.rows("manifest")[0]
    grown(world, "more")
    assert world.app().run().outcome == "succeeded"
    newer = next(row for row in thief.rows("manifest") if row.id != older.id)
    thief.forget(newer)
    thief.put(newer.labels, b"rotten")
    listed = bare(world, "points")
    assert listed.returncode == 0, listed.stderr
    assert f"the manifest of {newer.labels['point']} of documents cannot be read" in listed.stderr
    assert older.labels["point"] in listed.stderr
    taken = restored(world, "older", "--point", older.labels["point"])
    assert taken.returncode == 0, taken.stderr
    refused = restored(world, "newer")
    assert refused.returncode == 5
    assert f"--point {older.labels['point']}" in refused.stderr, refused.stderr


def test_nothing_readable_is_told_as_that(world: KeyWorld) -> None:
    thief = Thief(world)
    row = thief.rows("manifest")[0]
    thief.forget(row)
    thief.put(row.labels, b"rotten")
    assert bare(world, "points").returncode == 5


def test_two_policies_in_one_repository_are_offered(world: KeyWorld) -> None:
    sets = {"letters": world.policy["sets"]["documents"]}
    other = machine(world, "office", name="office", sets=sets, drills={})
    assert other.run().outcome == "succeeded"
    asked = restored(world, "asked")
    assert asked.returncode == 1
    for word in ("keyed on", "office on", world.app().signer().fingerprint, other.signer().fingerprint, "--machine keyed"):
        assert word in asked.stderr
    (point,) = other.points()
    for number, arguments in enumerate(
        (("letters",), ("--point", point.point.point), ("--machine", "office"), ("--machine", other.notary.machine))
    ):
        done = restored(world, f"out{number}", *arguments)
        assert done.returncode == 0, done.stderr
    for verb in (("points", "letters"), ("show", "letters"), ("ls", point.point.point), ("diff", "letters", point.point.point)):
        assert bare(world, *verb).returncode == 0
    own = bare(world, "points", "--machine", "keyed")
    assert (own.returncode, point.point.point in own.stdout.partition("Not ours")[0]) == (0, False)
