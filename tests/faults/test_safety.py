"""Two machines at one repository, one that dies while it restores, a source that goes empty, and readings in slices."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drtool.app.facade import App
from drtool.model.errors import NotFound, Refused
from drtool.model.hold import PIN, QUARANTINE, Hold, active_holds
from drtool.model.plan import Destination, Forget, Guard, PlaceHold
from drtool.planning.evidence import verified_points
from drtool.planning.restore import RestoreRequest
from drtool.planning.verify import plan_due_verify
from drtool.ports import Body
from drtool.repositories.restic.repository import ResticRepository
from tests.faults.fault_world import Ended, Running, World
from tests.rig.disk import full_disk
from tests.rig.opened import runtime_of
from tests.rig.tree import assert_same


def holds(world: World, repository: str = "near") -> tuple[Hold, ...]:
    adapters = world.adapters()
    return active_holds(adapters.repositories[repository].list().holds, adapters.clock.now())


@contextmanager
def restoring(world: World, point: str, **keys: Any) -> Iterator[tuple[Running, Path]]:  # noqa: ANN401
    """A restore that has frozen its point and waits in a hook until the file it is given appears."""
    gate = world.root / "gate"
    hook = {"run": ["sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.1; done"], "on": "here", "timeout": "60s"}
    documents = {**world.policy["sets"]["documents"], "before_restore": [hook]}
    world.write_policy({**world.policy, "sets": {"documents": documents}})
    running = world.start("restore", "documents", point=point, **keys)
    try:
        until = time.monotonic() + 60
        while not holds(world):
            assert time.monotonic() < until, "no hold was written"
            assert running.child.poll() is None, running.wait().explain()
            time.sleep(0.2)
        yield running, gate
    finally:
        gate.touch()
        if running.child.poll() is None:
            running.child.kill()
            running.child.wait()


def an_image(world: World, other: Path) -> int:
    """The same machine, as from an image of it: nothing on the disk tells the two of each other, only the hold."""
    other.mkdir(mode=0o700)
    for name in ("machine", "accepted", "evidence"):
        (shutil.copytree if (world.state / name).is_dir() else shutil.copy2)(world.state / name, other / name)
    return 0


def an_heir(world: World, other: Path) -> int:
    """Another machine of the same name, with points of its own, that takes this one over although it is not gone."""
    oldest = world.points("near")[0]
    for _number in range(3):
        world.must("run", state=other)
    assert oldest in world.points("near"), "of a machine that it did not take over it forgets nothing"
    app = world.app(other)
    app.adopt(app.choose_adoption(runtime_of(world.app()).notary.acceptance.machines[-1]))
    for hold in app.hold_list():
        app.hold_release(hold.id)
    return 2


@pytest.mark.parametrize("another", [an_image, an_heir])
def test_a_run_of_another_state_directory_forgets_and_prunes_around_a_restore(world: World, another: Callable[[World, Path], int]) -> None:
    oldest = world.points("near")[0]
    other = world.root / "another-state"
    others_go = another(world, other)
    with restoring(world, oldest, repositories=["near"]) as (running, gate):
        (hold,) = holds(world)
        assert (hold.kind, hold.point, hold.set) == (PIN, oldest, "documents")
        assert hold.reason == f"restore {hold.run} is running"
        ran = world.must("run", state=other)
        assert ran.report is not None
        forgets = {step["id"]: step["result"] for step in ran.report["steps"] if step["action"] == "forget"}
        assert oldest in world.points("near"), "it is being read"
        forgotten = forgets.get("documents/forget/near", {}).get("points", ())
        assert oldest not in forgotten
        assert len(forgotten) == others_go
        pruned = world.drtool("prune", "near", state=other)
        assert pruned.report is not None
        assert [failure["kind"] for failure in pruned.report["failures"]][:1] == ["Locked"], pruned.explain()
        assert hold.reason in pruned.report["failures"][0]["what"]
        gate.touch()
        ended = running.wait()
    assert ended.outcome == "succeeded", ended.explain()
    assert_same(world.original, world.tree)
    assert holds(world) == ()
    world.must("run", state=other)
    assert oldest not in world.points("near")
    world.must("prune", "near", state=other)


def test_what_pinned_an_ended_restore_goes_with_the_next_points_that_are_forgotten(world: World) -> None:
    world.must("restore", "documents", to=str(world.root / "out"), repositories=["near"])

    def records() -> list[str]:
        return [hold.kind for hold in world.adapters().repositories["near"].list().holds]

    assert records() == [PIN, PIN], "what pinned the point, and what ended that"
    for _run in range(3):
        world.must("run")
    assert records() == []
    assert len(world.points("near")) > 0
    assert world.must("run").outcome == "succeeded", "nothing of it is missed"


def test_a_forget_planned_before_the_hold_leaves_the_point(world: World) -> None:
    """The plan was made when nothing was held: what decides is the listing right before the forgetting."""
    app = world.app()
    oldest = world.points("near")[0]
    plan = app.plan_run()
    assert any(oldest in step.action.points for step in plan.steps if isinstance(step.action, Forget))
    hold = Hold("H1", "documents", world.name, "somebody restores", world.adapters().clock.now(), point=oldest, kind=PIN, run="R")
    world.adapters().repositories["near"].append(hold)
    report = app.run(plan)
    (forget,) = [step for step in report.steps if step.id == "documents/forget/near"]
    assert forget.result["kept"] == {oldest: "somebody restores"}
    assert oldest in world.points("near")


@pytest.mark.parametrize("recover", ["sweep", "run"])
def test_the_freeze_of_a_dead_restore_ends_with_the_next_sweep(world: World, recover: str) -> None:
    oldest = world.points("near")[0]
    with restoring(world, oldest) as (running, _gate):
        running.child.send_signal(signal.SIGKILL)
        running.wait()
    assert [hold.kind for hold in holds(world)] == [PIN]
    world.must(recover)
    assert (holds(world), holds(world, "offsite")) == ((), ())
    world.must("prune", "near")


def test_a_point_that_went_before_it_was_held_is_not_put_in_place(world: World) -> None:
    app = world.app()
    oldest = world.points("near")[0]
    (world.tree / "newer").write_text("newer")
    plan = app.plan_restore(RestoreRequest(("documents",), Destination("original"), point=oldest, repositories=("near",)))
    assert isinstance(plan.steps[0].action, PlaceHold)
    world.adapters().repositories["near"].forget((oldest,))
    report = app.restore(plan)
    assert report.failures[0].kind == "NotFound"
    assert "forgotten in near before it could be held" in report.failures[0].what
    assert (world.tree / "newer").exists()
    exchanges = [step for step in report.steps if step.action == "cutover"]
    assert exchanges
    assert all(step.not_run for step in exchanges)
    assert not list(world.tree.parent.glob(".drtool-*")), "what was poured beside the hold is gone"
    assert holds(world) == ()


def test_a_restore_goes_on_when_the_second_copy_is_away(world: World) -> None:
    app = world.app()
    plan = app.plan_restore(RestoreRequest(("documents",), Destination("directory", str(world.root / "out"))))
    (world.root / "offsite").rename(world.root / "away")
    report = app.restore(plan)
    assert report.outcome == "succeeded", report.failures
    assert any("offsite could not be frozen" in text for text in report.sets[0].warnings)
    assert_same(world.original, world.root / "out" / "here" / str(world.tree).lstrip("/"))
    assert holds(world) == ()


def test_a_restore_goes_on_when_the_disk_of_the_repository_is_full(world: World) -> None:
    with full_disk("64m") as disk:
        shutil.copytree(world.root / "near", disk / "near")
        shutil.rmtree(world.root / "near")
        (world.root / "near").symlink_to(disk / "near")
        fill(disk)
        destination = {"form": "directory", "path": str(world.root / "out")}
        ended = world.drtool("restore", "documents", destination=destination, repositories=["near"])
    assert ended.outcome == "succeeded", ended.explain()
    assert ended.report is not None
    assert any("near could not be frozen" in text for text in ended.report["sets"][0]["warnings"])


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0


def shrink(world: World) -> None:
    """Everything in the tree and the table goes but one file."""
    for path in list(world.tree.iterdir()):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (world.tree / "ransom.txt").write_text("pay")
    world.table.write_bytes(b"-")


def test_a_source_that_went_empty_pushes_nothing_out_until_somebody_looked(world: World) -> None:
    good = world.points("near")
    shrink(world)
    ran = world.drtool("run")
    assert ran.outcome == "partial", "whoever is told hears of no success"
    assert ran.report is not None
    warnings = " ".join(ran.report["sets"][0]["warnings"])
    assert "nothing of it is forgotten" in warnings
    assert "drtool diff" in warnings
    for _day in range(3):
        again = world.drtool("run")
        assert again.outcome == "partial"
        assert again.report is not None
        assert "since" in " ".join(again.report["sets"][0]["warnings"])
    for name in ("near", "offsite"):
        assert set(good) <= set(world.points(name)), "keep: {last: 2} would have forgotten them all"
        (hold,) = holds(world, name)
        assert (hold.kind, hold.until, hold.set) == (QUARANTINE, None, "documents")
    app = world.app()
    (status,) = app.status(refresh=True).sets
    assert any("until you have looked" in text for text in status.attention)
    assert f"drtool hold release {hold.id}" in " ".join(status.attention)
    assert status.next in hold.reason
    older, newer = hold.reason.split("drtool diff ")[1].split()
    assert any("ransom.txt" in line for line in app.diff(older, newer))

    app.hold_release(hold.id)
    assert app.hold_list() == ()
    after = world.must("run")
    assert after.report is not None
    assert after.report["sets"][0]["warnings"] == []
    assert not set(good) & set(world.points("near"))
    assert len(world.points("offsite")) == 2


def test_a_member_that_went_empty_pushes_nothing_out_either(world: World) -> None:
    photos, spool = world.root / "photos", world.root / "spool"
    for place in (photos, spool):
        place.mkdir()
        (place / "one").write_text("one")
    here = [{"paths": [str(world.tree), str(photos)]}, {"paths": [str(spool)], "allow_empty": True}]
    documents = {**world.policy["sets"]["documents"], "protect": [{"here": each} for each in here]}
    world.write_policy({**world.policy, "sets": {"documents": documents}})
    assert world.drtool("run").outcome == "partial", "the table is no member any more"
    (hold,) = holds(world)
    assert "not in it any more" in hold.reason
    world.app().hold_release(hold.id)
    (spool / "one").unlink()
    world.must("run")
    good = world.points("offsite")

    (photos / "one").unlink()
    for _day in range(3):
        assert world.drtool("run").outcome == "partial"
    (hold,) = holds(world)
    assert f"{photos}: 0 files where 1 were" in hold.reason
    assert set(good) <= set(world.points("offsite")), "keep: {last: 2} would have forgotten them all"
    world.app().hold_release(hold.id)
    world.must("run")
    assert not set(good) & set(world.points("offsite"))


def with_members(world: World, *names: str, **more: Any) -> dict[str, Path]:  # noqa: ANN401 - keys of the set
    """Let the set protect the tree and folders of eight files each, and make a point of them."""
    folders = {name: world.root / name for name in names}
    for folder in folders.values():
        folder.mkdir()
        fill_again(folder)
    paths = [str(world.tree), *map(str, folders.values())]
    documents = {**world.policy["sets"]["documents"], "protect": [{"here": {"paths": paths}}], **more}
    world.write_policy({**world.policy, "sets": {"documents": documents}})
    world.drtool("run")
    for hold in world.app().hold_list():
        world.app().hold_release(hold.id)
    return folders


def fill_again(folder: Path) -> None:
    for number in range(8):
        (folder / f"file {number}").write_text("dear" * 500)


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def said(ended: Ended) -> str:
    assert ended.report is not None
    return " ".join(ended.report["sets"][0]["warnings"])


def test_a_release_says_nothing_of_what_was_lost_while_it_was_not_written(world: World) -> None:
    folders = with_members(world, "photos", "music")
    good = world.points("near")[-1]
    empty(folders["photos"])
    assert world.drtool("run").outcome == "partial"
    (hold,) = holds(world)
    empty(folders["music"])
    for _day in range(3):
        told = said(world.drtool("run"))
        assert "and since then" in told
        assert f"{folders['music']}: 0 files" in told
    assert world.app().hold_release(hold.id)
    assert world.drtool("run").outcome == "partial"
    (second,) = holds(world)
    assert f"{folders['music']}: 0 files where 8 were" in second.reason
    assert good in world.points("near")
    assert good in world.points("offsite")
    world.app().hold_release(second.id)
    world.must("run")
    assert good not in world.points("offsite")


def test_a_repository_that_is_new_goes_by_what_its_copies_have(world: World) -> None:
    folders = with_members(world, "photos")
    good = world.points("near")[-1]
    empty(folders["photos"])
    documents = json.loads(world.policy_file.read_text())["sets"]["documents"]
    shutil.rmtree(world.root / "offsite")
    world.write_policy({**world.policy, "sets": {"documents": {**documents, "to": "offsite", "copies": ["near"]}}})
    app = world.app()
    app.rebuild(accept="offsite")
    app.initialise()
    for _day in range(3):
        assert world.drtool("run").outcome == "partial"
        assert good in world.points("near")
    assert f"{folders['photos']}: 0 files where 8 were" in holds(world, "near")[0].reason


def test_a_set_that_is_partial_each_time_is_guarded_too(world: World) -> None:
    folders = with_members(world, "photos", "unplugged")
    shutil.rmtree(folders["unplugged"])
    for _day in range(3):
        assert world.drtool("run").outcome == "partial"
    assert holds(world) == (), "what is missing is told by itself"
    good = set(world.points("near"))
    empty(folders["photos"])
    for _day in range(4):
        assert world.drtool("run").outcome == "partial"
    (hold,) = holds(world)
    assert f"{folders['photos']}: 0 files where 8 were" in hold.reason
    assert good <= set(world.points("near"))


def test_what_is_taken_over_is_not_forgotten_before_somebody_looked(world: World) -> None:
    taken_over = set(world.points("near"))
    other = world.root / "state of another"
    for _day in range(3):
        world.must("run", state=other)
    app = world.app(other)
    app.adopt(app.choose_adoption(runtime_of(world.app()).notary.acceptance.machines[-1]))
    (hold,) = holds(world)
    assert "since it was adopted" in hold.reason
    assert len(holds(world, "offsite")) == 1
    assert world.drtool("run", state=other).outcome == "partial"
    assert taken_over <= set(world.points("near")), "keep: {last: 2} would have forgotten them"
    (before,) = world.app(other).status().untimed
    assert "until you have looked" in before.attention
    world.app(other).hold_release(hold.id)
    (after,) = world.app(other).status().untimed
    assert ("until you have looked" in after.attention, after.next) == (False, "drtool run documents")
    world.must("run", state=other)
    assert not taken_over & set(world.points("near"))


def test_an_adoption_that_died_half_way_is_repeated_and_holds_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = world.root / "state of another"
    for _day in range(2):
        world.must("run", state=other)
    app = world.app(other)
    adoption = app.choose_adoption(runtime_of(world.app()).notary.acceptance.machines[-1])
    append = ResticRepository.append
    written: list[str] = []

    def once(repository: ResticRepository, body: Body) -> str:
        if written:
            raise KeyboardInterrupt
        written.append(append(repository, body))
        return written[0]

    with monkeypatch.context() as dying:
        dying.setattr(ResticRepository, "append", once)
        with pytest.raises(KeyboardInterrupt):
            app.adopt(adoption)
    assert sorted(len(holds(world, name)) for name in ("near", "offsite")) == [0, 1]
    app = world.app(other)
    app.adopt(app.choose_adoption(adoption.machine))
    (near,), (offsite,) = holds(world), holds(world, "offsite")
    assert near.id == offsite.id
    world.app(other).hold_release(near.id)
    assert world.app(other).hold_list() == ()


def test_a_copy_that_never_got_the_hold_forgets_nothing_either(world: World) -> None:
    good = world.points("offsite")
    shrink(world)
    app = world.app()
    plan = app.plan_run()
    guards = [step for step in plan.steps if isinstance(step.action, Guard)]
    steps = tuple(step for step in plan.steps if step not in guards)
    report = app.run(replace(plan, steps=steps))
    assert guards
    kept = {step.id: step.result["kept"] for step in report.steps if step.action == "forget"}
    assert set(kept) == {"documents/forget/near", "documents/forget/offsite"}
    assert set(good) <= set(world.points("offsite"))


def read_slice(world: World, app: App) -> Any:  # noqa: ANN401 - a result in JSON
    plan = plan_due_verify(
        app.policy,
        app.listings(refresh=True),
        repositories=("near",),
        now=world.adapters().clock.now(),
        run=world.adapters().clock.fresh_id(),
    )
    report = app.verify(plan)
    assert report.outcome == "succeeded", report.failures
    return report.steps[0].result["data"]


def in_slices(world: World, minutes: int) -> App:
    near = {**world.policy["repositories"]["near"], "verify": {"schedule": "* * * * *", "cycle": f"{minutes}m"}}
    world.write_policy({**world.policy, "repositories": {**world.policy["repositories"], "near": near}})
    return world.app()


def test_a_cycle_is_complete_when_every_slice_was_read(world: World) -> None:
    app = in_slices(world, 3)
    points = world.points("near")
    for number in (1, 2):
        told = read_slice(world, app)
        assert (told["slice"], told["slices"], told["done"]) == (number, 3, number)
        listing = world.adapters().repositories["near"].list()
        assert verified_points(listing) == frozenset()
    (status,) = app.status(refresh=True).readings
    assert (status.done, status.slices, status.oldest_seconds) == (2, 3, None)
    world.must("run")  # more data meanwhile: later points, which this cycle says nothing of
    assert read_slice(world, app)["done"] == 3
    listing = world.adapters().repositories["near"].list()
    assert verified_points(listing) == frozenset(points) & {point.point for point in listing.points}
    assert world.points("near")[-1] not in verified_points(listing)
    assert read_slice(world, app)["done"] == 1, "a new cycle"
    (status,) = app.status(refresh=True).readings
    assert status.oldest_seconds is not None


def test_what_a_prune_moved_is_read_again(world: World) -> None:
    app = in_slices(world, 2)
    assert read_slice(world, app)["done"] == 1
    (world.tree / "bulky").write_bytes(bytes(range(256)) * 4096)
    for _again in range(2):  # both old points go, and with them half of what their packs hold
        for path in world.tree.glob("0*"):
            path.unlink()
        world.must("run")
    before = world.adapters().repositories["near"].packs(2)
    world.restic("near", "prune", "--max-unused", "0")
    after = world.adapters().repositories["near"].packs(2)
    assert before[0] | before[1] != after[0] | after[1]
    moved = bool(after[0] - before[0])
    told = read_slice(world, app)
    assert told["slice"] == 2
    assert told["done"] == (1 if moved else 2), "a slice that has a new name in it does not stand"
    if moved:
        assert (again := read_slice(world, app))["slice"] == 1
        assert again["done"] == 2


def test_one_point_alone(world: World, restic_oldest: Path) -> None:
    first, second = world.points("near")
    ended = world.app().verify(point=first)
    assert ended.outcome == "succeeded", ended.failures
    app = world.app()
    for name in ("near", "offsite"):
        assert verified_points(world.adapters().repositories[name].list()) == {first}
    with pytest.raises(NotFound):
        app.verify(point="NOSUCHPOINT")
    assert second
    world_binary = world.binary
    world.binary = restic_oldest
    try:
        refused = world.app().verify(("near",), point=first)
    finally:
        world.binary = world_binary
    assert refused.failures[0].kind == Refused.__name__
    assert "0.19" in refused.failures[0].hint
