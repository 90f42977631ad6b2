"""A hold that did not reach every repository says so, and so does a release that ended nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.engine.remembered import Remembered
from drtool.model.errors import Conflict, Unavailable
from tests.integration.key_world import make_key_world
from tests.integration.signed_world import machine


def test_a_hold_that_a_copy_did_not_get_is_told(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest)
    world.policy["repositories"]["offsite"] = {"restic": str(tmp_path / "away"), "password": f"file:{world.live}", "timeout": "5s"}
    world.policy["sets"]["documents"]["copies"] = ["offsite"]
    app = world.app()
    with pytest.raises(Unavailable, match="was written, but not in offsite"):
        app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    (hold,) = app.hold_list()
    with pytest.raises(Unavailable, match="is released, but not in offsite"):
        app.hold_release(hold.id)
    assert app.hold_list() == ()


def test_a_release_after_which_the_hold_stands_is_no_success(
    tmp_path: Path, home: Path, restic_newest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_key_world(tmp_path, restic_newest).app()
    hold = app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    monkeypatch.setattr(Remembered, "append", lambda _repository, _body: "")
    with pytest.raises(Conflict, match="still in force"):
        app.hold_release(hold.id)
    monkeypatch.undo()
    assert app.hold_release(hold.id).id == hold.id


def test_who_was_never_heard_of_ends_a_hold_for_itself_alone_and_says_so(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest)
    app, other = world.app(), machine(world, "elsewhere")
    hold = app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    with pytest.raises(Conflict, match=f"for the state directory {tmp_path}/state-elsewhere alone") as told:
        other.hold_release(hold.id)
    assert hold.machine in told.value.hint
    assert [each.id for each in app.hold_list()] == [hold.id]


def test_who_took_the_writer_over_ends_its_hold(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest)
    app, heir = world.app(), machine(world, "heir")
    hold = app.hold_add("documents", until=datetime.now(UTC) + timedelta(days=1), reason="legal")
    heir.adopt(heir.choose_adoption(hold.machine))
    assert heir.hold_release(hold.id).id == hold.id
    assert heir.hold_list() == ()
