"""What somebody hid or overwrote comes back, whenever the work dies, and nothing that he wrote is destroyed."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.catalog.immutable_log import ChangeLog
from drtool.model.errors import Refused
from drtool.model.immutable import RecoverPlan
from drtool.repositories.s3.store import S3Store
from tests.immutable.locked_world import PREFIX
from tests.immutable.shelf import Shelf, make_shelf
from tests.immutable.test_immutable_locks import DiedError, dying
from tests.rig.s3 import Identity, S3Server

CHANGES = ("uncover", "bring_back", "set_aside")


@pytest.fixture
def shelf(tmp_path: Path, s3_server: S3Server) -> Shelf:
    return make_shelf(tmp_path, s3_server)


def from_now_on() -> datetime:
    """An instant between what was and what comes: versions are dated in whole seconds."""
    time.sleep(1.1)
    return datetime.now(UTC).replace(microsecond=0)


def ruin(shelf: Shelf) -> datetime:
    """Hide one, overwrite the next, overwrite and hide the third, hide the fourth twice, and so on; plant what was never there."""
    since, thief = from_now_on(), shelf.client("writer")
    for number, name in enumerate(sorted(shelf.bodies)):
        key = f"{PREFIX}/{name}"
        if number % 4 in (1, 2):
            thief.put_object(Bucket=shelf.bucket, Key=key, Body=os.urandom(len(shelf.bodies[name])))
        if number % 4 != 1:
            thief.delete_object(Bucket=shelf.bucket, Key=key)
        if number % 4 == 3:
            thief.delete_object(Bucket=shelf.bucket, Key=key)
    for part in ("index", "snapshots", "keys", "locks"):
        thief.put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{part}/{os.urandom(32).hex()}", Body=b"{}")
    return since


def plan_of(shelf: Shelf, since: datetime) -> RecoverPlan:
    with closing(shelf.known()) as known:
        return shelf.recovery(known, since).plan()


def recover(shelf: Shelf, since: datetime, identity: Identity = "admin") -> ChangeLog:
    log = ChangeLog(str(shelf.root), "off")
    with closing(shelf.known()) as known:
        shelf.recovery(known, since, identity).mend(log)
    return log


def test_everything_comes_back_by_its_content(shelf: Shelf) -> None:
    since = ruin(shelf)
    written = {each["VersionId"] for each in shelf.versions()[0]}
    plan = plan_of(shelf, since)
    assert (plan.lost, plan.set_aside) == (0, 4)
    assert plan.uncover + plan.bring_back == len(shelf.bodies)
    log = recover(shelf, since)
    assert shelf.now_there() == shelf.bodies
    assert written <= {each["VersionId"] for each in shelf.versions()[0]}
    changes = [json.loads(line) for line in Path(log.path).read_text().splitlines()]
    assert {each["name"] for each in changes} >= shelf.bodies.keys()
    assert all(each["before"] and each["before"][0]["version"] for each in changes)
    again = plan_of(shelf, since)
    assert (again.changes, again.lost, again.read) == (0, 0, 0), "what was read is known"


def test_it_may_die_at_every_change(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = make_shelf(tmp_path, s3_server, packs=2)
    since = ruin(shelf)
    deaths = 0
    while True:
        with dying(monkeypatch, CHANGES, 1):
            try:
                recover(shelf, since)
            except DiedError:
                deaths += 1
                continue
        break
    assert deaths >= len(shelf.bodies)
    assert shelf.now_there() == shelf.bodies


def test_the_newest_version_is_not_the_right_one(shelf: Shelf) -> None:
    """Nor is the one of before, where it was overwritten twice and what is right lies below both."""
    since, thief = from_now_on(), shelf.client("writer")
    for name in shelf.bodies:
        for _number in range(2):
            thief.put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}", Body=os.urandom(50))
    recover(shelf, since)
    assert shelf.now_there() == shelf.bodies


def test_what_was_pruned_before_stays_hidden(shelf: Shelf) -> None:
    pruned = shelf.put("data")
    shelf.client().delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{pruned}")
    del shelf.bodies[pruned]
    since = ruin(shelf)
    recover(shelf, since)
    assert shelf.now_there() == shelf.bodies


def test_what_nobody_has_any_more_is_lost_and_told(tmp_path: Path, s3_server: S3Server) -> None:
    shelf = make_shelf(tmp_path, s3_server, mode=None)
    packs = sorted(name for name in shelf.bodies if name.startswith("data/"))
    (gone,) = [each for each in shelf.versions()[0] if each["Key"].endswith(packs[0])]
    since, thief = from_now_on(), shelf.client("writer")
    thief.put_object(Bucket=shelf.bucket, Key=gone["Key"], Body=b"garbage")
    thief.put_object(Bucket=shelf.bucket, Key=gone["Key"], Body=b"more garbage")
    thief.delete_object(Bucket=shelf.bucket, Key=gone["Key"], VersionId=gone["VersionId"])
    plan = plan_of(shelf, since)
    assert (plan.lost, plan.lost_names) == (1, (packs[0],))
    recover(shelf, since)
    assert shelf.now_there()[packs[0]] == b"more garbage", "what is not known to be right replaces nothing"


def test_who_may_not_lift_a_marker_copies(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    since = ruin(shelf)
    markers = {each["VersionId"] for each in shelf.versions()[1]}

    def refused(self: S3Store, name: str, marker: str) -> None:
        raise Refused("AccessDenied")

    monkeypatch.setattr(S3Store, "uncover", refused)
    recover(shelf, since)
    assert shelf.now_there() == shelf.bodies
    assert markers <= {each["VersionId"] for each in shelf.versions()[1]}


def test_a_name_deleted_a_thousand_times_over_is_copied_over(shelf: Shelf) -> None:
    since = from_now_on()
    name = next(name for name in shelf.bodies if name.startswith("snapshots/"))
    thief = shelf.client("writer")
    for _number in range(30):
        thief.delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}")
    assert (plan_of(shelf, since).uncover, plan_of(shelf, since).bring_back) == (0, 1)
    recover(shelf, since)
    assert shelf.now_there() == shelf.bodies
