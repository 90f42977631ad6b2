"""What a thief with the writer's credentials hides is told and stays locked, though nothing that is listed misses it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.catalog.immutable_log import LetGo
from drtool.catalog.known_locks import KnownLocks
from drtool.cli.main import main
from drtool.cli.render.words import short_id
from drtool.engine.immutable.audit import audit
from drtool.model.immutable import ImmutableAudit
from tests.immutable.locked_world import PREFIX, LockedWorld, make_locked_world
from tests.immutable.shelf import Shelf, make_shelf
from tests.immutable.test_immutable_locks import PROMISED, extended, planned
from tests.rig.s3 import S3Server


@pytest.fixture
def shelf(tmp_path: Path, s3_server: S3Server) -> Shelf:
    return make_shelf(tmp_path, s3_server, packs=2)


def hide(shelf: Shelf, *begins: str) -> list[str]:
    names = sorted(name for name in shelf.bodies if name.startswith(begins))
    for name in names:
        shelf.client("writer").delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}")
    return names


@pytest.mark.parametrize("known", [True, False])
def test_everything_hidden_is_told_and_stays_locked(shelf: Shelf, known: bool) -> None:  # noqa: FBT001
    if known:
        assert shelf.audit().attention == ()
    names = hide(shelf, "index/", "data/", "snapshots/")
    found = shelf.audit(PROMISED)
    assert (found.needed, found.hidden, found.lacking) == (len(shelf.bodies), len(names), ("index",))
    assert set(found.hidden_names) == set(names)
    assert len(found.missed) == 2
    assert found.next.startswith("drtool immutable recover off --since ")
    plan = planned(shelf)
    assert plan.due == len(shelf.bodies)
    extended(shelf, plan)
    assert set(shelf.dates().values()) == {plan.until}


def test_nothing_at_all_is_no_success(shelf: Shelf, tmp_path: Path) -> None:
    with closing(KnownLocks(str(tmp_path), "other", now=datetime.now(UTC))) as known, closing(shelf.store()) as store:
        store._bucket.prefix = "elsewhere/"
        found = audit(store, shelf.index, known, clock=shelf.clock, promised=None)
    assert (found.needed, found.lacking) == (0, ("config", "keys", "index"))
    assert found.attention


def with_an_older_index(shelf: Shelf) -> list[str]:
    """Put another file of the index with a pack of its own, look at all of it, and hide both."""
    pack, index = shelf.put("data"), shelf.put("index")
    shelf.index.files[index.rpartition("/")[2]] = (pack.rpartition("/")[2],)
    assert shelf.audit().attention == ()
    return hide(shelf, pack, index)


def test_an_old_index_and_its_pack_hidden_are_told(shelf: Shelf) -> None:
    names = with_an_older_index(shelf)
    shelf.index.trouble = "a tree is missing"
    for _time in range(2):
        found = shelf.audit(PROMISED)
        assert (found.needed, sorted(found.hidden_names)) == (len(shelf.bodies), names)
    plan = planned(shelf)
    extended(shelf, plan)
    assert set(shelf.dates().values()) == {plan.until}


def test_what_a_prune_left_is_asked_about_once(shelf: Shelf) -> None:
    """restic finds everything that is listed whole: so nothing of it was needed, as long as no point was hidden with it."""
    with_an_older_index(shelf)
    assert shelf.audit().missed == ()
    shelf.index.trouble = "nobody asks again"
    assert shelf.audit().missed == ()
    assert planned(shelf).needed == len(shelf.bodies) - 2


def test_a_sound_rest_proves_nothing_once_a_point_is_hidden(shelf: Shelf) -> None:
    names = with_an_older_index(shelf)
    names += hide(shelf, next(name for name in shelf.bodies if name.startswith("snapshots/")))
    assert set(shelf.audit().hidden_names) == set(names)


def look(shelf: Shelf, **changes: datetime) -> ImmutableAudit:
    with closing(KnownLocks(str(shelf.root), "off", now=datetime.now(UTC), **changes)) as known, closing(shelf.store()) as store:
        return audit(store, shelf.index, known, clock=shelf.clock, promised=None)


@pytest.mark.parametrize("length", [64, 8])
def test_a_point_that_this_machine_forgot_is_not_told(shelf: Shelf, length: int) -> None:
    mine, other = hide(shelf, "snapshots/")
    LetGo(str(shelf.root), "off").tell([mine.rpartition("/")[2][:length]])
    assert look(shelf).hidden_names == (other,)


def test_a_person_may_say_that_all_is_right(shelf: Shelf) -> None:
    hide(shelf, "snapshots/")
    assert look(shelf).hidden == 2
    assert look(shelf, accepted=datetime.now(UTC) + timedelta(seconds=1)).hidden == 0
    assert look(shelf, accepted=datetime.now(UTC) - timedelta(hours=1)).hidden == 2


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server) -> LockedWorld:
    return make_locked_world(tmp_path, restic_newest, s3_server, points=2)


def test_the_verbs_with_a_repository_of_restics_own(world: LockedWorld, capsys: pytest.CaptureFixture[str]) -> None:
    """Forgetting and pruning by this machine is well; later everything is hidden, and an instant after that brings nothing back."""
    app = world.app()
    adapters = app._runtime.adapters
    assert app.immutable_audit().missed == ()
    oldest, newest = world.trees
    adapters.repositories["off"].forget((oldest,))
    adapters.repositories["off"].prune()
    assert [each.point.point for each in app.points(refresh=True)] == [newest]
    assert any(each["Key"].startswith(f"{PREFIX}/index/") for each in world.versions()[1]), "the prune replaced no index"
    found = world.app().immutable_audit()
    assert (found.missed, found.hidden) == ((), 0)

    options = (
        "--policy",
        str(world.policy(auditor="admin")),
        "--state-directory",
        str(world.root / "state"),
        "--restic",
        str(world.binary),
    )
    time.sleep(1.1)
    thief = world.client("writer")
    names = [name for name in world.current() if name.startswith(("index/", "data/", "snapshots/"))]
    for name in names:
        thief.delete_object(Bucket=world.bucket, Key=f"{PREFIX}/{name}")
    assert main(["immutable", "audit", "--json", *options]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["hidden"] >= len(names)
    assert any("went back in time" in text for text in told["attention"])
    assert main(["immutable", "extend", "--yes", *options]) == 1
    assert "cannot be read" in capsys.readouterr().out

    time.sleep(1.1)
    late = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    assert main(["immutable", "recover", "--since", late, "--yes", *options]) == 5
    said = "".join(capsys.readouterr())
    assert "whole again: 0 of 0 points ✖" in said
    assert "known here, and not listed: 1 point" in said
    assert short_id(newest) in said
    assert "hidden in the week before, and left so: " in said

    since = told["next"].rpartition(" ")[2]
    assert main(["immutable", "recover", "--since", since, "--yes", *options]) == 0
    assert "1 of 1 point" in capsys.readouterr().out
    assert world.app().immutable_audit().missed == ()
