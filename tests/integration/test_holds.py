"""A hold that did not reach every repository says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Unavailable
from tests.integration.key_world import make_key_world


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
