"""A restore that is killed for good before or after one of its renames, as a power cut does it: the program itself, and SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.integration.key_world import KeyWorld
from tests.rig import program

_RENAMING = r"""#!/bin/sh
case "$1" in -e) ;; *) exec {perl} "$@";; esac
count=$(cat {here}/count 2>/dev/null || echo 0); count=$((count+1)); echo $count > {here}/count
[ $count = {before} ] && kill -9 $(cat {here}/pid) && exit 1
{perl} "$@"; code=$?
[ $count = {after} ] && kill -9 $(cat {here}/pid)
exit $code
"""


def killed(world: KeyWorld, arguments: Sequence[str], *, before: int = 0, after: int = 0, state: str = "state", **more: str) -> None:
    """Call drtool, which dies before, or after, its rename of that number."""
    here = world.root / "kills"
    here.mkdir(exist_ok=True)
    (here / "count").unlink(missing_ok=True)
    perl = here / "perl"
    perl.write_text(_RENAMING.format(perl="/usr/bin/perl", here=here, before=before, after=after))
    perl.chmod(0o755)
    ended = called(world, arguments, state=state, pid=here / "pid", PATH=f"{here}:{os.environ['PATH']}", **more)
    assert ended.returncode == -signal.SIGKILL, ended.stdout


def called(
    world: KeyWorld, arguments: Sequence[str], *, state: str = "state", pid: Path = Path(os.devnull), **more: str
) -> subprocess.CompletedProcess[str]:
    """Call drtool as a person does; what it prints is all in `stdout`."""
    environment = {**os.environ, "DRTOOL_STATE_DIR": str(world.root / state), "DRTOOL_POLICY": str(world.policy_file), **more}
    process = program.begun(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pid.write_text(str(process.pid))
    said, _nothing = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, said)
