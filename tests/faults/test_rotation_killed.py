"""Killed at each step of a rotation of the signing key: nothing that was sealed is lost, and the same call finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.app.facade import App
from tests.integration.key_world import KeyWorld, make_key_world
from tests.integration.signed_world import grown, machine

pytestmark = pytest.mark.timeout(600)

_PROGRAM = """
import os, signal, sys

from drtool.app.opening import open_policy
from drtool.engine.remembered import Remembered

policy, state, binary, fatal = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
calls = 0


def step():
    global calls
    calls += 1
    if calls == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


def counted(holder, name):
    real = getattr(holder, name)

    def call(*arguments, **named):
        step()
        return real(*arguments, **named)

    setattr(holder, name, call)


app = open_policy(policy, state_directory=state, binary=binary)
counted(os, "replace")
counted(Remembered, "append")
app.rotate_signer()
"""
_FEWEST = 10


def test_killed_at_any_step_the_same_call_finishes(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest)
    fatal, code = 0, -signal.SIGKILL
    sealed = 1
    while code == -signal.SIGKILL:
        fatal += 1
        before = world.app().signer().fingerprint
        said = _said(world)
        code = _rotate(world, fatal)
        app = world.app()
        if fatal % 3 == 1 and sealed < 3:  # what is sealed between the kill and the end counts, whichever key signed it
            grown(world, f"between-{fatal}")
            assert app.run().outcome == "succeeded"
            sealed += 1
        if code == -signal.SIGKILL and (app.signer().fingerprint == before or not _finished(world, said)):
            app.rotate_signer()
        app = world.app()
        assert app.signer().fingerprint != before
        assert _finished(world, said)
        assert not os.path.lexists(tmp_path / "state" / "evidence" / "key.next")
        assert len(_points(app)) == sealed
    assert code == 0
    assert fatal > _FEWEST
    rebuilt = machine(world, "rebuilt")
    rebuilt.adopt(rebuilt.choose_adoption(world.app().machine()))
    assert _points(rebuilt) == _points(world.app())


def _points(app: App) -> set[str]:
    return {view.point.point for view in app.points(refresh=True)}


def _finished(world: KeyWorld, said: int) -> bool:
    return _said(world) == said + 2


def _said(world: KeyWorld) -> int:
    listed = world.restic("snapshots", "--json", "--tag", "drtool,role=rotation").stdout
    return len(json.loads(listed) or ())


def _rotate(world: KeyWorld, fatal: int) -> int:
    argv = [sys.executable, "-c", _PROGRAM, str(world.policy_file), str(world.root / "state"), str(world.binary), str(fatal)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode
