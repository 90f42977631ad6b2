"""A thief with the credentials of the runs destroys what they let; then every locked point comes back, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.immutable.locked_world import LockedWorld, contents, make_locked_world, steal
from tests.rig.s3 import S3Server


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server) -> LockedWorld:
    return make_locked_world(tmp_path, restic_newest, s3_server, points=3)


def test_every_locked_point_comes_back(world: LockedWorld) -> None:
    before = world.current()
    assert {name.partition("/")[0] for name in before} == {"config", "keys", "data", "index", "snapshots"}
    since, done = steal(world)
    print(*(f"{count:4} {what}" for what, count in sorted(done.items())), sep="\n")  # noqa: T201 - what was destroyed
    assert done["a name overwritten"] > len(before) / 2
    assert done["a name deleted"] > len(before) / 2
    assert done["a version deleted"] == done["a version deleted by bypass"] == done["a lock shortened"] == 0
    ruined = {name: digest for name, digest in before.items() if world.current().get(name) != digest}
    assert len(ruined) == len(before), "the thief left something"
    versions_before, _markers = world.versions()

    app = world.app(auditor="admin")
    plan = app.plan_immutable_recover(since=since)
    assert plan.lost == 0
    assert plan.changes >= len(before)
    recovered = app.immutable_recover(plan)
    print(recovered)  # noqa: T201 - and what came back

    assert {name: world.current().get(name) for name in before} == before
    assert recovered.lost == recovered.missing_packs == 0
    assert recovered.words == ""
    assert {each.point: each.whole for each in recovered.points} == dict.fromkeys(world.trees, True)
    assert {each.point.point for each in app.points(refresh=True)} == set(world.trees)
    for point, tree in world.trees.items():
        assert world.restored(point) == contents(tree), point
    kept = {each["VersionId"] for each in world.versions()[0]}
    assert {each["VersionId"] for each in versions_before} <= kept, "evidence of what the thief wrote is gone"
