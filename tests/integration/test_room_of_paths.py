"""A restore needs the room of what is asked for: one file fits where the whole does not, and a refusal leaves nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.small_policy import SmallPolicy, make_small_policy
from tests.integration.test_look_inside import done, drtool
from tests.rig.disk import full_disk

_LARGE = 6 << 20


@pytest.fixture
def disk() -> Iterator[Path]:
    with full_disk("4m") as path:
        yield path


@pytest.fixture
def small(home: Path, tmp_path: Path, restic_newest: Path) -> SmallPolicy:
    made = make_small_policy(tmp_path)
    body = json.loads(made.path.read_text())
    body["sandboxes"] = {"lab": {"here": {"directory": str(tmp_path / "lab")}, "ledger": {"directory": str(tmp_path / "lab")}}}
    made.path.write_text(json.dumps(body))
    (made.tree / "large.bin").write_bytes(os.urandom(_LARGE))
    done(made, restic_newest, "init")
    done(made, restic_newest, "run")
    return made


def held(small: SmallPolicy, binary: Path) -> list[object]:
    listed: list[object] = json.loads(done(small, binary, "history", "--json"))["history"]
    return listed


def test_one_file_fits_where_the_whole_does_not(small: SmallPolicy, restic_newest: Path, disk: Path) -> None:
    out = disk / "new" / "out"
    runs = held(small, restic_newest)
    whole = drtool(small, restic_newest, "restore", "documents", "--to", "directory", str(out), "--yes")
    assert (whole.returncode, "--path" in whole.stderr, list(disk.iterdir())) == (6, True, []), whole.stderr
    large = ("--path", str(small.tree / "large.bin"))
    refused = drtool(small, restic_newest, "restore", "documents", *large, "--to", "directory", str(out), "--yes")
    assert (refused.returncode, "free and 6.0 MiB are needed" in refused.stderr, list(disk.iterdir())) == (6, True, []), refused.stderr
    assert held(small, restic_newest) == runs, "it was refused before anything began"
    for number, path in enumerate((small.tree / "letters" / "1.txt", small.tree / "letters")):
        place = disk / str(number)
        given = ("--workload", f"here:{small.tree}", "--path", str(path), "--to", "directory", str(place), "--yes")
        taken = drtool(small, restic_newest, "restore", "documents", *given)
        assert taken.returncode == 0, taken.stderr
        assert list(place.rglob("1.txt"))
    lost = drtool(
        small, restic_newest, "restore", "documents", "--path", str(small.tree / "absent"), "--to", "directory", str(out), "--yes"
    )
    assert (lost.returncode, "is not in here:" in lost.stderr) == (1, True), lost.stderr
    deeper = str(small.tree / "letters" / "absent" / "deeper" / "1.txt")
    lost = drtool(small, restic_newest, "restore", "documents", "--path", deeper, "--to", "directory", str(out), "--yes")
    assert re.search(rf"drtool ls (?:\S+ )+{re.escape(str(small.tree))}/letters +exit 1$", lost.stderr, re.MULTILINE), (
        "the nearest folder that is there"
    )


def test_in_place_it_is_the_same(small: SmallPolicy, restic_newest: Path) -> None:
    with full_disk("10m") as disk:
        body = json.loads(small.path.read_text())
        tree = disk / "documents"
        subprocess.run(["cp", "-a", str(small.tree), str(tree)], check=True)
        body["sets"]["documents"] = {"protect": [{"here": {"paths": [str(tree)]}}], "quarantine": {"shrinks_below": "off"}}
        small.path.write_text(json.dumps(body))
        done(small, restic_newest, "run")
        runs = held(small, restic_newest)
        refused = drtool(small, restic_newest, "restore", "documents", "--yes")
        assert (refused.returncode, "are needed" in refused.stderr) == (6, True), refused.stderr
        assert held(small, restic_newest) == runs, "it was refused before anything began"
        (tree / "letters" / "1.txt").write_text("broken")
        taken = drtool(small, restic_newest, "restore", "documents", "--path", str(tree / "letters" / "1.txt"), "--yes")
        assert (taken.returncode, (tree / "letters" / "1.txt").read_text() != "broken") == (0, True), taken.stderr


def test_a_sandbox_is_as_large_as_what_goes_there(small: SmallPolicy, restic_newest: Path, tmp_path: Path) -> None:
    plan = json.loads(
        done(small, restic_newest, "plan", "restore", "documents", "--path", str(small.tree / "letters"), "--to", "sandbox", "--json")
    )
    (size,) = [step["action"]["bytes"] for step in plan["steps"] if step["id"] == "reserve/here"]
    assert 0 < size < _LARGE
    assert not (tmp_path / "lab").exists()


def test_what_nobody_knows_is_told_and_tried(small: SmallPolicy, restic_newest: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that gives no listing may still give the file."""
    wrapper = disk / "restic"
    wrapper.write_text(
        f'#!/bin/sh\nfor word do case "$word" in ls) echo "Fatal: not now" >&2; exit 1;; esac; done\nexec {restic_newest} "$@"\n'
    )
    wrapper.chmod(0o755)
    file = str(small.tree / "letters" / "1.txt")
    taken = drtool(small, wrapper, "restore", "documents", "--path", file, "--to", "directory", str(disk / "out"), "--yes")
    assert "is not known; it is tried" in taken.stderr, taken.stderr
    assert "are needed" not in taken.stderr
