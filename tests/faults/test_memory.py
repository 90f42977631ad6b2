"""Repositories that go back in time, list too little, or are found damaged on the way: noticed, told, and nothing taken away meanwhile."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from drtool.app import holds, upkeep
from drtool.cli.main import main
from drtool.model.errors import Refused
from drtool.model.memory import Memory
from tests.faults.fault_world import World, copy, remove
from tests.rig.opened import runtime_of


def call(world: World, *words: str) -> int:
    where = ["--policy", str(world.policy_file), "--state-directory", str(world.state), "--restic", str(world.binary)]
    return main([*where, *words])


def roll_back(world: World, *names: str) -> None:
    """Put repositories back to how they were saved."""
    for name in names:
        remove(world.root / name)
        copy(world.root.with_name(f"{world.root.name}.{name}.old"), world.root / name)


@pytest.fixture
def aged(world: World) -> World:
    """A world with one more point than its older selves have."""
    for name in ("near", "offsite"):
        remove(world.root.with_name(f"{world.root.name}.{name}.old"))
        copy(world.root / name, world.root.with_name(f"{world.root.name}.{name}.old"))
    world.must("run")
    return world


@pytest.mark.parametrize("names", [("near", "offsite"), ("near",), ("offsite",)])
def test_an_older_repository_is_told_by_all_until_a_person_accepts_it(
    aged: World, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    world = aged
    newest = world.points("near")[-1]
    roll_back(world, *names)
    assert call(world, "status", "--check", "--refresh") == 1
    told = capsys.readouterr().out
    for name in names:
        assert f"{name} went back in time: " in told
    assert newest in told
    assert call(world, "status", "--check") == 1, "from the index"
    assert call(world, "doctor", names[0]) == 1
    assert re.search(rf"drtool rebuild .*--accept {names[0]}\b", capsys.readouterr().out)
    ended = world.drtool("run")
    assert ended.outcome == "partial", ended.explain()
    assert ended.report is not None
    skipped = "\n".join(ended.report["skipped"])
    assert all(f"forgetting points of documents in {name}" in skipped for name in names)
    assert call(world, "rebuild") == 0
    assert call(world, "status", "--check") == 1, "a rebuilt cache misses it all the same"
    for name in names:
        assert call(world, "rebuild", "--accept", name) == 0
        notes = world.app().history()[0].notes
        assert any("accepted" in note and name in note for note in notes), "the next person can read what was accepted"
    capsys.readouterr()
    call(world, "status")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]  # what the last attempt met is told until the next one
    assert not [line for line in lines if line.startswith(tuple(f"{name} went back" for name in names))]
    assert world.must("run").report is not None


def test_a_repository_that_is_not_known_is_not_accepted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(world, "rebuild", "--accept", "nera") == 2
    assert "near" in capsys.readouterr().err


def test_what_was_learned_anew_is_told_nowhere_and_kept_private(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    remove(world.state / "memory")
    call(world, "status", "--refresh")
    assert "back in time" not in capsys.readouterr().out
    (near,) = (world.state / "memory").glob("near-*.json")
    assert near.stat().st_mode & 0o777 == 0o600
    assert near.parent.stat().st_mode & 0o777 == 0o700
    assert len(json.loads(near.read_text())["points"]) == 2
    near.write_text("{")
    call(world, "status", "--refresh")
    assert "back in time" not in capsys.readouterr().out


def manifests(world: World, repository: str) -> dict[str, str]:
    """The snapshots of manifests, by point."""
    rows = json.loads(world.restic(repository, "snapshots", "--json").stdout)
    tags = {row["id"]: row["tags"] for row in rows if "role=manifest" in row["tags"]}
    return {next(tag[6:] for tag in found if tag.startswith("point=")): identifier for identifier, found in tags.items()}


def hide(world: World, repository: str, identifier: str) -> tuple[Path, Path]:
    """Let a repository list too little for a while, as a store does that is behind."""
    (path,) = (world.root / repository / "snapshots").glob(f"{identifier}*")
    aside = world.root / "hidden"
    shutil.move(path, aside)
    return aside, path


def test_nothing_is_pruned_forgotten_or_swept_while_a_point_is_not_listed(world: World) -> None:
    newest = world.points("near")[-1]
    aside, path = hide(world, "near", manifests(world, "near")[newest])
    ended = world.drtool("prune", "near")
    assert ended.outcome == "refused", ended.explain()
    assert ended.report is not None
    (failure,) = ended.report["failures"]
    assert newest in failure["what"]
    assert "it is not pruned" in failure["what"]
    assert world.drtool("sweep").outcome == "failed"
    ended = world.drtool("run")
    assert ended.outcome == "partial"
    shutil.move(aside, path)
    world.must("prune", "near")
    world.assert_sound("near")
    world.assert_restorable("near", newest)
    world.must("run")


def test_a_listing_that_lacks_what_was_just_written_takes_nothing_away(world: World) -> None:
    runtime = runtime_of(world.app(), world.binary)
    repository = runtime.adapters.repositories["near"]
    hold = holds.hold_add(runtime, "documents", until=None, reason="legal")
    rows = json.loads(world.restic("near", "snapshots", "--json").stdout)
    written = next(row["id"] for row in rows if f"hid={hold.id}" in row["tags"])
    aside, path = hide(world, "near", written)
    (lost,) = repository.list().vanished
    assert lost.kind == "written"
    assert hold.id in lost.name
    report = upkeep.prune(runtime, ("near",))
    assert report.outcome == "refused"
    shutil.move(aside, path)
    assert repository.list().vanished == ()


def test_a_forgetting_that_was_killed_is_no_loss(world: World) -> None:
    undisturbed = world.must("run")
    steps = [tuple(each[:2]) for each in undisturbed.heard]
    wanted = [number for number, each in enumerate(steps, start=1) if each == ("command_started", "documents/forget/near")]
    assert wanted, "nothing was forgotten"
    world.load()
    for number in (wanted[0] - 1, *wanted):
        world.load()
        assert world.drtool("run", at=number).code == -signal.SIGKILL
        world.must("run")
        assert all(listing.vanished == () for listing in world.app().listings(refresh=True).values())


def test_damage_that_a_restore_met_is_told_until_it_was_read_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    saved = world.root / "near.whole"
    copy(world.root / "near", saved)
    for pack in (world.root / "near" / "data").rglob("*"):
        if pack.is_file():
            body = bytearray(pack.read_bytes())
            body[len(body) // 3] ^= 0xFF
            pack.chmod(0o600)
            pack.write_bytes(body)
    destination = {"form": "directory", "path": str(world.root / "there")}
    world.must("restore", "documents", destination=destination, repositories=["offsite"])
    remove(world.root / "there")
    ended = world.drtool("restore", "documents", destination=destination, repositories=["near"])
    assert ended.outcome == "Corrupt", ended.explain()
    assert call(world, "status", "--check") == 1
    assert "near was found damaged" in capsys.readouterr().out
    assert call(world, "doctor", "near") == 1
    assert "near was found damaged" in capsys.readouterr().out
    remove(world.root / "near")
    copy(saved, world.root / "near")
    ended = world.drtool("run")
    assert ended.outcome == "partial", "nothing has shown yet that it is well"
    assert call(world, "rebuild") == 0
    call(world, "status")
    assert "near was found damaged" in capsys.readouterr().out
    world.must("verify", "near")
    world.must("run")
    call(world, "status")
    assert "found damaged" not in capsys.readouterr().out


def test_a_drill_of_the_point_clears_what_was_met_in_it(world: World) -> None:
    newest = world.points("offsite")[-1]
    (path,) = (world.state / "memory").glob("offsite-*.json")
    memory = json.loads(path.read_text())
    memory["damage"] = [{"at": "2026-01-01T00:00:00Z", "what": "a pack is gone", "set": "documents", "point": newest, "sliced": False}]
    path.write_text(json.dumps(memory))
    assert any("found damaged" in each for each in world.app().status(refresh=True).sets[0].attention)
    world.must("drill", "proof")
    assert not any("found damaged" in each for each in world.app().status(refresh=True).sets[0].attention)


def test_what_cannot_be_written_down_is_not_forgotten(world: World) -> None:
    adapters = world.adapters()
    oldest = world.points("near")[0]
    remove(world.state / "memory")
    (world.state / "memory").write_text("a file where a folder should be")
    with pytest.raises(Refused, match="cannot be written down"):
        adapters.repositories["near"].forget((oldest,))
    assert world.points("near")[0] == oldest
    assert adapters.repositories["near"].list().vanished == (), "a listing goes on without a memory"


def test_the_memory_of_a_new_address_begins_anew(world: World) -> None:
    body: dict[str, Any] = json.loads(json.dumps(world.policy))
    (world.root / "elsewhere").mkdir()
    body["repositories"]["near"]["restic"] = str(world.root / "elsewhere" / "near")
    world.write_policy(body)
    world.must("initialise", "near")
    assert world.adapters().repositories["near"].list().vanished == ()
    assert Memory("near").vanished == ()
