"""How often restic is asked, each call being a derivation of the key: no clock, the calls themselves."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.rig.program import called

POLICY = """\
drtool: 1
name: counted
repositories: {{near: {{restic: {root}/repository, password: "file:{root}/password"}}}}
sources: {{here: {{files: {{}}}}}}
defaults: {{to: near, keep: {{last: 5}}}}
sets: {{documents: {{protect: [{{here: {{paths: [{root}/documents]}}}}]}}}}
sandboxes: {{lab: {{here: {{directory: {root}/sandbox}}}}}}
drills: {{weekly: {{sets: [documents], sandbox: lab}}}}
"""


class World:
    """One folder of one file, and a restic that writes down what it is asked."""

    def __init__(self, root: Path, restic: Path) -> None:
        self.root, self._calls = root, root / "calls"
        (root / "documents").mkdir()
        (root / "documents" / "letter").write_text("dear all")
        (root / "password").write_text("only for this test")
        (root / "password").chmod(0o600)
        (root / "policy.yaml").write_text(POLICY.format(root=root))
        self._restic = root / "restic"
        self._restic.write_text(f'#!/bin/sh\necho "$*" >>{self._calls}\nexec {restic} "$@"\n')
        self._restic.chmod(0o755)

    def asked(self, *words: str) -> list[str]:
        """Call drtool, and return the commands of restic in their order, records by their role."""
        self._calls.unlink(missing_ok=True)
        options = ["--policy", str(self.root / "policy.yaml"), "--restic", str(self._restic)]
        ended = called([*options, *words], env={**os.environ, "DRTOOL_STATE_DIR": str(self.root / "state")})
        assert ended.returncode == 0, ended.stderr
        self._said = ended.stdout
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [name for line in lines if (name := _named(line.split())) != "version"]

    def told(self, *words: str) -> dict[str, Any]:
        self.asked("--json", *words)
        told: dict[str, Any] = json.loads(self._said)
        return told

    def let_wait_for_each_other(self, *verbs: str) -> None:
        """Let restic, asked for one of these, begin when it was asked for the other too, and fail where that never is."""
        (self.root / "meet").mkdir()
        lines = self._restic.read_text().splitlines()
        there = " && ".join(f"test -e {self.root}/meet/{each}" for each in verbs)
        wait = f"until {there}; do sleep 0.05; n=$((n+1)); test $n -lt 200 || exit 9; done"
        lines[-1:] = [f'n=0; case "$1" in {"|".join(verbs)}) touch "{self.root}/meet/$1"; {wait};; esac', lines[-1]]
        self._restic.write_text("\n".join(lines) + "\n")


def _named(words: list[str]) -> str:
    verb = next(each for each in words if each in ("version", "init", "snapshots", "backup", "dump", "restore", "cat", "forget", "ls"))
    role = next((each.partition("role=")[2] for each in words if each.startswith("role=")), "")
    return f"{verb} {role}".strip() if role != "data" else verb


@pytest.fixture
def world(tmp_path: Path, home: Path, every_restic: Path) -> World:
    made = World(tmp_path, every_restic)
    made.asked("init", "-q")
    made.asked("run", "-q")
    return made


def test_a_run_lists_before_it_seals_and_once_after(world: World) -> None:
    (world.root / "documents" / "letter").write_text("dear all, again")
    asked = ["snapshots", "backup", "snapshots", "backup manifest", "snapshots"]
    assert world.asked("run", "-q") == [*asked, "dump"], "the manifest of the point before says how large each member was"


def test_a_drill_lists_at_its_begin_and_where_its_pin_was_written_and_never_after(world: World) -> None:
    world.asked("drill", "weekly", "-q")  # the first of a chain looks for records of this key in every repository
    asked = world.asked("drill", "weekly", "-q")
    assert sorted(asked) == ["backup evidence", "backup hold", "backup hold", "dump", "restore", "snapshots", "snapshots"]


def test_a_drill_reads_its_manifest_while_it_lists(world: World) -> None:
    """Each waits until the other has begun: one behind the other never would."""
    world.let_wait_for_each_other("snapshots", "dump")
    assert world.asked("drill", "weekly", "-q").count("dump") == 1


def test_a_drill_reads_what_a_listing_tells_and_not_what_it_guessed(world: World) -> None:
    (world.root / "documents" / "letter").write_text("dear all, again")
    index = {each: each.read_bytes() for each in (world.root / "state" / "index").rglob("*") if each.is_file()}
    world.asked("run", "-q")
    for path, content in index.items():
        path.write_bytes(content)  # as where somebody else of our name made the newer point
    assert world.asked("drill", "weekly", "-q").count("dump") == 2
    newest = world.told("points")["points"][0]["point"]["point"]
    assert world.told("report", "last")["sets"][0]["point"] == newest


def test_what_a_drill_left_is_known_without_a_listing(world: World) -> None:
    world.asked("drill", "weekly", "-q")
    assert world.asked("status") == []
    assert world.asked("status", "--refresh") == ["snapshots"]


def test_a_restore_tells_each_census_once(world: World) -> None:
    """In its plan; what a step restored is told by its name and counts."""
    before = set((world.root / "state" / "runs").iterdir())
    world.asked("restore", "documents", "--yes", "-q")
    (folder,) = set((world.root / "state" / "runs").iterdir()) - before
    told = (folder / "plan.json").read_text() + (folder / "journal.jsonl").read_text()
    assert told.count(hashlib.sha256(b"dear all").hexdigest()) == 1
    assert told.count('"attributes":{') == 1
