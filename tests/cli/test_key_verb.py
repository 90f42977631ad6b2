"""`drtool key` as a person types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.cli.render.keys import listing_lines
from drtool.model.key import KeyListing
from tests.integration.key_world import KeyWorld, make_key_world
from tests.rig.program import called
from tests.rig.terminal import run_in_terminal

ROOT = Path(__file__).parents[2]
PASSPHRASE = re.compile(r"\b(?:[a-km-np-z2-9]{4}-){7}[a-km-np-z2-9]{4}\b")


@pytest.fixture
def world(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    """Its restic writes down how it is called."""
    recorder = tmp_path / "restic"
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/called\nexec {restic_newest} "$@"\n')
    recorder.chmod(0o755)
    made = make_key_world(tmp_path / "w", restic_newest)
    return KeyWorld(made.root, recorder, made.policy)


def arguments(world: KeyWorld, *words: str) -> list[str]:
    where = ("--policy", str(world.policy_file), "--state-directory", str(world.root / "state"), "--restic", str(world.binary))
    return [sys.executable, "-m", "drtool.cli.main", *words, *where]


def call(world: KeyWorld, *words: str) -> subprocess.CompletedProcess[str]:
    return called(arguments(world, *words)[3:], cwd=ROOT)


def test_a_key_from_its_making_to_its_proof(world: KeyWorld) -> None:
    assert "has one key only" in call(world, "key", "list").stdout
    file = world.root / "escrow.key"
    added = call(world, "key", "add", "near", "--file", str(file), "--name", "the safe")
    assert added.returncode == 0, added.stderr
    passphrase = file.read_text().strip()
    assert PASSPHRASE.fullmatch(passphrase)
    listed = call(world, "key", "list").stdout
    assert "drtool@the safe" in listed
    assert re.search(r"drtool key prove --policy \S+ .*near --file FILE", listed)
    proven = call(world, "key", "prove", "--file", str(file))
    assert "opens it alone ✔" in proven.stdout
    document = json.loads(call(world, "key", "list", "--json").stdout)
    assert document["format"] == "drtool.keys/1"
    (listing,) = document["keys"]
    assert [bool(key["last_proven"]) for key in listing["keys"]] == [False, True]
    assert call(world, "key", "remove", "near", listing["keys"][1]["id"]).returncode == 6
    removed = json.loads(call(world, "key", "remove", "near", listing["keys"][1]["id"], "--anyway", "--json").stdout)
    assert (removed["format"], removed["left"]) == ("drtool.removed_key/1", 1)
    rotated = json.loads(call(world, "key", "rotate", "near", "--json").stdout)
    assert rotated["format"] == "drtool.rotated_key/1"
    fresh = world.live.read_text().strip()
    for secret in (passphrase, fresh):
        assert secret not in (world.root.parent / "called").read_text()
        assert secret not in added.stdout + added.stderr + listed + proven.stdout + json.dumps(rotated)


def test_a_passphrase_is_shown_on_a_terminal_once(world: KeyWorld) -> None:
    screen = run_in_terminal(arguments(world, "key", "add", "near", "--print"), width=160)
    assert screen.exit_code == 0, screen.text
    (passphrase,) = PASSPHRASE.findall(screen.text)
    assert world.opens(passphrase)
    assert passphrase not in (world.root.parent / "called").read_text()


@pytest.mark.parametrize("words", [(), ("--print",), ("--file", "{root}/x", "--print"), ("--file", "{root}/x", "--name", "a\tb")])
def test_an_add_that_cannot_be_meant(world: KeyWorld, words: tuple[str, ...]) -> None:
    ended = call(world, "key", "add", "near", *(word.format(root=world.root) for word in words))
    assert ended.returncode == 2
    assert not (world.root / "x").exists()
    assert not (world.root.parent / "called").exists()


def test_mistakes_have_their_exit_codes(world: KeyWorld) -> None:
    wrong = world.root / "wrong.key"
    wrong.touch(mode=0o600)
    wrong.write_text("wrong\n")
    assert call(world, "key", "prove", "near", "--file", str(wrong)).returncode == 12
    assert call(world, "key", "prove", "near", "--file", str(world.root / "gone")).returncode == 6
    assert call(world, "key", "add", "near", "--file", str(wrong)).returncode == 6
    unknown = call(world, "key", "rotate", "far")
    assert unknown.returncode == 2
    assert "there are: near" in unknown.stderr


def test_a_repository_that_cannot_be_asked_is_told(world: KeyWorld) -> None:
    assert any("✖ it is away" in line for line in listing_lines((KeyListing("near", problem="it is away"),)))
