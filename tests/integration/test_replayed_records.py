"""A record of ours written again under its own tags, with other bytes, hides nothing: with the repository's key anybody can."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Corrupt
from drtool.model.point import Manifest
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def test_a_manifest_replayed_with_other_bytes_keeps_no_point_from_being_restored(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (genuine,) = thief.rows("manifest")
    for garbage in (b"garbage", genuine.body + b" "):
        thief.put(genuine.labels, garbage)
    (view,) = app.points(refresh=True)
    assert isinstance(shown := app.show(view.point.point), Manifest)
    assert shown.point == genuine.labels["point"]
    assert app.drill(["documents"]).outcome == "succeeded"


def test_a_stranger_under_the_digest_of_a_point_keeps_no_point_from_being_restored(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (genuine,) = thief.rows("manifest")
    thief.fresh(genuine)
    thief.put({**genuine.labels, "point": "01M0000000000000000000000C"}, b"garbage")
    assert app.drill(["documents"]).outcome == "succeeded"
    assert isinstance(shown := app.show(genuine.labels["point"]), Manifest)
    assert shown.point == genuine.labels["point"]


def test_what_is_copied_is_the_manifest_that_fits(world: KeyWorld) -> None:
    thief = Thief(world)
    (genuine,) = thief.rows("manifest")
    thief.put(genuine.labels, b"garbage")
    away = {"restic": str(world.root / "away"), "password": f"file:{world.live}", "timeout": "5s"}
    world.policy["repositories"]["offsite"] = away
    world.policy["sets"]["documents"]["copies"] = ["offsite"]
    app = world.app()
    assert app.initialise().outcome == "succeeded"
    assert app.copy(["documents"]).outcome == "succeeded"
    listing = app.listings(refresh=True)["offsite"]
    assert world.adapters().repositories["offsite"].read(listing.points[0].manifest) == genuine.body


def test_where_no_copy_fits_it_is_still_corrupt(world: KeyWorld) -> None:
    app, thief = world.app(), Thief(world)
    (genuine,) = thief.rows("manifest")
    thief.forget(genuine)
    for garbage in (b"one", b"two"):
        thief.put(genuine.labels, garbage)
    (view,) = app.points(refresh=True)
    with pytest.raises(Corrupt, match="differs from the digest"):
        app.show(view.point.point)
