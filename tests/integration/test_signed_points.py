"""Points that nobody of ours sealed push none of ours out, count for nothing, and are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.catalog.signer import key_file_signer
from drtool.model.errors import NotFound, Refused
from drtool.model.plan import Destination
from drtool.model.standing import Standing
from drtool.planning.restore import RestoreRequest
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, grown, machine

ALTERED = {
    "set": "photographs",
    "point": "01M0000000000000000000000A",
    "run": "01M0000000000000000000000B",
    "instant": "2026-01-01T00:00:00Z",
    "sealed": "2026-01-01T00:00:00Z",
    "complete": "no",
    "bytes": "1",
    "files": "1",
    "members": "7",
    "artifacts": "9",
    "trees": "00000000",
    "digest": "0" * 64,
    "machine": "another-machine",
    "signature": "",
    "added": "by a later release, or a thief",
}


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _own(app: App) -> list[str]:
    return [view.point.point for view in app.points(refresh=True)]


def test_each_tag_of_a_manifest_is_covered_by_its_signature(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (genuine,) = thief.rows("manifest")
    assert set(genuine.labels) - {"by", "role"} <= set(ALTERED)
    for key, value in ALTERED.items():
        assert genuine.labels.get(key) != value
        thief.copy_of(genuine, **{key: value})
    listing = app.listings(refresh=True)["near"]
    assert [point.point for point in listing.points] == [genuine.labels["point"]]
    assert listing.points[0].digest == genuine.labels["digest"]
    assert {(point.point, point.standing) for point in listing.others} == {
        (genuine.labels["point"], Standing.STRANGER),
        (ALTERED["point"], Standing.STRANGER),
    }


def test_a_row_replayed_as_it_is_stays_one_point(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (genuine,) = thief.rows("manifest")
    thief.copy_of(genuine)
    assert _own(app) == [genuine.labels["point"]]


def test_the_signature_of_one_point_fits_no_other(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    grown(world, "second")
    app.run()
    first, second = thief.rows("manifest")
    thief.copy_of(first, signature=second.labels["signature"])
    thief.put({**second.labels, "signature": first.labels["signature"]}, first.body)
    listing = app.listings(refresh=True)["near"]
    assert {point.point for point in listing.points} == {first.labels["point"], second.labels["point"]}
    assert len(listing.others) == 2


def test_forged_points_push_no_real_one_out_and_are_left_alone(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    for name in ("second", "third"):
        grown(world, name)
        app.run()
    genuine = thief.rows("manifest")
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat().replace("+00:00", "Z")
    forged = {thief.fresh(genuine[-1]) for _ in range(4)} | {thief.fresh(genuine[-1], instant=ahead, sealed=ahead)}
    grown(world, "fourth")
    report = app.run()
    assert report.outcome == "succeeded"
    left = {row.labels["point"] for row in thief.rows("manifest")}
    assert forged <= left
    assert left - forged == {*(row.labels["point"] for row in genuine[1:]), *_own(app)[:1]}
    assert not thief.rows("hold")
    assert set(_own(app)) == left - forged


def test_evidence_that_nobody_of_ours_signed_proves_nothing(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    assert app.drill(["documents"]).outcome == "succeeded"
    (genuine,) = thief.rows("evidence")
    thief.forget(genuine)
    later = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for changes in ({"ended": later}, {"signature": "", "ended": later}, {"signature": "", "signer": "", "record": "", "number": ""}):
        thief.put({**genuine.labels, **changes}, genuine.body, name="/evidence.json")
    (found,) = app.status(refresh=True).sets
    assert found.last_proof is None
    thief.put(genuine.labels, genuine.body, name="/evidence.json")
    (found,) = app.status(refresh=True).sets
    assert found.last_proof is not None


def test_another_machine_of_the_same_name_is_told_apart_until_it_is_adopted(world: KeyWorld) -> None:
    mine = _own(world.app())
    other = machine(world, "copied")
    assert _own(other) == []
    listing = other.listings(refresh=True)["near"]
    assert [point.standing for point in listing.others] == [Standing.ANOTHER_MACHINE]
    with pytest.raises(NotFound) as refused:
        other.plan_restore(RestoreRequest(("documents",), Destination("directory", path=str(world.root / "back"))))
    assert listing.others[0].machine in refused.value.hint
    for name in ("a", "b", "c", "d"):
        grown(world, name)
        assert other.run().outcome == "succeeded"
    assert _own(world.app()) == mine
    assert len(_own(other)) == 3
    (adoption,) = other.adoptable()
    assert (adoption.machine, adoption.points, adoption.sets) == (listing.others[0].machine, 1, ("documents",))
    assert other.adopt(other.choose_adoption(adoption.machine)).outcome == "succeeded"
    assert set(mine) < set(_own(other))
    assert other.adoptable() == ()


def test_a_shared_signing_key_does_not_make_two_machines_one(world: KeyWorld) -> None:
    first = machine(world, "first", evidence={"key": f"file:{_key(world)}"})
    second = machine(world, "second", evidence={"key": f"file:{_key(world)}"})
    assert first.run().outcome == "succeeded"
    assert _own(second) == []
    listing = second.listings(refresh=True)["near"]
    assert {point.standing for point in listing.others} == {Standing.ANOTHER_MACHINE}


def test_a_thief_cannot_claim_the_machine_that_is_adopted(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = world.app()
    mine = _own(gone)
    thief = machine(world, "thief")
    monkeypatch.setenv("DRTOOL_MACHINE", gone.machine())
    grown(world, "infected")
    assert thief.run().outcome == "succeeded"
    monkeypatch.delenv("DRTOOL_MACHINE")
    rebuilt = machine(world, "rebuilt")
    with pytest.raises(Refused, match="several signatures"):
        rebuilt.choose_adoption(gone.machine())
    chosen = rebuilt.choose_adoption(gone.machine(), signer=gone.signer().fingerprint)
    assert not chosen.first
    rebuilt.adopt(chosen)
    assert _own(rebuilt) == mine
    assert {point.standing for point in rebuilt.listings(refresh=True)["near"].others} == {Standing.STRANGER}


def test_the_policy_decides_whose_signatures_count(world: KeyWorld) -> None:
    gone = world.app()
    stranger = "SHA256:" + "A" * 43
    rebuilt = machine(world, "rebuilt", signers=[stranger])
    with pytest.raises(Refused, match="not among the `signers:`"):
        rebuilt.choose_adoption(gone.machine())
    named = machine(world, "named", signers=[gone.signer().public_key])
    named.adopt(named.choose_adoption(gone.machine()))
    assert _own(named) == _own(gone)
    narrowed = machine(world, "named", signers=[stranger])
    assert _own(narrowed) == []


def test_unsigned_points_count_if_they_were_there_at_first_contact(world: KeyWorld) -> None:
    thief = Thief(world)
    (signed,) = thief.rows("manifest")
    legacy = {key: value for key, value in signed.labels.items() if key not in ("signature", "machine")}
    thief.forget(signed)
    thief.put(legacy, signed.body)
    app = machine(world, "upgraded")
    assert _own(app) == [legacy["point"]]
    later = thief.fresh(signed, machine="")
    thief.put({**legacy, "complete": "no"}, signed.body)
    assert _own(app) == [legacy["point"]]
    assert {(point.point, point.standing) for point in app.listings(refresh=True)["near"].others} == {
        (later, Standing.STRANGER),
        (legacy["point"], Standing.STRANGER),
    }
    grown(world, "signed")
    assert app.run().outcome == "succeeded"
    rebuilt = machine(world, "rebuilt")
    assert _own(rebuilt) == []
    rebuilt.adopt(rebuilt.choose_adoption(app.machine()))
    assert set(_own(rebuilt)) == set(_own(app))
    assert legacy["point"] in _own(rebuilt)


def test_what_another_machine_has_not_sealed_yet_is_not_swept(world: KeyWorld) -> None:
    thief = Thief(world)
    (data,) = thief.rows("data")
    long_ago = {"expires": "2026-01-01T00:00:00Z", "run": "01M0000000000000000000000B"}
    for point, name in (("01M0000000000000000000000C", "another"), ("01M0000000000000000000000D", data.labels["machine"])):
        thief.put({**data.labels, **long_ago, "point": point, "machine": name}, b"half", name="/half")
    assert world.app().sweep().outcome == "succeeded"
    left = {row.labels["point"] for row in thief.rows("data")}
    assert "01M0000000000000000000000C" in left
    assert "01M0000000000000000000000D" not in left


def _key(world: KeyWorld) -> Path:
    path = world.root / "shared" / "key"
    key_file_signer(str(path))
    return path
