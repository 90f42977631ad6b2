"""A file is gone: which points hold it, in which versions, and the command that brings it back, as a person types all of it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.docs.small_policy import SmallPolicy, make_small_policy
from tests.integration.key_world import make_key_world
from tests.integration.signed_world import Thief, drtool, machine
from tests.rig.program import called

ODD = (
    b"bad\xff\xfe.txt",
    b"bad\xff\xfd.txt",
    b"bad\xff\nx.txt",
    b"nl\nname.txt",
    b"esc\x1b[31m.txt",
    b"it's [a]*? drtool run.txt",
    b"100%s\xff.txt",
    b"!not.txt",
)
"""Names that are no UTF-8, break lines, colour a terminal, are patterns, quotes or commands, or that a restic spoils or takes for `not`."""


@dataclass
class World:
    """A small policy, and a restic that writes down what it is asked."""

    small: SmallPolicy
    restic: Path

    @property
    def calls(self) -> Path:
        return self.small.path.parent / "calls"

    def call(self, *words: str, bare: bool = False) -> subprocess.CompletedProcess[str]:
        options = ("--policy", str(self.small.path)) if not bare else ()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTIC_")}
        return called([*options, "--restic", str(self.restic), *words], env=environment, cwd=self.small.path.parent)

    def done(self, *words: str) -> str:
        ended = self.call(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def found(self, *words: str, code: int = 0) -> dict[str, Any]:
        ended = self.call("find", "--json", *words)
        assert ended.returncode == code, ended.stdout + ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout)
        assert told["format"] == "drtool.found/1"
        return told

    def point(self) -> str:
        self.done("run", "--quiet")
        return str(json.loads(self.done("points", "--json"))["points"][0]["point"]["point"])

    def packs(self, repository: Path) -> set[Path]:
        return {path for path in (repository / "data").rglob("*") if path.is_file()}


def make_world(tmp_path: Path, restic: Path) -> World:
    wrapper = tmp_path / "restic"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\nexec {restic} "$@"\n')
    wrapper.chmod(0o755)
    world = World(make_small_policy(tmp_path), wrapper)
    for name in ODD:
        Path(os.fsdecode(os.fsencode(world.small.tree) + b"/" + name)).write_bytes(b"of " + name)
    world.done("init", "--quiet")
    return world


def versions(file: dict[str, Any]) -> list[tuple[int, str, str, int]]:
    return [(each["bytes"], each["first"], each["last"], each["points"]) for each in file["versions"]]


@pytest.mark.parametrize("restic", ["restic_oldest", "restic_newest"])
def test_every_version_is_told_and_comes_back_as_it_is_told(
    home: Path, tmp_path: Path, restic: str, request: pytest.FixtureRequest
) -> None:
    world = make_world(tmp_path, request.getfixturevalue(restic))
    letters = world.small.tree / "letters"
    first = world.point()
    second = world.point()
    (letters / "1.txt").write_text("another text")
    (letters / "2.txt").unlink()
    third = world.point()

    world.calls.unlink()
    told = world.found("[12].txt")
    asked = [line for line in world.calls.read_text().splitlines() if not line.startswith("version")]
    assert sum(" find " in f" {line} " for line in asked) == 1, asked
    assert not any(" dump " in f" {line} " or " ls " in f" {line} " for line in asked), "one restic for all points"
    changed, deleted = told["files"]
    assert (changed["path"], versions(changed)) == (str(letters / "1.txt"), [(12, third, third, 1), (22, first, second, 2)])
    assert (deleted["path"], versions(deleted)) == (str(letters / "2.txt"), [(22, first, second, 2)])
    assert (changed["gone"], deleted["gone"], told["points"]) == (False, True, 3)
    assert changed["versions"][0]["repositories"] == ["near", "offsite"]

    shown = world.done("find", "bad*", "nl*", "esc*", r"it's*", "100%*", "!*")
    assert "\x1b" not in shown
    commands = [line.partition("next: ")[2] for line in shown.splitlines() if "next: " in line]
    assert len(commands) == len(ODD)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -e\n" + "\n".join(f"{line.removesuffix('PATH')}{tmp_path}/out/{at} --yes" for at, line in enumerate(commands[:2]))
    subprocess.run(["bash", "-c", script], check=True, capture_output=True, env=environment)
    back = {os.fsencode(path.name): path.read_bytes() for path in (tmp_path / "out").rglob("*.txt")}
    assert len(back) == 2
    assert all(name in ODD and text == b"of " + name for name, text in back.items())
    words = [_read_by_bash(line) for line in commands]
    assert {os.path.basename(each[each.index(b"--path") + 1]) for each in words} == set(ODD)


def _read_by_bash(line: str) -> list[bytes]:
    """What bash makes of a command line."""
    return subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], check=True, capture_output=True).stdout.split(b"\0")


@pytest.fixture
def world(home: Path, tmp_path: Path, restic_newest: Path) -> World:
    return make_world(tmp_path, restic_newest)


def test_what_cannot_be_searched_is_told_and_the_rest_is_found(world: World, home: Path) -> None:
    """Damage in one copy is gone round; in both, only that point is missing; so is a repository that is away."""
    first = world.point()
    before = {name: world.packs(name) for name in (world.small.near, world.small.offsite)}
    (world.small.tree / "letters" / "new.txt").write_text("new")
    second = world.point()

    def damage(repository: Path) -> None:
        shutil.rmtree(home / ".cache")
        shutil.rmtree(home / "drtool-state" / "cache", ignore_errors=True)
        for pack in world.packs(repository) - before[repository]:
            pack.chmod(0o600)
            pack.write_bytes(bytes(byte ^ 255 for byte in pack.read_bytes()))

    damage(world.small.near)
    told = world.found("new.txt", "9.txt")
    assert [versions(file) for file in told["files"]] == [[(22, first, second, 2)], [(3, second, second, 1)]]
    assert told["unsearched"] == []
    damage(world.small.offsite)
    told = world.found("new.txt", "9.txt", code=3)
    assert [(file["path"][-5:], versions(file), file["gone"]) for file in told["files"]] == [("9.txt", [(22, first, first, 1)], False)]
    assert {(each["point"], each["problem"]["kind"]) for each in told["unsearched"]} == {(second, "Corrupt")}
    said = world.call("find", "new.txt")
    assert (said.returncode, said.stdout) == (3, "")
    assert f"the point {second} of documents was not searched whole" in " ".join(said.stderr.split())
    assert "Nothing in what could be searched is called new.txt." in " ".join(said.stderr.split())
    assert "drtool verify" in said.stderr
    assert "(near damaged ✖) (offsite damaged ✖)" in " ".join(world.call("status").stdout.split()), "what was seen is remembered"

    world.small.offsite.rename(world.small.offsite.with_name("away"))
    away = world.call("find", "9.txt", "--newest", "2")
    assert away.returncode == 3
    assert "9.txt" in away.stdout
    assert "offsite could not be listed, and points that it alone has were not searched" in " ".join(away.stderr.split())
    assert world.call("find", "9.txt", "--in", "offsite").returncode == 10


def test_what_is_asked_for_decides_where_it_is_looked_for(world: World, tmp_path: Path) -> None:
    point = world.point()
    tree = world.small.tree
    nothing = world.call("find", "no such file")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "Nothing in 1 point is called no such file.  next, for a part of a name: drtool find" in " ".join(nothing.stderr.split("\n"))
    assert nothing.stderr.rstrip().endswith("'*no such file*'")
    assert "next" not in world.call("find", "no such*").stderr
    assert world.call("find", tree.parent.name).returncode == 1, "what lies above cannot be restored"
    assert world.found("no such file", code=1)["files"] == []
    assert [file["path"] for file in world.found("LETTERS", "--ignore-case")["files"]] == [f"{tree}/letters"]
    assert [file["path"] for file in world.found(f"{tree}/*/3.txt", "letters/4.txt", "/3.txt")["files"]] == [
        f"{tree}/letters/3.txt",
        f"{tree}/letters/4.txt",
    ]
    assert [(file["workload"], file["path"]) for file in world.found("*", "--workload", "ledger")["files"]] == [("ledger", "/ledger")]
    assert world.found("3.txt", "--set", "documents", "--in", "offsite")["files"][0]["versions"][0]["repositories"] == ["offsite"]
    for words, code, said in (
        (("--set", "dokuments"), 2, "`documents`"),
        (("--in", "of"), 2, "offsite"),
        (("--workload", "here:/"), 1, "ledger"),
        (("--newest", "0"), 2, "--newest"),
        (("[a",), 6, "does not end what it begins"),
        (("",), 2, "it is empty"),
    ):
        ended = world.call("find", "3.txt", *words)
        assert (ended.returncode, said in ended.stderr) == (code, True), (words, ended.stderr)

    bare = ("--repository", str(world.small.offsite), "--password-file", str(world.small.key))
    shown = world.call("find", "3.txt", *bare, "--state-directory", str(tmp_path / "bare"), bare=True)
    assert shown.returncode == 0, shown.stderr
    command = shlex.split(next(line.partition("next: ")[2] for line in shown.stdout.splitlines() if "next: " in line))
    ended = called([*command[1:-1], str(tmp_path / "back"), "--yes"], env=dict(os.environ))
    assert ended.returncode == 0, ended.stderr
    assert [path.read_text() for path in (tmp_path / "back").rglob("3.txt")] == [(tree / "letters" / "3.txt").read_text()]
    assert point in command


def test_points_that_are_not_ours_are_told_and_not_searched(home: Path, tmp_path: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest)
    thief = Thief(world)
    genuine = thief.rows("manifest")[0]
    forged = thief.fresh(genuine)
    for data in thief.rows("data"):
        thief.copy_data(data, forged)
    found = drtool(world, "world", "find", "*")
    assert found.returncode == 0, found.stderr
    assert genuine.labels["point"] in found.stdout
    assert forged not in found.stdout
    assert "1 point here that is not ours was not searched" in " ".join(found.stderr.split())
    machine(world, "rebuilt")
    nothing = drtool(world, "rebuilt", "find", "*")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "drtool adopt" in nothing.stderr
