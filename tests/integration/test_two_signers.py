"""A holder of the repository's key signs with a key of his own in our name and machine: nobody is taken for ours until a person decides."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.catalog.rotation import sign_rotation
from drtool.catalog.seal import sign_tags
from drtool.catalog.signer import Signer, key_file_signer
from drtool.model.rotation import Rotation
from drtool.repositories.restic.labels import SIGNATURE, body_tags, from_tags, signed_text
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Row, Thief, drtool, grown, machine
from tests.rig.opened import runtime_of

EARLIEST = "01A0000000000000000000000A"


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def bare(world: KeyWorld, *arguments: str) -> subprocess.CompletedProcess[str]:
    return drtool(world, "bare", *arguments, "--repository", str(world.repository), "--password-file", str(world.live))


def letter(world: KeyWorld) -> Path:
    return world.tree / "letters" / "0.txt"


def evil(world: KeyWorld, name: str, /, **changes: object) -> tuple[App, Row]:
    """Let a thief's machine of a name seal a point with a key of its own; the tree is as it was afterwards."""
    state = world.root / "state-evil"
    state.mkdir(mode=0o700)
    (state / "machine").write_text(f"{name}\n")
    thief = machine(world, "evil", **changes)
    known = {row.id for row in Thief(world).rows("manifest")}
    good = letter(world).read_text()
    letter(world).write_text("infected\n")
    assert thief.run().outcome == "succeeded"
    letter(world).write_text(good)
    (row,) = (row for row in Thief(world).rows("manifest") if row.id not in known)
    return thief, row


def again(world: KeyWorld, signer: Signer, row: Row, **changes: str) -> None:
    """Write a manifest again as its signer may: other tags, signed anew."""
    said = {key: value for key, value in {**row.labels, **changes}.items() if key != SIGNATURE and value}
    Thief(world).put({**said, SIGNATURE: sign_tags(signer, signed_text(said))}, row.body)


def in_our_name(world: KeyWorld) -> tuple[str, str, App]:
    """Let the thief sign in the genuine name and machine, dated long before anything of ours; returns our machine and key."""
    app = world.app()
    thief, row = evil(world, app.machine())
    again(world, thief.signer(), row, point=EARLIEST, run=EARLIEST, sealed="2019-01-01T00:00:00Z", instant="2019-01-01T00:00:00Z")
    return app.machine(), app.signer().fingerprint, thief


def restored(world: KeyWorld, folder: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    done = bare(world, "restore", *arguments, "--to", "directory", str(world.root / folder), "--yes")
    return done, "".join(path.read_text() for path in (world.root / folder).rglob("0.txt"))


def test_a_bare_machine_decides_nothing_by_a_date_that_the_writer_chose(world: KeyWorld) -> None:
    genuine = letter(world).read_text()
    name, own, thief = in_our_name(world)
    for verb in (
        ("restore", "--yes"),
        ("restore", "--machine", name, "--yes"),
        ("restore", "--machine", "keyed", "--yes"),
        ("restore", "documents", "--yes"),
        ("points",),
        ("points", "--machine", name),
        ("policy", "latest"),
        ("show", "latest"),
    ):
        refused = bare(world, *verb)
        assert refused.returncode == 1, (verb, refused.stdout, refused.stderr)
        for word in (own, thief.signer().fingerprint, "1 point", "2 points", "2019-01-01", "recovery sheet", "--machine"):
            assert word in refused.stderr, (verb, word)
    assert letter(world).read_text() == genuine
    done, text = restored(world, "own", "--machine", own)
    assert (done.returncode, text) == (0, genuine), done.stderr
    taken, infected = restored(world, "theirs", "--machine", thief.signer().fingerprint)
    assert (taken.returncode, infected) == (0, "infected\n"), "a person decides, either way"


def test_a_rebuilt_machine_accepts_neither_until_a_key_is_named(world: KeyWorld) -> None:
    name, own, thief = in_our_name(world)
    machine(world, "rebuilt")
    other = thief.signer().fingerprint
    refused = drtool(world, "rebuilt", "adopt", name, "--yes")
    assert refused.returncode == 6, refused.stderr
    for word in (own, other, "1 point", "2 points", "2019-01-01", "recovery sheet", f"drtool adopt {name} --signer"):
        assert word in refused.stderr, word
    first = machine(world, "rebuilt")
    assert runtime_of(first).notary.acceptance.first == ""
    listed = drtool(world, "rebuilt", "adopt")
    assert "oldest" not in listed.stdout
    assert drtool(world, "rebuilt", "adopt", name, "--signer", own, "--yes").returncode == 0
    assert {view.point.signer for view in machine(world, "rebuilt").points(refresh=True)} == {own}


def test_a_machine_that_meets_several_signers_accepts_none_and_says_so(world: KeyWorld) -> None:
    _name, own, thief = in_our_name(world)
    machine(world, "rebuilt")
    told = drtool(world, "rebuilt", "run")
    for word in (own, thief.signer().fingerprint, "none of them is accepted", "signers:", "drtool adopt"):
        assert word in told.stdout + told.stderr, word
    alone = machine(world, "decided", signers=[own])
    chosen = alone.choose_adoption(world.app().machine())
    assert chosen.signer == own, "the list of the policy decides"


def test_who_was_met_alone_is_dropped_when_a_person_accepts_another_for_that_machine(world: KeyWorld) -> None:
    name, own = world.app().machine(), world.app().signer().fingerprint
    genuine = Thief(world).rows("manifest")
    thief, _row = evil(world, name)
    Thief(world).forget(*genuine)
    rebuilt = machine(world, "rebuilt")
    rebuilt.points(refresh=True)
    assert runtime_of(rebuilt).notary.acceptance.first == thief.signer().fingerprint
    for row in genuine:
        Thief(world).put(row.labels, row.body)
    rebuilt.adopt(rebuilt.choose_adoption(name, signer=own))
    assert {view.point.signer for view in rebuilt.points(refresh=True)} == {own}


@pytest.mark.parametrize("how", ["set", "point"])
def test_latest_decides_nothing(world: KeyWorld, how: str) -> None:
    if how == "set":
        evil(world, "zzz", name="office", sets={"latest": world.policy["sets"]["documents"]}, drills={})
    else:
        thief, row = evil(world, "zzz", name="office", drills={})
        again(world, thief.signer(), row, point="ZZLATEST", run="ZZLATEST")
    for verb in ("show", "policy", "ls"):
        refused = bare(world, verb, "latest")
        assert refused.returncode == 1, refused.stdout
        assert "bears 2 names" in refused.stderr


def test_a_word_that_fits_in_two_ways_is_refused_with_both(world: KeyWorld) -> None:
    thief, _row = evil(world, "keyed", name="aaa", drills={})
    own, other = world.app().signer().fingerprint, thief.signer().fingerprint
    for verb in (("points",), ("restore", "--yes")):
        refused = bare(world, *verb, "--machine", "keyed")
        assert refused.returncode == 1, refused.stdout
        assert "in two ways" in refused.stderr
        assert own in refused.stderr
        assert other in refused.stderr
    assert restored(world, "own", "--machine", own)[1] != "infected\n"
    asked = bare(world, "points")
    for name in ("aaa", "keyed", own, other):
        assert f"--machine {name}" not in asked.stderr, "nobody is recommended"


def unsigned_here(world: KeyWorld) -> Row:
    """Make the only genuine point one of a release that did not sign."""
    thief = Thief(world)
    (row,) = thief.rows("manifest")
    thief.copy_of(row, signature="", machine="")
    thief.forget(row)
    return thief.rows("manifest")[0]


@pytest.mark.parametrize("name", ["keyed", "office"])
def test_one_signed_point_does_not_win_over_those_of_a_release_that_did_not_sign(world: KeyWorld, name: str) -> None:
    genuine, row = letter(world).read_text(), unsigned_here(world)
    thief, _forged = evil(world, "zzz", name=name, drills={})
    refused = bare(world, "restore", "--yes")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    for word in (thief.signer().fingerprint, "signed by nobody", "--machine unsigned"):
        assert word in refused.stderr
    assert letter(world).read_text() == genuine
    for number, words in enumerate((("--machine", "unsigned"), ("--point", row.labels["point"]))):
        done, text = restored(world, f"out{number}", *words)
        assert (done.returncode, text) == (0, genuine), done.stderr
    assert bare(world, "restore", "--machine", "unsigned", "--yes").returncode == 0
    assert restored(world, "theirs", "--machine", thief.signer().fingerprint)[1] == "infected\n"


def claimed(world: KeyWorld, *, at: datetime) -> str:
    """Let who stole the present signing key name a successor of it, with a last word that knows nothing."""
    old, new = key_file_signer(str(world.root / "state" / "evidence" / "key")), key_file_signer(str(world.root / "evil"))
    word = Rotation("01M0000000000000000000000A", "keyed", "nas", old.fingerprint, new.fingerprint, at)
    last = Rotation("01M00000000000000000000000", "keyed", "nas", old.fingerprint, new.fingerprint, at, final=True)
    for signed in (sign_rotation(word, new=new, old=old), sign_rotation(last, new=new)):
        Thief(world).put(from_tags(body_tags(signed)) or {}, b"{}", name="/rotation.json")
    return new.fingerprint


def test_points_that_a_dispute_takes_away_are_told_with_the_way_out(world: KeyWorld) -> None:
    genuine, own = letter(world).read_text(), world.app().signer().fingerprint
    (row,) = Thief(world).rows("manifest")
    successor = claimed(world, at=datetime.now(UTC))
    told = bare(world, "points")
    assert told.returncode == 1
    assert "there is no recovery point" not in told.stderr
    for word in ("1 point of keyed", own, successor, "recovery sheet", f"--point {row.labels['point']}"):
        assert word in told.stderr, word
    done, text = restored(world, "out", "documents", "--point", row.labels["point"])
    assert (done.returncode, text) == (0, genuine), done.stderr


def test_a_disputed_successor_is_told_and_the_right_key_decides(world: KeyWorld) -> None:
    old = world.app().signer().fingerprint
    stolen = (world.root / "state" / "evidence" / "key").read_bytes()
    world.app().rotate_signer()
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    new = world.app().signer().fingerprint
    key = world.root / "state" / "evidence" / "key"
    kept = key.read_bytes()
    key.write_bytes(stolen)
    evil_key = claimed(world, at=datetime(2001, 1, 1, tzinfo=UTC))
    key.write_bytes(kept)
    told = bare(world, "points")
    assert told.returncode == 1
    for word in (old, new, evil_key, "2 successors", "recovery sheet"):
        assert word in told.stderr, word
    listed = bare(world, "points", "--machine", new)
    assert listed.returncode == 0, listed.stderr
    nothing = bare(world, "points", "--machine", old)
    assert nothing.returncode == 1
    for word in (evil_key, f"--machine {new}"):
        assert word in nothing.stderr, word
