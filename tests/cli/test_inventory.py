"""`drtool inventory` as a program: one word for everything, what it remembers, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.program import called

ROOT = Path(__file__).parents[2]
POLICY = """\
drtool: 1
name: homelab
repositories: {{near: {{restic: {directory}/near, password: "env:PASSWORD"}}}}
sources:
  here: {{files: {{}}}}
  billing: {{stream: {{command: [cat, /etc/hostname]}}}}
{sources}sets:
  documents: {{protect: [{{here: {{paths: [{directory}/data]}}}}], to: near, keep: {{last: 3}}}}
{inventory}"""
NAS = '  nas: {truenas: {url: "wss://127.0.0.1:1/api/current", user: drtool, key: "env:PASSWORD"}}\n'
COLUMNS = ("target", "fstype", "source", "fsroot", "maj:min")


@dataclass(frozen=True)
class World:
    """A machine with two disks and one container, told by programs of a folder."""

    directory: Path

    def policy(self, *exclusions: str, sources: str = "") -> None:
        """Write the policy, with these entries of `exclude`."""
        inventory = f"inventory: {{exclude: [{', '.join(exclusions)}]}}\n" if exclusions else ""
        text = POLICY.format(directory=self.directory, sources=sources, inventory=inventory)
        (self.directory / "policy.yaml").write_text(text, encoding="utf-8")

    def disks(self, *targets: str) -> None:
        rows = [
            dict(zip(COLUMNS, (target, "ext4", f"/dev/{number}", "/", f"8:{number}"), strict=True)) for number, target in enumerate(targets)
        ]
        self.prints("findmnt", json.dumps({"filesystems": rows}))

    def prints(self, program: str, text: str) -> None:
        (self.directory / "programs" / f"{program}.out").write_text(text)
        self.program(program, f"exec cat {self.directory}/programs/{program}.out")

    def program(self, name: str, script: str) -> None:
        path = self.directory / "programs" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {
            "PATH": f"{self.directory}/programs{os.pathsep}{os.environ['PATH']}",
            "DRTOOL_POLICY": str(self.directory / "policy.yaml"),
            "DRTOOL_STATE_DIR": str(self.directory / "state"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "PASSWORD": "a password",
            "PYTHONPATH": str(ROOT),
        }
        return called(("inventory", *words), env={**os.environ, **kept, **environment})

    def told(self, *words: str) -> dict[str, Any]:
        """Return what it says as data."""
        told: dict[str, Any] = json.loads(self.call(*words, "--json").stdout)
        return told


@pytest.fixture
def world(tmp_path: Path) -> World:
    for name in ("data", "programs"):
        (tmp_path / name).mkdir()
    world = World(tmp_path)
    world.policy()
    world.disks(f"{tmp_path}/data/disk", f"{tmp_path}/database")
    for program in ("docker", "podman", "ps", "find"):
        world.program(program, 'case "$0" in */find) exec /usr/bin/find "$@";; esac; exit 0')
    return world


def squeezed(text: str) -> str:
    """Return words without the spaces that align them."""
    return " ".join(text.split())


def states(told: dict[str, Any], directory: Path) -> dict[str, str]:
    lines = told["inventory"]
    assert len({line["workload"] for line in lines}) == len(lines)
    return {line["workload"].replace(str(directory), ""): line["state"] for line in lines if "database:" not in line["workload"]}


def test_everything_has_its_word(world: World) -> None:
    told = world.told()
    assert told["format"] == "drtool.inventory/1"
    assert states(told, world.directory) == {
        "here:/data": "protected",
        "here:/data/disk": "protected",
        "here:/database": "unprotected",
        "billing": "unprotected",
    }
    assert set(told["inventory"][0]) == {"workload", "source", "set", "sets", "state", "note", "kind", "new", "until"}


def test_an_exclusion_has_its_time(world: World) -> None:
    one = '{{workload: "{}", source: here, reason: can be made again, until: {}}}'
    world.policy(one.format(f"{world.directory}/database", "2999-01-01"), one.format("/nowhere/**", "2999-01-01"))
    told = world.told()
    assert states(told, world.directory)["here:/database"] == "excluded"
    assert "the exclusion of /nowhere/** on here matches nothing" in told["told"]
    world.policy(one.format(f"{world.directory}/database", "2026-01-31"))
    assert "unprotected its exclusion ended with 2026-01-31: can be made again" in squeezed(world.call().stdout)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--fail-on", "unprotected"), 1),
        (("--fail-on", "problem"), 0),
        (("--fail-on", "new"), 0),
        (("--fail-on", "problem", "--fail-on", "unprotected"), 1),
        (("--fail-on", "excluded"), 2),
    ],
)
def test_how_it_ends(world: World, words: tuple[str, ...], code: int) -> None:
    assert world.call(*words).returncode == code


def excluding_all(world: World) -> None:
    rest = 'reason: "no", until: 2999-01-01}'
    world.policy(
        '{workload: "/**", source: here, ' + rest,
        '{workload: "database:/**", source: here, ' + rest,
        "{workload: billing, source: billing, " + rest,
    )


def test_all_excluded_is_well(world: World) -> None:
    excluding_all(world)
    ended = world.call("--fail-on", "unprotected", "--fail-on", "problem", "--fail-on", "new")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("words", [(), ("--fail-on", "unprotected"), ("--fail-on", "problem"), ("--fail-on", "new")])
def test_a_source_that_does_not_answer_is_never_all_protected(world: World, words: tuple[str, ...]) -> None:
    world.policy(sources=NAS)
    ended = world.call(*words)
    assert ended.returncode == 1
    assert "✖  nas" in ended.stdout


@pytest.mark.parametrize("words", [(), ("--fail-on", "unprotected"), ("--fail-on", "problem"), ("--fail-on", "new")])
def test_what_a_set_cannot_protect_fails_whatever_is_asked_for(world: World, words: tuple[str, ...]) -> None:
    excluding_all(world)
    shutil.rmtree(world.directory / "data")
    ended = world.call(*words)
    assert ended.returncode == 1
    assert "data does not exist" in squeezed(ended.stdout)


def test_what_cannot_be_asked_counts_as_unprotected(world: World) -> None:
    excluding_all(world)
    world.program("podman", "echo no permission >&2; exit 1")
    assert world.call().returncode == 0, "as before there was a ledger: no set protects it"
    assert world.call("--fail-on", "unprotected").returncode == 1
    assert world.call("--fail-on", "new").returncode == 1
    assert world.call("--fail-on", "problem").returncode == 1
    shown = squeezed(world.call().stdout)
    assert "problem nobody knows what is there: podman failed: no permission" in shown
    assert "first look" not in shown, "the rest of it was looked at"


def test_new_since_the_last_look(world: World) -> None:
    first = world.call("--new", "--fail-on", "new")
    assert first.returncode == 0
    assert "first look at here: nothing of it is called new" in first.stdout
    world.disks(f"{world.directory}/data/disk", f"{world.directory}/database", f"{world.directory}/attic")
    second = world.call("--new", "--fail-on", "new")
    assert second.returncode == 1
    assert f"✖  here:{world.directory}/attic  unprotected, new" in second.stdout
    assert "database  unprotected" not in second.stdout
    assert "1 new since the last look" in second.stdout
    assert world.call("--new", "--fail-on", "new").returncode == 0
    assert not world.told("--new")["inventory"]


def test_a_look_without_leave_to_write_works(world: World, blocked: Callable[[Path], str]) -> None:
    for _look in range(2):
        ended = world.call(DRTOOL_STATE_DIR=blocked(world.directory))
        assert ended.returncode == 0, ended.stderr
        assert "first look at here" in ended.stdout


@pytest.fixture
def blocked() -> Callable[[Path], str]:
    def below_a_file(directory: Path) -> str:
        (directory / "file").touch()
        return f"{directory}/file/state"

    return below_a_file


def test_hostile_names_reach_no_terminal(world: World) -> None:
    world.disks("/srv/\x1b[2J\r\nfine ✔")
    ended = world.call()
    assert "\x1b" not in ended.stdout
    assert "here:/srv/\\x1b[2J\\x0d\\x0afine" in ended.stdout
