"""A bare machine in a repository where others write too: strangers, other policies, and whoever damages manifests."""

from __future__ import annotations

import hashlib
import shlex
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
    name = world.app().machine()
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
    for word in ("keyed on", "office on", world.app().signer().fingerprint, other.signer().fingerprint, "--machine FINGERPRINT"):
        assert word in asked.stderr
    (point,) = other.points()
    assert restored(world, "by set", "letters").returncode == 1, "whoever writes there can call a set so"
    for number, arguments in enumerate((("--point", point.point.point), ("--machine", "office"), ("--machine", other.machine()))):
        done = restored(world, f"out{number}", *arguments)
        assert done.returncode == 0, done.stderr
    for verb in (("points", "letters"), ("show", "letters"), ("diff", "letters", point.point.point)):
        assert bare(world, *verb, "--machine", "office").returncode == 0
    assert bare(world, "ls", point.point.point).returncode == 0
    planned = bare(world, "plan", "restore", "--point", point.point.point, "--to", "directory", str(world.root / "planned"))
    assert f"signed by {other.signer().fingerprint}; compare it" in planned.stdout
    own = bare(world, "points", "--machine", "keyed")
    assert (own.returncode, point.point.point in own.stdout.partition("Not ours")[0]) == (0, False)


def typed(told: str, beginning: str) -> list[str]:
    """Return what a person would paste: the command that a line offers, without its program."""
    (line,) = [line for line in told.splitlines() if beginning in line]
    return shlex.split(line.partition("drtool ")[2])


def test_what_is_offered_after_a_restore_works_when_it_is_pasted(world: KeyWorld) -> None:
    """Whose points they are was decided by the point; the way back names that, as nothing else there tells it."""
    other = machine(world, "elsewhere")
    grown(world, "more")
    assert other.run().outcome == "succeeded"
    asked = restored(world, "asked")
    assert asked.returncode == 1
    assert "--machine FINGERPRINT" in asked.stderr
    assert world.app().signer().fingerprint in asked.stderr
    (point,) = other.points()
    letter = next(path for path in sorted(world.tree.rglob("*")) if path.is_file())
    before = letter.read_bytes()
    letter.write_bytes(b"broken")
    done = bare(world, "restore", "--point", point.point.point, "--yes")
    assert (done.returncode, letter.read_bytes()) == (0, before), done.stderr
    words = typed(done.stderr, "to take it back: ")
    assert "--machine" in words
    undone = drtool(world, "bare", *words, "--yes")
    assert (undone.returncode, letter.read_bytes()) == (0, b"broken"), undone.stderr


def test_a_whole_point_decides_where_one_machine_bears_two_signatures(world: KeyWorld) -> None:
    first = world.app()
    other = machine(world, "cloned")
    (world.root / "state-cloned").mkdir(exist_ok=True)
    (world.root / "state-cloned" / "machine").write_bytes((world.root / "state" / "machine").read_bytes())
    assert other.run().outcome == "succeeded"
    for app in (first, machine(world, "cloned")):
        (view, *_rest) = app.points()
        done = restored(world, f"out-{view.point.point}", "--point", view.point.point)
        assert done.returncode == 0, done.stderr


def test_no_hint_of_what_looks_needs_a_policy(world: KeyWorld) -> None:
    other = machine(world, "elsewhere")
    assert other.run().outcome == "succeeded"
    name = world.app().machine()
    for verb in (("points",), ("status",), ("status", "--refresh")):
        told = bare(world, *verb, "--machine", name)
        said = told.stdout + told.stderr
        assert told.returncode == 0, said
        for words in ("drtool adopt", "drtool drill", "drtool doctor", "drtool run"):
            assert words not in said.replace(f"on a machine with the policy: {words}", ""), said
    document = bare(world, "status", "--json", "--machine", name).stdout
    assert "drtool drill" not in document
    unknown = bare(world, "points", "--machine", "nosuch")
    assert (unknown.returncode, "--leftovers" in unknown.stderr, name in unknown.stderr) == (1, False, True), unknown.stderr
    shut = drtool(world, "bare", "doctor", "--repository", str(world.repository))
    assert (shut.returncode, "`doctor` needs a policy" in shut.stderr) == (2, True), shut.stderr
