"""A restore on a bare machine that was killed between its renames, its state lost: each command that is printed leads on, to the end."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from tests.integration.key_world import KeyWorld
from tests.integration.killed_between import called, killed
from tests.integration.test_in_pieces import PARTIAL, left
from tests.integration.test_signed_points import world as world  # noqa: PLC0414 - a fixture

ADOPT = re.compile(r"drtool (adopt (?:--[\w-]+ \S+ )*--leftovers [\w-]+)")


def bare(world: KeyWorld) -> tuple[str, ...]:
    return "--repository", str(world.repository), "--password-file", str(world.live)


def bare_state(world: KeyWorld) -> dict[str, str]:
    return {"state": "bare", "DRTOOL_POLICY": ""}


def killed_restore(world: KeyWorld) -> None:
    (world.tree / "letters" / "0.txt").write_text("changed since")
    killed(world, ("restore", "documents", *bare(world), "--yes"), after=1, **bare_state(world))  # type: ignore[arg-type]
    assert not world.tree.exists()


@pytest.mark.parametrize("lost", ["all of it", "its runs", "its key"])
@pytest.mark.parametrize("first", ["sweep", "restore"])
def test_what_is_printed_is_typed_and_the_exchange_is_finished(world: KeyWorld, lost: str, first: str) -> None:
    killed_restore(world)
    state = world.root / "bare"
    match lost:
        case "all of it":
            shutil.rmtree(state)
        case "its runs":
            shutil.rmtree(state / "runs")
        case _:
            (state / "label-key.json").unlink()
    if first == "restore":
        refused = called(world, ("restore", "documents", *bare(world), "--yes"), **bare_state(world))  # type: ignore[arg-type]
        assert refused.returncode not in (0, PARTIAL)
        assert "drtool sweep --repository" in refused.stdout
    swept = called(world, ("sweep", *bare(world)), **bare_state(world))  # type: ignore[arg-type]
    assert swept.returncode == PARTIAL
    assert "documents" in swept.stdout
    told = ADOPT.search(swept.stdout)
    assert told, swept.stdout
    taken = called(world, (*shlex.split(told[1]), "--yes"), **bare_state(world))  # type: ignore[arg-type]
    assert taken.returncode == 0, taken.stdout
    swept = called(world, ("sweep", *bare(world)), **bare_state(world))  # type: ignore[arg-type]
    assert swept.returncode == 0, swept.stdout
    assert (world.tree / "letters" / "0.txt").read_text() == "0 the quick brown fox\n"
    again = called(world, ("restore", "documents", *bare(world), "--yes"), **bare_state(world))  # type: ignore[arg-type]
    assert again.returncode == 0, again.stdout
    assert [each.what for each in left(world) if each.what == "staging"] == []


def test_a_bare_machine_takes_nobody_over(world: KeyWorld) -> None:
    refused = called(world, ("adopt", "somebody", *bare(world), "--yes"), **bare_state(world))  # type: ignore[arg-type]
    assert refused.returncode == 6
    assert "--leftovers" in refused.stdout


def test_what_another_left_is_told_by_a_bare_sweep_and_stays(world: KeyWorld) -> None:
    """Whoever has the repository's key chooses the names in the policy; the label's proof is what nobody else can write."""
    (world.tree / "letters" / "0.txt").write_text("changed since")
    killed(world, ("restore", "documents", "--yes"), after=1)
    swept = called(world, ("sweep", *bare(world)), **bare_state(world))  # type: ignore[arg-type]
    assert "adopt" in swept.stdout
    assert not world.tree.exists()


def test_where_nothing_can_be_kept_what_is_printed_takes_a_restore_back(world: KeyWorld) -> None:
    (world.tree / "letters" / "0.txt").write_text("changed since")
    (world.root / "file").write_text("no directory")
    unwritable = {"state": "file/state", "DRTOOL_POLICY": "", "DRTOOL_MACHINE": "box"}
    restored = called(world, ("restore", "documents", *bare(world), "--yes"), **unwritable)  # type: ignore[arg-type]
    assert restored.returncode == 0, restored.stdout
    assert "to take it back: drtool" not in restored.stdout
    assert "sweep --kept" not in " ".join(restored.stdout.split())
    told = ADOPT.search(restored.stdout)
    assert told, restored.stdout
    (undo,) = set(re.findall(r"drtool (restore --undo .*)", restored.stdout))
    for words in (told[1], undo):
        ended = called(world, (*shlex.split(words), "--yes"), **bare_state(world), DRTOOL_MACHINE="box")  # type: ignore[arg-type]
        assert ended.returncode == 0, ended.stdout
    assert (world.tree / "letters" / "0.txt").read_text() == "changed since"


def test_what_can_be_kept_is_taken_back_as_it_says(world: KeyWorld) -> None:
    restored = called(world, ("restore", "documents", *bare(world), "--yes"), **bare_state(world))  # type: ignore[arg-type]
    (undo,) = set(re.findall(r"to take it back: drtool (restore --undo .*)", restored.stdout))
    ended = called(world, (*shlex.split(undo), "--yes"), **bare_state(world))  # type: ignore[arg-type]
    assert ended.returncode == 0, ended.stdout
