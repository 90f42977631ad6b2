"""With the repository's key alone nobody ends what a person holds; the person still can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.errors import Conflict, Refused
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine

LATER = (datetime.now(UTC) + timedelta(days=300)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _forged(thief: Thief, signature: str) -> None:
    """Release the one hold there is; with its own signature, none, or one that fits nothing."""
    (held,) = (row for row in thief.rows("hold") if "releases" not in row.labels)
    name = SystemClock().fresh_id()
    thief.put({**held.labels, "hid": name, "releases": held.labels["hid"], "signature": signature}, held.body, name="/hold.json")


def test_a_forged_release_lets_nothing_go(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (first,) = thief.rows("manifest")
    hold = app.hold_add(first.labels["point"], until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    (held,) = thief.rows("hold")
    for signature in ("", held.labels["signature"]):
        _forged(thief, signature)
    thief.put({**held.labels, "until": "2026-01-01T00:00:00Z"}, held.body, name="/hold.json")
    thief.put({**held.labels, "hid": f"{hold.id}0"}, held.body, name="/hold.json")
    for name in "abcd":
        grown(world, name)
        app.run()
    assert first.labels["point"] in {row.labels["point"] for row in thief.rows("manifest")}
    assert hold.id in {each.id for each in app.hold_list()}
    listed = drtool(world, "world", "hold", "list")
    assert listed.stdout.count("not signed") == 1
    checked = drtool(world, "world", "status", "--check", "--refresh")
    assert "released by nobody of ours" in checked.stdout
    app.hold_release(hold.id)
    assert hold.id not in {each.id for each in app.hold_list()}


def test_a_second_machine_ends_no_hold_of_ours_but_its_own(world: KeyWorld) -> None:
    app, other = world.app(), machine(world, "copied")
    mine = app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="ours")
    theirs = other.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="theirs")
    with pytest.raises(Conflict, match="goes on by it"):
        other.hold_release(mine.id)
    other.hold_release(theirs.id)
    assert [hold.id for hold in app.hold_list()] == [mine.id]


def test_a_forged_look_does_not_quiet_a_quarantine(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (first,) = thief.rows("manifest")
    labels = {"by": first.labels["by"], "role": "hold", "set": "documents", "kind": "quarantine", "created": LATER, "reason": "wrong"}
    wrong, look = SystemClock().fresh_id(), SystemClock().fresh_id()
    thief.put({**labels, "hid": wrong}, b"{}", name="/hold.json")
    thief.put({**labels, "hid": look, "releases": wrong}, b"{}", name="/hold.json")
    for name in ("second", "third"):
        grown(world, name)
        app.run()
    for path in world.tree.rglob("*.txt"):
        path.unlink()
    (world.tree / "READ_ME").write_text("pay")
    app.run()
    assert any(hold.kind == "quarantine" for hold in app.hold_list())


def test_a_release_that_cannot_be_signed_is_refused_not_claimed(world: KeyWorld) -> None:
    app = world.app()
    hold = app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    away = machine(world, "away", evidence={"key": f"file:{world.root}/damaged.key"})
    (world.root / "damaged.key").write_text("no key")
    with pytest.raises(Refused):
        away.hold_release(hold.id)
    assert [each.id for each in app.hold_list()] == [hold.id]
