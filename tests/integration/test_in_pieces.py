"""An exchange that was killed between its renames: what is stored of its place is not whole, and that is said until it is finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drtool.model.workload import Leftover
from tests.integration.key_world import KeyWorld
from tests.integration.killed_between import called, killed
from tests.integration.test_signed_points import world as world  # noqa: PLC0414 - a fixture

PARTIAL, NEEDS_ATTENTION = 3, 1


def letters(world: KeyWorld) -> Path:
    return world.tree / "letters"


def in_pieces(world: KeyWorld) -> str:
    """Kill a restore of one folder after what is in service was set aside; return its run."""
    (letters(world) / "0.txt").write_text("changed since")
    (world.tree / "beside").write_text("in service")
    killed(world, ("restore", "documents", "--path", str(letters(world)), "--yes"), after=1)
    assert not letters(world).exists()
    assert list(world.tree.glob("letters.before-*"))
    return next(each.run for each in left(world))


def left(world: KeyWorld) -> tuple[Leftover, ...]:
    return world.adapters().sources["here"].leftovers(())


def something_new(world: KeyWorld) -> None:
    """An application makes its folder anew: the exchange cannot be finished until a person has moved that away."""
    letters(world).mkdir()
    (letters(world) / "only").write_text("new")


def newest(world: KeyWorld) -> tuple[bool, bool]:
    """Tell whether the newest point is complete, and whether status is red."""
    view = world.app().points("documents", refresh=True)[0]
    return view.point.complete, called(world, ("status", "--check")).returncode == NEEDS_ATTENTION


def test_a_run_says_what_its_sweep_could_not_finish(world: KeyWorld) -> None:
    run = in_pieces(world)
    something_new(world)
    for _again in range(2):
        ended = called(world, ("run",))
        assert ended.returncode == PARTIAL, ended.stdout
        assert f"what run {run} was exchanging at {letters(world)}" in ended.stdout
        assert "something new stands at" in ended.stdout
        assert newest(world) == (False, True)
    told = called(world, ("status", "--check"))
    assert run in told.stdout
    assert "in no new point" in told.stdout
    assert "next: drtool sweep" in told.stdout
    asked = called(world, ("doctor",))
    assert asked.returncode != 0
    assert "in no new point" in asked.stdout
    assert called(world, ("sweep",)).returncode not in (0, PARTIAL)
    shutil.rmtree(letters(world))
    assert called(world, ("sweep",)).returncode == 0
    assert (letters(world) / "0.txt").read_text() == "0 the quick brown fox\n"
    assert "in no new point" not in called(world, ("status", "--check")).stdout
    assert "in no new point" not in called(world, ("doctor",)).stdout
    assert called(world, ("run",)).returncode == 0
    assert newest(world)[0]


def test_points_that_are_not_whole_push_none_out_that_is(world: KeyWorld) -> None:
    whole = world.app().points("documents", refresh=True)[0].point.point
    in_pieces(world)
    something_new(world)
    for _again in range(5):  # `keep: {last: 3}`
        called(world, ("run",))
    assert whole in {view.point.point for view in world.app().points("documents", refresh=True)}


@pytest.mark.parametrize("verb", ["run --due", "prune", "copy", "verify"])
def test_whichever_verb_swept_a_look_tells_it(world: KeyWorld, verb: str) -> None:
    world.policy["sets"]["documents"]["schedule"] = "* * * * *"
    world.app()
    in_pieces(world)
    something_new(world)
    called(world, tuple(verb.split()))
    assert "in no new point" in called(world, ("status",)).stdout


@pytest.mark.parametrize("lost", ["state", "journals"])
@pytest.mark.parametrize("new", [False, True], ids=["nothing", "something new"])
def test_what_is_ours_under_way_of_an_unknown_run_is_never_silent(
    world: KeyWorld, monkeypatch: pytest.MonkeyPatch, lost: str, *, new: bool
) -> None:
    """Its lease is a day away: a sweep says so, a run is partial, and taking it over finishes it at once."""
    monkeypatch.setenv("DRTOOL_MACHINE", "box")
    point = world.app().points("documents", refresh=True)[0].point.point
    run = in_pieces(world)
    if lost == "state":
        kept = world.root / "state" / "evidence"
        shutil.copytree(kept, world.root / "evidence")
        shutil.rmtree(world.root / "state")
        (world.root / "state").mkdir(mode=0o700)
        shutil.copytree(world.root / "evidence", kept)
    else:
        shutil.rmtree(world.root / "state" / "runs")
    if new:
        something_new(world)
    swept = called(world, ("sweep",))
    assert run in swept.stdout
    assert "drtool adopt --leftovers box" in swept.stdout
    assert swept.returncode == PARTIAL, swept.stdout
    ended = called(world, ("run",))
    assert ended.returncode == PARTIAL, ended.stdout
    assert "drtool adopt --leftovers box" in ended.stdout or "drtool sweep" in ended.stdout
    assert newest(world)[0] is (lost == "state")  # what stands aside is stored under its name where no label is proven
    again = ("restore", "documents", "--point", point, "--path", str(letters(world)), "--yes")
    refused = called(world, again)
    assert "drtool sweep" in refused.stdout
    assert called(world, ("adopt", "--leftovers", "box", "--yes")).returncode == 0
    shutil.rmtree(letters(world), ignore_errors=True)
    swept = called(world, ("sweep",))
    assert swept.returncode == 0, swept.stdout
    assert (letters(world) / "0.txt").read_text() == "0 the quick brown fox\n"
    assert called(world, ("run",)).returncode == 0
    assert newest(world)[0]
    assert called(world, ("restore", "documents", "--path", str(letters(world)), "--yes")).returncode == 0


def test_what_was_taken_over_by_an_earlier_call_is_told_until_its_run_is(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that was accepted, of a run of which nobody said that it is over: it is told, and taking it over again says that."""
    monkeypatch.setenv("DRTOOL_MACHINE", "box")
    run = in_pieces(world)
    shutil.rmtree(world.root / "state")
    notary = world.runtime().notary
    labels = tuple(each.unproven for each in left(world))
    assert all(labels)
    notary.adopt(lambda known: type(known)(**{**{name: getattr(known, name) for name in known.__slots__}, "labels": labels}))
    assert {each.unproven for each in left(world)} == {""}
    swept = called(world, ("sweep",))
    assert swept.returncode == PARTIAL, swept.stdout
    assert run in swept.stdout
    assert called(world, ("adopt", "--leftovers", "box", "--yes")).returncode == 0
    assert called(world, ("sweep",)).returncode == 0
    assert (letters(world) / "0.txt").exists()
