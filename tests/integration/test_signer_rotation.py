"""A machine changes its signing key: others accept the new one by the old one's word, and the old one no more."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.app.opening import open_repository
from drtool.catalog.rotation import sign_rotation
from drtool.catalog.signer import Signer, key_file_signer
from drtool.model.errors import Refused, Unavailable
from drtool.model.rotation import Rotation
from drtool.model.secret import SecretReference
from drtool.model.standing import Standing
from drtool.repositories.restic.labels import body_tags, from_tags
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine
from tests.rig.opened import runtime_of


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _own(app: App) -> set[str]:
    return {view.point.point for view in app.points(refresh=True)}


def _others(app: App) -> dict[str, str]:
    return {each.point: each.standing for each in app.listings(refresh=True)["near"].others}


def _stolen(world: KeyWorld) -> Signer:
    return key_file_signer(str(world.root / "state" / "evidence" / "key"))


def _claim(world: KeyWorld, old: Signer, new: Signer) -> None:
    word = Rotation("01M0000000000000000000000A", "keyed", "nas", old.fingerprint, new.fingerprint, datetime.now(UTC))
    signed = sign_rotation(word, new=new, old=old)
    Thief(world).put(from_tags(body_tags(signed)) or {}, b"{}", name="/rotation.json")


def _with_old_key(world: KeyWorld, stolen: str, monkeypatch: pytest.MonkeyPatch) -> App:
    signer = key_file_signer(stolen).fingerprint  # his own policy decides that it counts
    thief = machine(world, "thief", evidence={"key": f"file:{stolen}"}, signers=[signer])
    monkeypatch.setenv("DRTOOL_MACHINE", world.app().machine())
    grown(world, "infected")
    assert thief.run().outcome == "succeeded"
    monkeypatch.delenv("DRTOOL_MACHINE")
    return thief


def test_who_accepted_the_old_key_accepts_the_new_one(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    app = world.app()
    reader = machine(world, "reader")
    reader.adopt(reader.choose_adoption(app.machine()))
    stolen = world.root / "stolen"
    stolen.write_bytes((world.root / "state" / "evidence" / "key").read_bytes())
    stolen.chmod(0o600)
    old = app.signer().fingerprint
    done = drtool(world, "world", "evidence", "rotate", "--yes")
    assert done.returncode == 0, done.stderr
    app = world.app()
    new = app.signer().fingerprint
    assert new != old
    assert new in done.stdout
    grown(world, "second")
    assert app.run().outcome == "succeeded"
    mine = _own(app)
    assert len(mine) == 2
    assert _own(reader) == mine
    rebuilt = machine(world, "rebuilt")
    rebuilt.adopt(rebuilt.choose_adoption(app.machine()))
    assert _own(rebuilt) == mine
    _with_old_key(world, str(stolen), monkeypatch)
    for each in (world.app(), reader, rebuilt):
        assert _own(each) == mine
        assert set(_others(each).values()) == {Standing.RETIRED}
    told = drtool(world, "world", "status", "--check")
    assert told.returncode == 1
    assert "had been replaced" in told.stdout + told.stderr
    for row in Thief(world).rows("rotation"):
        Thief(world).forget(row)
    assert _own(reader) == mine
    assert world.app().rotate_signer().resumed
    assert len(Thief(world).rows("rotation")) == 2


def test_rotated_twice_the_chain_leads_to_the_newest(world: KeyWorld) -> None:
    app = world.app()
    for name in ("a", "b"):
        app.rotate_signer()
        app = world.app()
        grown(world, name)
        assert app.run().outcome == "succeeded"
    rebuilt = machine(world, "rebuilt")
    rebuilt.adopt(rebuilt.choose_adoption(app.machine()))
    assert _own(rebuilt) == _own(app)
    assert len(_own(app)) == 3


def test_a_second_successor_makes_neither_count_but_at_the_owner(world: KeyWorld) -> None:
    app = world.app()
    old = _stolen(world)
    app.rotate_signer()
    app = world.app()
    grown(world, "second")
    assert app.run().outcome == "succeeded"
    _claim(world, old, key_file_signer(str(world.root / "evil")))
    mine = _own(world.app())
    assert len(mine) == 2
    rebuilt = machine(world, "rebuilt")
    rebuilt.adopt(rebuilt.choose_adoption(app.machine(), signer=old.fingerprint))
    assert len(_own(rebuilt)) == 1
    assert "successors" in "".join(rebuilt.listings(refresh=True)["near"].disputed)


def test_a_thief_does_not_replace_the_key_of_its_owner(world: KeyWorld) -> None:
    app = world.app()
    _claim(world, _stolen(world), key_file_signer(str(world.root / "evil")))
    mine = _own(app)
    assert len(mine) == 1
    grown(world, "second")
    assert app.run().outcome == "succeeded"
    assert "not done here" in "".join(app.listings(refresh=True)["near"].disputed)


def test_the_policys_list_is_asked_before_anything_is_said(world: KeyWorld) -> None:
    old = world.app().signer()
    world.policy["signers"] = [old.fingerprint]
    with pytest.raises(Refused, match="lists the old key") as refused:
        world.app().rotate_signer()
    assert Thief(world).rows("rotation") == []
    assert world.app().signer().fingerprint == old.fingerprint
    line = refused.value.hint.partition("  - ")[2].strip().strip('"')
    world.policy["signers"] = [old.fingerprint, line]
    world.app().rotate_signer()
    assert world.app().signer().public_key == line


def test_a_key_that_the_policy_names_is_replaced_by_the_person(world: KeyWorld) -> None:
    first, second = (key_file_signer(str(world.root / name)) for name in ("first", "second"))
    reference = SecretReference("file", str(world.root / "second"))
    world.policy["evidence"] = {"key": f"file:{world.root}/first"}
    assert world.app().run().outcome == "succeeded"
    with pytest.raises(Refused, match="drtool does not write there"):
        world.app().rotate_signer()
    asked = world.app().rotate_signer(reference)
    assert str(reference) in asked.next[0]
    grown(world, "between")
    assert world.app().run().outcome == "succeeded"
    world.policy["evidence"] = {"key": str(reference)}
    done = world.app().rotate_signer(reference)
    assert (done.old, done.new, done.next) == (first.fingerprint, second.fingerprint, ())
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    assert not _others(world.app())
    again = world.app().rotate_signer(reference)
    assert again.done
    assert (again.old, again.new) == (first.fingerprint, second.fingerprint)


def test_a_repository_that_cannot_be_read_leaves_the_old_key(world: KeyWorld) -> None:
    old = world.app().signer()
    moved = world.root / "moved"
    os.rename(world.repository, moved)
    with pytest.raises(Unavailable):
        world.app().rotate_signer()
    os.rename(moved, world.repository)
    assert world.app().signer().fingerprint == old.fingerprint


def test_a_replaced_key_that_comes_back_signs_nothing(world: KeyWorld) -> None:
    key = world.root / "state" / "evidence" / "key"
    before = key.read_bytes()
    world.app().rotate_signer()
    assert key.read_bytes() != before
    key.write_bytes(before)
    grown(world, "second")
    with pytest.raises(Refused, match="was replaced"):
        world.app().run()
    assert len(_own(world.app())) == 1


def test_a_bare_machine_follows_the_chain_and_says_what_it_cannot_know(world: KeyWorld) -> None:
    app = world.app()
    old = app.signer().fingerprint
    app.rotate_signer()
    app = world.app()
    grown(world, "second")
    assert app.run().outcome == "succeeded"
    bare = open_repository(str(world.repository), str(world.live), state_directory=str(world.root / "bare"), binary=str(world.binary))
    assert _own(bare) == _own(app)
    told = " ".join(runtime_of(bare).notary.tell())
    assert f"{app.signer().fingerprint} follows the key {old}" in told
    assert "no record can tell" in told
