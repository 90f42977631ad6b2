"""What is told from the cache is what is told by asking again, after every verb that changes something."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog.signer import key_file_signer
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import Thief, drtool, grown, machine

_FORGOTTEN = {"data", "trees"}
"""What a point consists of; an index forgets it of all but the newest, and no screen tells it."""
_MOVING = {"age_seconds", "proof_age_seconds", "as_of", "now", "cycle_age_seconds", "oldest_seconds"}
NAMED = "file:{root}/named"


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def _still(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _still(each) for name, each in value.items() if name not in _MOVING | _FORGOTTEN}
    if isinstance(value, list):
        return [_still(each) for each in value]
    return re.sub(r"the newest \S+ ago", "", value) if isinstance(value, str) else value


def _agrees(world: KeyWorld, name: str, after: str) -> None:
    for verb in (("points",), ("status", "--check")):
        cached = drtool(world, name, *verb, "--json")
        fresh = drtool(world, name, *verb, "--refresh", "--json")
        assert _still(json.loads(cached.stdout)) == _still(json.loads(fresh.stdout)), f"{name}: {verb} after {after}"
        assert cached.returncode == fresh.returncode


def _after_each(world: KeyWorld, *verbs: tuple[str, ...]) -> None:
    for number, verb in enumerate(verbs):
        grown(world, f"v{number}")
        called = drtool(world, "world", *verb)
        assert called.returncode == 0, called.stdout + called.stderr
        _agrees(world, "world", " ".join(verb))


def test_the_cache_tells_what_a_fresh_listing_tells_after_a_rotation(world: KeyWorld) -> None:
    first = world.app().machine()
    machine(world, "reader")
    assert drtool(world, "reader", "adopt", first, "--yes").returncode == 0
    rotate = ("evidence", "rotate", "--yes")
    _after_each(world, ("run",), ("drill", "documents"), rotate, ("run",), rotate)
    drtool(world, "reader", "points", "--refresh")
    _agrees(world, "reader", "all that")


def test_the_cache_tells_what_a_fresh_listing_tells_after_other_verbs(world: KeyWorld) -> None:
    _after_each(world, ("hold", "add", "documents", "--until", "2099-01-01", "--reason", "why"))
    held = json.loads(drtool(world, "world", "hold", "list", "--json").stdout)["holds"][0]["id"]
    kept = ("sweep", "--kept", "--yes")
    _after_each(world, ("hold", "release", held), ("verify",), ("restore", "documents", "--yes"), kept, ("prune",), ("rebuild",))


def test_it_agrees_where_the_policy_names_the_key_and_where_another_machine_is_told(world: KeyWorld) -> None:
    key_file_signer(str(world.root / "named"))
    to = NAMED.format(root=world.root)
    assert drtool(world, "world", "evidence", "rotate", "--to", to, "--yes").returncode == 0
    _agrees(world, "world", "evidence rotate --to")
    world.policy["evidence"] = {"key": to}
    world.app()
    assert drtool(world, "world", "evidence", "rotate", "--to", to, "--yes").returncode == 0
    _agrees(world, "world", "the second evidence rotate --to")
    other = machine(world, "other")
    grown(world, "theirs")
    assert other.run().outcome == "succeeded"
    thief = Thief(world)
    thief.fresh(thief.rows("manifest")[0])
    drtool(world, "world", "points", "--refresh")
    _agrees(world, "world", "points by others")
    assert drtool(world, "world", "adopt", other.machine(), "--yes").returncode == 0
    _agrees(world, "world", "adopt")


def test_a_rotation_that_is_done_says_so_and_not_that_its_key_will_count_no_more(world: KeyWorld) -> None:
    key_file_signer(str(world.root / "named"))
    to = NAMED.format(root=world.root)
    first = drtool(world, "world", "evidence", "rotate", "--to", to, "--yes")
    assert "counts for nobody any more" in first.stderr
    world.policy["evidence"] = {"key": to}
    new = world.app().signer().fingerprint
    finished = drtool(world, "world", "evidence", "rotate", "--to", to)
    assert finished.returncode == 0, finished.stderr
    assert "An earlier rotation was finished" in finished.stdout
    again = drtool(world, "world", "evidence", "rotate", "--to", to)
    assert again.returncode == 0, again.stderr
    assert f"It is done already: {new} signs here instead of" in again.stdout
    for told in (finished, again):
        assert "counts for nobody any more" not in told.stdout + told.stderr
    other = drtool(world, "world", "evidence", "rotate", "--to", f"file:{world.root}/another", "--yes")
    assert other.returncode != 0, "there is no such key"


def test_a_key_that_never_replaced_another_is_still_refused(world: KeyWorld) -> None:
    key_file_signer(str(world.root / "named"))
    to = NAMED.format(root=world.root)
    world.policy["evidence"] = {"key": to}
    assert world.app().run().outcome == "succeeded"
    refused = drtool(world, "world", "evidence", "rotate", "--to", to)
    assert refused.returncode == 6
    assert "signs here already" in refused.stderr
    assert "counts for nobody any more" not in refused.stderr


def test_a_machine_that_rotated_is_adopted_as_one_by_whichever_of_its_keys(world: KeyWorld) -> None:
    app = world.app()
    name, old = app.machine(), app.signer().fingerprint
    assert drtool(world, "world", "drill", "documents").returncode == 0
    assert drtool(world, "world", "evidence", "rotate", "--yes").returncode == 0
    new = world.app().signer().fingerprint
    grown(world, "second")
    assert drtool(world, "world", "run").returncode == 0
    for reader, signer in (("plainly", ""), ("by-old", old), ("by-new", new)):
        machine(world, reader)
        listed = drtool(world, reader, "adopt").stdout
        assert listed.count(name) == 1
        assert "2 points of documents" in listed
        assert f"signed by {old}, then by {new}" in listed
        more = ("--signer", signer) if signer else ()
        adopted = drtool(world, reader, "adopt", name, *more, "--yes")
        assert adopted.returncode == 0, adopted.stderr
        assert old in adopted.stderr
        assert new in adopted.stderr
        told = drtool(world, reader, "status", "--refresh").stdout
        assert "had been replaced" not in told, reader
        assert "whom nobody accepted" not in told, reader
        assert "Not ours" not in drtool(world, reader, "points").stdout, reader
        _agrees(world, reader, "adopt")


def test_a_living_machine_is_not_told_to_be_adopted_without_the_other_way(world: KeyWorld) -> None:
    other = machine(world, "other")
    grown(world, "theirs")
    assert other.run().outcome == "succeeded"
    name = other.machine()
    for verb in (("status", "--refresh"), ("doctor",)):
        told = drtool(world, "world", *verb).stdout
        lines = [each for each in told.splitlines() if f"drtool adopt {name}" in each]
        assert lines
        assert all("if it is gone" in each and "`name:`" in each for each in lines)
    asked = drtool(world, "world", "adopt", name)
    assert asked.returncode == 6
    assert "is it really gone?" in asked.stderr
    assert "its newest point is" in asked.stderr


def test_of_a_machine_whose_leftovers_were_adopted_the_points_stay_its_own(world: KeyWorld) -> None:
    other = machine(world, "other")
    grown(world, "theirs")
    assert other.run().outcome == "succeeded"
    name = other.machine()
    before = drtool(world, "world", "status", "--refresh").stdout
    assert f"made by another machine of the name keyed, {name}" in before
    plan = other.plan_restore(_in_place())
    assert other.restore(plan).outcome == "succeeded"
    assert drtool(world, "world", "adopt", "--leftovers", name, "--yes").returncode == 0
    for more in ((), ("--refresh",)):
        told = drtool(world, "world", "status", *more).stdout
        assert f"made by another machine of the name keyed, {name}" in told
        assert f"drtool adopt {name}" in told
        assert "sealed by nobody of ours" not in told
    assert f"of machine {name}" in drtool(world, "world", "points").stdout
    assert drtool(world, "world", "adopt", name, "--yes").returncode == 0
    assert "another machine" not in drtool(world, "world", "status", "--refresh").stdout


def _in_place() -> Any:  # noqa: ANN401
    from drtool.model.plan import Destination  # noqa: PLC0415
    from drtool.planning.draft import RestoreRequest  # noqa: PLC0415

    return RestoreRequest(("documents",), Destination("original"))
