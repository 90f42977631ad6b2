"""The folder around what a restore kept aside is renamed or copied, or a label gets a second name: nothing is lost, or said to be gone."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.sources.files.source import FilesSource
from drtool.testing.source_contract import RUN
from tests.contracts.test_files_carry import RULES, SERVED, STORED, everything_in, landed_in, request_for, source_at
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture

UNDOING = f"{RUN[:-1]}8"


def restored(live: Path, path: str) -> None:
    """Restore a part of the member, or all of it."""
    source = source_at(live)
    paths = (f"{live}/{path}",) if path else ()
    source.cutover(landed_in(source, request_for(live, rules=RULES, paths=paths), STORED))


def kept(source: FilesSource) -> list[str]:
    return [each.locator for each in source.leftovers(()) if each.what == "kept"]


@pytest.mark.parametrize("part", ["sub", "doc", "media"])
@pytest.mark.parametrize("how", ["renamed", "copied"])
@pytest.mark.parametrize("then", ["swept", "undone"])
def test_what_is_kept_aside_is_where_its_label_lies(live: Path, part: str, how: str, then: str) -> None:
    restored(live, part)
    moved = live.parent.with_name("moved")
    live.parent.rename(moved) if how == "renamed" else shutil.copytree(live.parent, moved, symlinks=True)
    old, papers = everything_in(live.parent) if how == "copied" else {}, moved / live.name
    source = source_at(papers)
    (leftover,) = [each for each in source.leftovers(()) if each.what == "kept" and Path(each.locator).is_relative_to(moved)]
    assert Path(leftover.locator).exists()
    assert leftover.target == f"{papers}/{part}"
    (workload,) = source.discover({"paths": [str(papers)]})
    assert leftover.locator in workload.selector["exclude"]
    if then == "swept":
        source.release(leftover)
        assert not Path(leftover.locator).exists()
        assert [path for path in kept(source) if path.startswith(str(moved))] == []
        assert (papers / "doc").read_bytes() == (b"restored" if part == "doc" else b"broken")
    else:
        source.undo(leftover, UNDOING)
        assert (papers / "doc").read_bytes() == b"broken"
        assert (papers / "sub" / "kept").read_bytes() == b"broken"
    if how == "copied":
        assert everything_in(live.parent) == old
        assert len([path for path in kept(source_at(live)) if path.startswith(str(live.parent))]) == 1


def test_what_was_renamed_around_it_alone_is_not_said_to_be_gone(live: Path) -> None:
    """Its label lies above the folder that was renamed: nobody can tell where it is now, so nothing is forgotten."""
    (live / "deep" / "er").mkdir(parents=True)
    (live / "deep" / "er" / "x").write_text("in service")
    source = source_at(live)
    request = request_for(live, rules=RULES, paths=(f"{live}/deep/er",))
    source.cutover(landed_in(source, request, {"deep/er/x": b"restored"}))
    (leftover,) = [each for each in source.leftovers(()) if each.what == "kept"]
    (live / "deep").rename(live / "shallow")
    rest = everything_in(live.parent)
    with pytest.raises(Refused, match="is not where its label says") as caught:
        source_at(live).release(leftover)
    assert "by hand" in caught.value.hint
    assert everything_in(live.parent) == rest
    assert len(kept(source_at(live))) == 1


@pytest.mark.parametrize("how", ["link", "copy"])
def test_a_second_name_of_a_label_is_about_nothing(live: Path, how: str) -> None:
    restored(live, "")
    (label,) = live.parent.glob("*.before-*.drtool.json")
    make = os.link if how == "link" else shutil.copy2
    make(label, live / label.name)
    source = source_at(live)
    (leftover,) = [each for each in source.leftovers(()) if each.what == "kept"]
    source.release(leftover)
    assert kept(source_at(live)) == []
    assert not Path(leftover.locator).exists()
    assert (live / label.name).exists(), "it is a file among others"


def test_what_was_removed_by_hand_is_forgotten(live: Path) -> None:
    restored(live, "")
    (leftover,) = [each for each in source_at(live).leftovers(()) if each.what == "kept"]
    shutil.rmtree(leftover.locator)
    source_at(live).release(leftover)
    assert kept(source_at(live)) == []


def test_whoever_takes_a_label_over_sees_what_it_moves(live: Path) -> None:
    restored(live, "")
    (leftover,) = [each for each in source_at(live).leftovers(()) if each.what == "kept"]
    (does,) = leftover.does
    assert f"removes {leftover.locator}" in does
    assert f"puts it at {live}" in does
    assert replace(leftover, does=()) != leftover
    assert SERVED["doc"] == b"broken"
