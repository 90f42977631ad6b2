"""Killed at each write of who this machine is and whom it accepts: nothing known is lost, and the next call goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from drtool.catalog.acceptance import AcceptanceFile
from drtool.catalog.machine import kept_id

_PROGRAM = """
import os, signal, sys
from dataclasses import replace

from drtool.catalog.acceptance import AcceptanceFile
from drtool.catalog.machine import machine_id

state, fatal = sys.argv[1], int(sys.argv[2])
calls = 0


def counted(name):
    real = getattr(os, name)

    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(os, name, call)


for name in ("open", "replace", "link", "unlink", "fsync", "makedirs", "close"):
    counted(name)
machine = machine_id(state, {})
accepted = AcceptanceFile(state, by="homelab")
accepted.update(lambda known: replace(known, machines=tuple(dict.fromkeys((*known.machines, machine)))))
accepted.update(lambda known: replace(known, signers=("SHA256:mine",)))
accepted.update(lambda known: replace(known, first="SHA256:first"))
"""
_FEWEST = 20


def test_killed_at_any_write_the_next_call_goes_on(tmp_path: Path) -> None:
    fatal, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        fatal += 1
        state = str(tmp_path / str(fatal))
        code = _run(state, fatal)
        machine, known = kept_id(state), AcceptanceFile(state, by="homelab").load()
        assert _run(state, 0) == 0
        after = AcceptanceFile(state, by="homelab").load()
        assert after.machines == (kept_id(state),)
        assert machine in ("", kept_id(state))
        assert set(known.machines) <= set(after.machines)
        assert (after.signers, after.first) == (("SHA256:mine",), "SHA256:first")
    assert code == 0
    assert fatal > _FEWEST


def _run(state: str, fatal: int) -> int:
    return subprocess.run([sys.executable, "-c", _PROGRAM, state, str(fatal)], check=False).returncode
