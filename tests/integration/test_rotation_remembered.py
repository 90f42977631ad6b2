"""What a state directory knows of a rotation, or does not know any more, and what a bounded last word cannot tell."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.app.facade import App
from drtool.catalog.rotation import sign_rotation
from drtool.catalog.seal import sign_tags
from drtool.catalog.signer import Signer, key_file_signer
from drtool.engine.clock import SystemClock
from drtool.model import rotation as model
from drtool.model.errors import Refused, Unavailable
from drtool.model.evidence import SignedEvidence
from drtool.model.rotation import Rotation
from drtool.repositories.restic.labels import SIGNATURE, body_tags, from_tags, signed_text
from drtool.repositories.restic.repository import ResticRepository
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _own(app: App) -> set[str]:
    return {view.point.point for view in app.points(refresh=True)}


def _stolen(world: KeyWorld) -> Signer:
    return key_file_signer(str(world.root / "state" / "evidence" / "key"))


def _claim(world: KeyWorld, old: Signer, *, at: datetime | None = None) -> str:
    evil = key_file_signer(str(world.root / "evil"))
    word = Rotation("01M0000000000000000000000A", "keyed", "nas", old.fingerprint, evil.fingerprint, at or datetime.now(UTC))
    ended = replace(word, id="01M0000000000000000000000B", final=True)
    for signed in (sign_rotation(word, new=evil, old=old), sign_rotation(ended, new=evil)):
        Thief(world).put(from_tags(body_tags(signed)) or {}, b"{}", name="/rotation.json")
    return evil.fingerprint


def _sign(old: Signer, labels: dict[str, str], **changes: str) -> dict[str, str]:
    said = {key: value for key, value in {**labels, **changes}.items() if key != SIGNATURE and value}
    return {**said, SIGNATURE: sign_tags(old, signed_text(said))}


def test_a_long_call_does_not_unsettle_what_another_one_learnt_meanwhile(world: KeyWorld) -> None:
    old = _stolen(world)
    reader = machine(world, "reader")
    reader.adopt(reader.choose_adoption(world.app().machine()))
    long_call = machine(world, "reader")
    assert len(_own(long_call)) == 1
    world.app().rotate_signer()
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    mine = _own(world.app())
    assert _own(machine(world, "reader")) == mine
    _claim(world, old)
    assert _own(long_call) == mine
    assert _own(machine(world, "reader")) == mine


def test_a_state_from_before_a_rotation_signs_nothing_and_names_no_second_successor(world: KeyWorld) -> None:
    state, before = world.root / "state", world.root / "before"
    world.app()
    shutil.copytree(state, before, symlinks=True)
    world.app().rotate_signer()
    newer = (state / "evidence" / "key").read_bytes()
    grown(world, "a")
    assert world.app().run().outcome == "succeeded"
    mine, said = _own(world.app()), len(Thief(world).rows("rotation"))
    shutil.rmtree(state)
    shutil.copytree(before, state, symlinks=True)
    grown(world, "b")
    refused = drtool(world, "world", "run")
    assert refused.returncode != 0
    assert "put the newer key back" in refused.stdout + refused.stderr
    with pytest.raises(Refused, match="does not know that") as again:
        world.app().rotate_signer()
    assert "put the newer key back" in again.value.hint
    assert len(Thief(world).rows("rotation")) == said
    (state / "evidence" / "key").write_bytes(newer)
    assert world.app().run().outcome == "succeeded"
    assert mine < _own(world.app())


def test_who_lost_the_newer_key_goes_on_with_a_new_one(world: KeyWorld) -> None:
    state, before = world.root / "state", world.root / "before"
    world.app()
    shutil.copytree(state, before, symlinks=True)
    world.app().rotate_signer()
    shutil.rmtree(state)
    shutil.copytree(before, state, symlinks=True)
    (state / "evidence" / "key").rename(world.root / "aside")
    grown(world, "b")
    assert world.app().run().outcome == "succeeded"
    assert len(_own(world.app())) == 2


def test_the_list_of_the_policy_lets_the_owner_of_a_stolen_key_go_on(world: KeyWorld) -> None:
    old = _stolen(world)
    evil = _claim(world, old)
    grown(world, "a")
    with pytest.raises(Refused) as unsure:
        world.app().run()
    assert evil in unsure.value.what
    with pytest.raises(Refused, match="does not know that"):
        world.app().rotate_signer()
    world.policy["signers"] = [old.fingerprint]
    assert world.app().run().outcome == "succeeded"
    with pytest.raises(Refused, match="lists the old key") as refused:
        world.app().rotate_signer()
    world.policy["signers"] += [refused.value.hint.partition("  - ")[2].strip().strip('"')]
    world.app().rotate_signer()
    grown(world, "b")
    assert world.app().run().outcome == "succeeded"
    assert len(_own(world.app())) == 3
    assert old.fingerprint in world.runtime().notary.ours().retired


def test_a_flood_before_the_rotation_does_not_keep_the_stolen_key_alive(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    old, thief, mine = _stolen(world), Thief(world), _own(world.app())
    row = thief.rows("manifest")[0]
    for number in range(5):
        flood = {"set": "elsewhere", "point": f"01X000000000000000000000{number:02d}", "sealed": "2100-01-01T00:00:00Z"}
        thief.put(_sign(old, row.labels, **flood), b"{}")
    monkeypatch.setattr(model, "KNOWN_MOST", 3)
    world.app().rotate_signer()
    point, now = SystemClock().fresh_id(), datetime.now(UTC)
    earlier, instant = ((now - timedelta(minutes=ago)).isoformat().replace("+00:00", "Z") for ago in (5, 0))
    thief.put(_sign(old, row.labels, point=point, run=point, sealed=earlier, instant=instant), row.body)
    assert _own(world.app()) == mine


def test_more_points_than_one_last_word_holds_all_count(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        grown(world, str(number))
        assert world.app().run().outcome == "succeeded"
    mine = _own(world.app())
    monkeypatch.setattr(model, "KNOWN_MOST", 1)
    world.app().rotate_signer()
    assert len(Thief(world).rows("rotation")) == 4
    reader = machine(world, "reader")
    reader.adopt(reader.choose_adoption(world.app().machine()))
    assert _own(world.app()) == _own(reader) == mine
    thief = Thief(world)
    thief.forget(*thief.rows("rotation"))
    assert world.app().rotate_signer().resumed
    assert len(thief.rows("rotation")) == 4


def test_what_a_full_last_word_cannot_tell_is_no_fault(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for _time in range(3):
        assert drtool(world, "world", "verify").returncode == 0
    monkeypatch.setattr(model, "RECORDS_MOST", 2)
    monkeypatch.setattr(model, "LAST_WORDS_MOST", 1)
    world.app().rotate_signer()
    found = drtool(world, "world", "evidence", "verify")
    assert found.returncode == 0, found.stdout
    assert "not told: 1 record" in found.stdout
    assert [each.counts for each in world.app().listings(refresh=True)["near"].evidence] == [False, True, True]


def test_evidence_that_no_repository_took_before_the_rotation_counts_when_it_is_brought(
    world: KeyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = ResticRepository.append

    def refuse(self: ResticRepository, body: Any) -> str:  # noqa: ANN401 - as the port has it
        if isinstance(body, SignedEvidence):
            raise Unavailable("read only")
        return append(self, body)

    old = _stolen(world)
    with monkeypatch.context() as patch:
        patch.setattr(ResticRepository, "append", refuse)
        world.app().verify(("near",))
    assert Thief(world).rows("evidence") == []
    world.app().rotate_signer()
    assert drtool(world, "world", "verify").returncode == 0
    reader = machine(world, "reader")
    reader.adopt(reader.choose_adoption(world.app().machine()))
    for app in (world.app(), reader):
        listed = app.listings(refresh=True)["near"].evidence
        assert {each.signer for each in listed} > {old.fingerprint}
        assert [each.counts for each in listed] == [True, True]
    assert drtool(world, "world", "evidence", "verify").returncode == 0
    assert "nobody accepted" not in drtool(world, "world", "status").stdout


def test_a_key_that_the_auditor_ended_is_followed_by_nobody_whatever_date_it_signs(world: KeyWorld) -> None:
    old, allowed = _stolen(world), world.root / "allowed_signers"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    allowed.write_text(f'keyed valid-before="{yesterday:%Y%m%d%H%M}" {old.public_key}\n')
    thief = machine(world, "thief", evidence={"key": f"file:{world.root}/evil"})
    _claim(world, old, at=yesterday - timedelta(days=9))
    thief.adopt(thief.choose_adoption(world.app().machine(), signer=old.fingerprint))
    thief.verify(("near",))
    auditor = machine(world, "auditor")
    auditor.adopt(auditor.choose_adoption(world.app().machine(), signer=old.fingerprint))
    found = auditor.evidence_verify(str(allowed))
    assert "stranger" in {fault.kind for fault in found.faults}
