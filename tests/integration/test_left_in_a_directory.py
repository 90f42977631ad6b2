"""A restore into a directory that died leaves data there, in a place that no policy names: a sweep takes it away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.key_world import KeyWorld
from tests.integration.killed_between import called
from tests.integration.test_bare_pieces import bare, bare_state
from tests.integration.test_signed_points import world as world  # noqa: PLC0414 - a fixture

_STUCK = """#!/bin/sh
case " $* " in *" restore "*) {restic} "$@"; : >{here}/poured; sleep 60;; esac
exec {restic} "$@"
"""


def _killed_while_it_pours(world: KeyWorld, there: Path, *more: str, state: str = "state", policy: str | None = None) -> None:
    here = world.root / "stuck"
    here.mkdir()
    (here / "restic").write_text(_STUCK.format(restic=world.binary, here=here))
    (here / "restic").chmod(0o755)
    world.app()  # writes the policy
    environment = {**os.environ, "DRTOOL_STATE_DIR": str(world.root / state)}
    environment["DRTOOL_POLICY"] = str(world.policy_file) if policy is None else policy
    argv = [sys.executable, "-m", "drtool.cli.main", "restore", "documents", "--to", "directory", str(there), "--yes", *more]
    call = subprocess.Popen([*argv, "--restic", str(here / "restic")], env=environment, start_new_session=True)
    while not (here / "poured").exists():
        assert call.poll() is None
        time.sleep(0.02)
    os.killpg(call.pid, signal.SIGKILL)
    call.wait()
    assert list(there.iterdir())


@pytest.mark.parametrize("words", [("sweep",), ("run", "documents")])
def test_what_a_dead_restore_poured_into_a_directory_goes(world: KeyWorld, words: tuple[str, ...]) -> None:
    there = world.root / "there"
    _killed_while_it_pours(world, there)
    (there / "a person's").write_text("own")
    ended = called(world, [*words, "--restic", str(world.binary)])
    assert ended.returncode == 0, ended.stdout
    left = sorted(path.name for path in there.iterdir())
    assert [name for name in left if name.startswith(".drtool-")] == []
    assert "a person's" in left


def test_what_was_restored_there_since_stays(world: KeyWorld) -> None:
    there = world.root / "there"
    _killed_while_it_pours(world, there)
    for words in (["restore", "documents", "--to", "directory", str(there), "--yes"], ["sweep"]):
        ended = called(world, [*words, "--restic", str(world.binary)])
        assert ended.returncode == 0, ended.stdout
    assert sorted(path.name for path in there.rglob("*") if path.is_file()) == sorted(
        path.name for path in world.tree.rglob("*") if path.is_file()
    )


def test_a_directory_that_was_away_at_the_first_sweep_is_looked_at_by_the_next(world: KeyWorld) -> None:
    there, away = world.root / "there", world.root / "away"
    _killed_while_it_pours(world, there)
    there.rename(away)
    assert called(world, ["sweep", "--restic", str(world.binary)]).returncode == 0
    away.rename(there)
    assert called(world, ["sweep", "--restic", str(world.binary)]).returncode == 0
    assert list(there.iterdir()) == []


def test_on_a_bare_machine_it_goes_too(world: KeyWorld) -> None:
    there = world.root / "there"
    _killed_while_it_pours(world, there, *bare(world), state="bare", policy="")
    swept = called(world, ["sweep", *bare(world), "--restic", str(world.binary)], **bare_state(world))  # type: ignore[arg-type]
    assert swept.returncode == 0, swept.stdout
    assert list(there.iterdir()) == []


@pytest.mark.parametrize("name", ["/\ud800x", "/a\0b"])
def test_a_label_that_names_what_no_file_is_called_stops_nothing(world: KeyWorld, name: str) -> None:
    """Any file beside protected data may call itself a label: it needs no proof for its names to be looked at."""
    world.app()
    (source,) = world.policy["sources"]
    label = {"format": "drtool.marker/1", "what": "kept", "by": world.policy["name"], "source": source, "run": "01M8N6W02HYG1KJT443X6J8GK7"}
    label |= {"aside": name, "staging": "/elsewhere/.drtool-z", "state": "", "moves": []}
    (world.tree / "q.drtool.json").write_text(json.dumps(label))
    (world.tree / "q.drtool.json").chmod(0o600)
    for words in (["run", "documents"], ["sweep"]):
        ended = called(world, [*words, "--restic", str(world.binary)])
        assert ended.returncode == 0, ended.stdout
        assert "bug" not in ended.stdout
