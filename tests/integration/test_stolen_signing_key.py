"""Who stole the key that signed here once, and has the repository's key, gets nothing counted and nothing away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.app.opening import open_repository
from drtool.app.rotation import Rotating
from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.catalog.rotation import sign_rotation
from drtool.catalog.seal import sign_tags
from drtool.catalog.signer import Signer, key_file_signer
from drtool.engine.clock import SystemClock
from drtool.model.errors import Conflict, Refused
from drtool.model.rotation import Rotation, SignedRotation
from drtool.model.secret import SecretReference
from drtool.model.standing import Standing
from drtool.repositories.restic.labels import SIGNATURE, body_tags, from_tags, signed_text
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Row, Thief, drtool, grown, machine

_HISTORY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _own(app: App) -> set[str]:
    return {view.point.point for view in app.points(refresh=True)}


def _stolen(world: KeyWorld) -> Signer:
    return key_file_signer(str(world.root / "state" / "evidence" / "key"))


def _evil(world: KeyWorld) -> Signer:
    return key_file_signer(str(world.root / "evil"))


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _say(world: KeyWorld, signed: SignedRotation) -> None:
    Thief(world).put(from_tags(body_tags(signed)) or {}, b"{}", name="/rotation.json")


def _claim(world: KeyWorld, old: Signer, *, at: datetime | None = None, last_words: int = 1) -> None:
    evil = _evil(world)
    word = Rotation("01M0000000000000000000000A", "keyed", "nas", old.fingerprint, evil.fingerprint, at or datetime.now(UTC))
    _say(world, sign_rotation(word, new=evil, old=old))
    for number in range(last_words):
        _say(world, sign_rotation(replace(word, id=f"01M0000000000000000000000{number}", final=True), new=evil))


def _sign(old: Signer, labels: dict[str, str], **changes: str) -> dict[str, str]:
    said = {key: value for key, value in {**labels, **changes}.items() if key != SIGNATURE and value}
    return {**said, SIGNATURE: sign_tags(old, signed_text(said))}


def _forge(world: KeyWorld, old: Signer) -> str:
    """Write a point of the old key, with data, sealed now."""
    point, now, thief = SystemClock().fresh_id(), _text(datetime.now(UTC)), Thief(world)
    row: Row = thief.rows("manifest")[0]
    thief.put(_sign(old, row.labels, point=point, run=point, sealed=now, instant=now), row.body)
    thief.copy_data(thief.rows("data")[0], point)
    return point


def _reader(world: KeyWorld) -> App:
    reader = machine(world, "reader")
    reader.adopt(reader.choose_adoption(world.app().machine()))
    return reader


def _rotated_and_run(world: KeyWorld) -> set[str]:
    world.app().rotate_signer()
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    return _own(world.app())


def _die(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_a_claim_after_the_rotation_gets_nothing_at_who_knew_it(world: KeyWorld) -> None:
    reader, old = _reader(world), _stolen(world)
    mine = _rotated_and_run(world)
    assert _own(reader) == mine
    _claim(world, old, at=_HISTORY)
    fake = _forge(world, old)
    for each in (machine(world, "reader"), world.app()):
        assert _own(each) == mine
        listing = each.listings(refresh=True)["near"]
        assert {one.point: one.standing for one in listing.others} == {fake: Standing.RETIRED}
        assert "besides" in "".join(listing.disputed)


def test_a_claim_before_the_rotation_gets_nothing_at_the_owner(world: KeyWorld) -> None:
    old = _stolen(world)
    _claim(world, old, at=_HISTORY, last_words=5)
    assert len(_own(world.app())) == 1
    world.policy["signers"] = [old.fingerprint]
    with pytest.raises(Refused, match="lists the old key") as refused:
        world.app().rotate_signer()
    world.policy["signers"] += [refused.value.hint.partition("  - ")[2].strip().strip('"')]
    assert len(_rotated_and_run(world)) == 2
    fake = _forge(world, old)
    assert fake not in _own(world.app())
    assert old.fingerprint in world.runtime().notary.ours().retired


def test_who_remembers_nothing_believes_neither_and_is_told_what_to_decide(world: KeyWorld) -> None:
    old, early = _stolen(world), _own(world.app())
    mine = _rotated_and_run(world)
    owner, new = world.app().machine(), world.app().signer().fingerprint
    _claim(world, old)
    fake = _forge(world, old)
    places = (str(world.repository), str(world.live))
    with pytest.raises(Conflict, match="none of them counts"):
        open_repository(*places, state_directory=str(world.root / "bare"), binary=str(world.binary))
    for key, counted in ((old.fingerprint, early), (new, mine)):
        bare = open_repository(*places, machine=key, state_directory=str(world.root / "bare"), binary=str(world.binary))
        assert _own(bare) == counted
    rebuilt = machine(world, "rebuilt")
    rebuilt.adopt(rebuilt.choose_adoption(owner, signer=old.fingerprint))
    assert _own(rebuilt) == early
    status = drtool(world, "rebuilt", "status", "--check")
    assert status.returncode == 1
    assert "none of them counts" in status.stdout
    assert "signers:" in status.stdout
    decided = machine(world, "rebuilt", signers=[old.fingerprint, new])
    assert _own(decided) == mine
    assert fake not in _own(decided)
    assert not decided.listings(refresh=True)["near"].disputed
    adopting = machine(world, "other")
    adopting.adopt(adopting.choose_adoption(owner, signer=new))
    assert _own(adopting) == mine


def test_the_owner_ends_a_claim_by_the_list_of_the_policy(world: KeyWorld) -> None:
    old = _stolen(world)
    mine = _rotated_and_run(world)
    _claim(world, old)
    assert "besides" in drtool(world, "world", "status", "--refresh").stdout
    world.policy["signers"] = [old.fingerprint, world.app().signer().fingerprint]
    assert _own(world.app()) == mine
    assert "claimed" not in drtool(world, "world", "status", "--refresh").stdout
    assert old.fingerprint in world.runtime().notary.ours().retired


def test_a_known_point_written_again_under_its_id_stays_what_it_was(world: KeyWorld) -> None:
    old = _stolen(world)
    world.app().rotate_signer()
    (point,) = _own(world.app())
    row = Thief(world).rows("manifest")[0]
    Thief(world).put(_sign(old, row.labels, complete="no", instant=_text(_HISTORY), bytes="1"), row.body)
    (view,) = world.app().points(refresh=True)
    assert (view.point.point, view.point.complete) == (point, True)
    assert view.point.instant > _HISTORY
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    assert len(_own(world.app())) == 2


def test_what_the_index_forgets_of_a_known_point_does_not_make_it_a_late_one(world: KeyWorld) -> None:
    grown(world, "second")
    assert world.app().run().outcome == "succeeded"
    assert len(_rotated_and_run(world)) == 3
    listing = world.app().listings(refresh=False)["near"]
    assert (len(listing.points), listing.others) == (3, ())
    assert "had been replaced" not in drtool(world, "world", "status").stdout


def test_evidence_that_was_not_known_counts_for_nothing_whatever_its_number(world: KeyWorld) -> None:
    old, thief = _stolen(world), Thief(world)
    for _time in range(2):
        assert drtool(world, "world", "verify").returncode == 0
    world.app().rotate_signer()
    (point,) = _own(world.app())
    proof = thief.rows("evidence")[0]
    drill = {"eid": "01M0000000000000000000000D", "subject": "drill", "set": "documents", "point": point, "rto": "1.0", "checks": "9/9"}
    thief.put(_sign(old, proof.labels, record="cd" * 32, **drill), proof.body, name="/evidence.json")
    thief.put(_sign(old, proof.labels, outcome="data_wrong"), proof.body, name="/evidence.json")
    thief.put(proof.labels, proof.body, name="/evidence.json")
    listed = world.app().listings(refresh=True)["near"].evidence
    assert [each.counts for each in listed] == [True, True, False, False, True]
    told = drtool(world, "world", "status", "--check")
    assert told.returncode == 1
    assert "not known from before" in told.stdout
    found = drtool(world, "world", "evidence", "verify")
    assert found.returncode == 5
    assert "its signer had been replaced" in found.stdout


def test_a_hold_is_not_ended_by_the_old_key_whatever_date_it_signs(world: KeyWorld) -> None:
    old = _stolen(world)
    assert drtool(world, "world", "hold", "add", "documents", "--reason", "court", "--until", "30d").returncode == 0
    world.app().rotate_signer()
    (hold,) = Thief(world).rows("hold")
    for created in (_text(datetime.now(UTC)), hold.labels["created"]):
        ending = _sign(old, hold.labels, hid=SystemClock().fresh_id(), releases=hold.labels["hid"], created=created)
        Thief(world).put(ending, hold.body, name="/hold.json")
        app = world.app()
        assert len(app.hold_list()) == 1


def test_who_follows_an_allowed_key_is_allowed_to_sign_evidence(world: KeyWorld) -> None:
    old, allowed = _stolen(world), world.root / "allowed_signers"
    allowed.write_text(f'keyed namespaces="drtool.evidence" {old.public_key}\n')
    assert drtool(world, "world", "verify").returncode == 0
    world.app().rotate_signer()
    assert drtool(world, "world", "verify").returncode == 0
    found = world.app().evidence_verify(str(allowed))
    assert found.faults == ()
    assert [each.allowed for each in found.signers] == [True, True]
    assert {each.fingerprint: each.replaced_by for each in found.signers}[old.fingerprint] == world.app().signer().fingerprint
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for line in (f'valid-before="{yesterday:%Y%m%d}" {old.public_key}', _evil(world).public_key):
        allowed.write_text(f"keyed {line}\n")
        assert {fault.kind for fault in world.app().evidence_verify(str(allowed)).faults} == {"stranger"}


def test_the_owner_names_one_successor_and_no_second(world: KeyWorld) -> None:
    keys = {name: key_file_signer(str(world.root / name)) for name in ("first", "a", "b")}
    references = {name: SecretReference("file", str(world.root / name)) for name in keys}
    reader = machine(world, "reader")
    world.policy["evidence"] = {"key": str(references["first"])}
    assert world.app().run().outcome == "succeeded"
    for each in reader.adoptable():  # the key of before is another one, and no rotation leads from it
        reader.adopt(reader.choose_adoption(each.machine, signer=each.signer))
    for hold in reader.hold_list():
        reader.hold_release(hold.id)
    world.app().rotate_signer(references["a"])
    said = len(Thief(world).rows("rotation"))
    with pytest.raises(Refused, match="of two successors neither would count") as refused:
        world.app().rotate_signer(references["b"])
    assert keys["a"].fingerprint in refused.value.hint
    assert len(Thief(world).rows("rotation")) == said
    assert "--to" in drtool(world, "world", "status", "--refresh").stdout
    world.policy["evidence"] = {"key": str(references["a"])}
    onwards = world.app().rotate_signer(references["b"])  # which finishes the first one before
    assert (onwards.old, onwards.new) == (keys["a"].fingerprint, keys["b"].fingerprint)
    world.policy["evidence"] = {"key": str(references["b"])}
    world.app().rotate_signer(references["b"])
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    assert _own(reader) == _own(world.app())
    assert set(world.runtime().notary.ours().retired) >= {keys["first"].fingerprint, keys["a"].fingerprint}
    with pytest.raises(Refused, match="was replaced by another key before"):
        world.app().rotate_signer(references["first"])


def test_a_key_of_before_does_not_come_back_by_a_rotation(world: KeyWorld) -> None:
    key, before = world.root / "state" / "evidence" / "key", world.root / "before"
    before.write_bytes(key.read_bytes())
    before.chmod(0o600)
    world.app().rotate_signer()
    current = world.app().signer().fingerprint
    with pytest.raises(Refused, match="was replaced by another key before"):
        world.app().rotate_signer(SecretReference("file", str(before)))
    assert world.app().signer().fingerprint == current
    key.write_bytes(before.read_bytes())
    with pytest.raises(Refused, match="was replaced"):
        world.app().rotate_signer()


def test_a_lost_successor_is_not_followed_by_another(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = _reader(world)
    with monkeypatch.context() as patch:
        patch.setattr(EvidenceFolder, "succeed", _die)
        with pytest.raises(KeyboardInterrupt):
            world.app().rotate_signer()
    (world.root / "state" / "evidence" / "key.next").unlink()
    with pytest.raises(Refused, match="of two successors neither would count") as refused:
        world.app().rotate_signer()
    assert "key.next" in refused.value.hint
    grown(world, "after")
    assert world.app().run().outcome == "succeeded"
    assert len(_own(world.app())) == 2
    assert _own(machine(world, "reader")) == _own(world.app()) == _own(reader)
    (world.root / "state" / "evidence" / "key").rename(world.root / "aside")
    assert world.app().run().outcome == "succeeded"
    assert "being changed" not in drtool(world, "world", "status", "--refresh").stdout


@pytest.mark.parametrize("step", ["_announce", "_finish", "_publish"])
def test_an_unfinished_rotation_is_told_and_finished(world: KeyWorld, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Rotating, step, _die)
        with pytest.raises(KeyboardInterrupt):
            world.app().rotate_signer()
    grown(world, "between")
    assert world.app().run().outcome == "succeeded"
    for verb in (("status", "--check"), ("doctor",)):
        told = drtool(world, "world", *verb)
        assert told.returncode != 0
        assert "drtool evidence rotate" in told.stdout + told.stderr
    assert drtool(world, "world", "evidence", "rotate", "--yes").returncode == 0
    assert len(world.runtime().notary.ours().retired) == 1
    for verb in (("status", "--refresh"), ("doctor",)):
        told = drtool(world, "world", *verb)
        assert "evidence rotate" not in told.stdout + told.stderr


def test_a_repository_that_lost_the_record_is_told_and_mended(world: KeyWorld) -> None:
    world.app().rotate_signer()
    thief = Thief(world)
    thief.forget(*thief.rows("rotation"))
    assert "near does not tell that the signing key was replaced" in drtool(world, "world", "status", "--refresh").stdout
    assert world.app().rotate_signer().resumed
    assert len(thief.rows("rotation")) == 2
    assert "near does not tell" not in drtool(world, "world", "status", "--refresh").stdout


def test_whom_a_thief_says_the_key_followed_does_not_keep_it_from_being_replaced(world: KeyWorld) -> None:
    """With the key that still signs he says that it followed his: there is nothing of that to finish."""
    key, evil = _stolen(world), _evil(world)
    word = Rotation("01M0000000000000000000000A", "keyed", "nas", evil.fingerprint, key.fingerprint, datetime.now(UTC))
    _say(world, sign_rotation(word, new=key, old=evil))
    done = world.app().rotate_signer()
    assert (done.old, done.resumed) == (key.fingerprint, False)
    assert key.fingerprint in world.runtime().notary.ours().retired
    assert evil.fingerprint not in world.runtime().notary.ours().signers


def test_a_run_whose_points_nobody_could_sign_stores_nothing(world: KeyWorld) -> None:
    key, before = world.root / "state" / "evidence" / "key", (world.root / "state" / "evidence" / "key").read_bytes()
    world.app().rotate_signer()
    key.write_bytes(before)
    stored = len(Thief(world).rows("data"))
    grown(world, "more")
    with pytest.raises(Refused, match="was replaced"):
        world.app().run()
    assert len(Thief(world).rows("data")) == stored
