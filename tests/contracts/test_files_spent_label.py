"""The label of an exchange that has ended comes back with a person's own copy of the folder: it exchanges, removes and hides nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drtool.catalog.label_key import label_proofs
from drtool.model.errors import Interrupted, NotFound, Refused
from drtool.model.policy import SourcePolicy
from drtool.model.standing import Ours
from drtool.planning.adopt import choose_leftovers
from drtool.planning.pieces import lies_in_pieces
from drtool.planning.standing import left_elsewhere, left_here
from drtool.ports import Runner
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, NOW, RUN
from tests.contracts.test_files_carry import RULES, STORED, StopsAtRename, everything_in, landed_in, request_for
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture

UNDOING = f"{RUN[:-1]}8"
NONE: frozenset[str] = frozenset()


def source_at(live: Path, runner: Runner | None = None) -> FilesSource:
    """Another call of drtool, with the state directory that there is."""
    state = live.parents[1] / "state"
    state.mkdir(exist_ok=True)
    policy = SourcePolicy("here", "files", "home")
    return FilesSource(
        policy=policy,
        by=BY,
        runner=runner or LocalRunner(),
        clock=FixedClock(),
        watch=(str(live),),
        proofs=lambda: label_proofs(str(state)),
    )


def copy_of(live: Path) -> Path:
    copy = live.parents[1] / "copy"
    shutil.copytree(live.parent, copy, symlinks=True)
    return copy


def comes_back(live: Path, copy: Path) -> None:
    """Months later the copy is put where it was, and worked in."""
    shutil.rmtree(live.parent)
    shutil.copytree(copy, live.parent, symlinks=True)
    live.mkdir(exist_ok=True)
    (live / "doc").write_bytes(b"work of months")


def does_nothing(live: Path) -> None:
    source, before = source_at(live), everything_in(live.parent)
    spent = [each for each in source.leftovers(()) if each.what == "staging"]
    assert spent
    assert all(each.spent for each in spent)
    for each in spent:
        assert not lies_in_pieces(each, by=BY)
        assert not left_here(each, by=BY, machines=frozenset({each.machine}))
        assert "came back" in left_elsewhere(each, by=BY, machines=NONE)
        with pytest.raises(Refused, match="has ended"):
            source.release(each)
    with pytest.raises(NotFound):
        choose_leftovers(spent, "unknown", ours=Ours(BY, NONE, NONE), at=NOW)
    (workload,) = source.discover({"paths": [str(live.parent)]})
    assert not [each for each in workload.selector.get("exclude", ()) if Path(each).name.startswith(".drtool-") and "kept" not in each]
    assert everything_in(live.parent) == before
    landed_in(source, request_for(live, rules=RULES, run=f"{RUN[:-1]}7"), STORED)  # it stands in no restore's way


def finish(live: Path) -> None:
    for leftover in source_at(live).leftovers(()):
        if leftover.what == "staging":
            source_at(live).release(leftover)


@pytest.mark.parametrize("renames", range(5))
@pytest.mark.parametrize("ends", ["swept", "gone on with"])
def test_a_label_of_a_cutover_that_comes_back_is_spent(live: Path, renames: int, ends: str) -> None:
    landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
    with pytest.raises(Interrupted):
        source_at(live, runner=StopsAtRename(renames)).cutover(landed)
    copy = copy_of(live)
    if ends == "swept":
        finish(live)
    else:
        source_at(live).cutover(landed)
    comes_back(live, copy)
    does_nothing(live)


@pytest.mark.parametrize("renames", range(3))
def test_a_label_of_an_undo_that_comes_back_is_spent(live: Path, renames: int) -> None:
    source_at(live).cutover(landed_in(source_at(live), request_for(live, rules=RULES), STORED))
    kept = next(each for each in source_at(live).leftovers(()) if each.what == "kept")
    with pytest.raises(Interrupted):
        source_at(live, runner=StopsAtRename(renames)).undo(kept, UNDOING)
    copy = copy_of(live)
    finish(live)
    comes_back(live, copy)
    does_nothing(live)


def test_what_is_not_under_way_is_tidied_up_wherever_it_was_killed(live: Path) -> None:
    """Killed between the line that says it has ended and the removal of the label: the next sweep removes that."""
    landed_in(source_at(live), request_for(live, rules=RULES), STORED)
    (label,) = live.parent.glob(".drtool-*.json")
    label_proofs(str(live.parents[1] / "state")).spend(label.name)
    finish(live)
    assert source_at(live).leftovers(()) == ()
