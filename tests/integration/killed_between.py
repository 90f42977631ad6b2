"""A restore that is killed for good before or after one of its renames, as a power cut does it: the program itself, and SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.integration.key_world import KeyWorld

_RENAMING = r"""#!/bin/sh
case "$1" in -e) ;; *) exec {perl} "$@";; esac
count=$(cat {here}/count 2>/dev/null || echo 0); count=$((count+1)); echo $count > {here}/count
[ $count = {before} ] && kill -9 $(cat {here}/pid) && exit 1
{perl} "$@"; code=$?
[ $count = {after} ] && kill -9 $(cat {here}/pid)
exit $code
"""
_DRTOOL = "import os, sys; open(sys.argv.pop(1), 'w').write(str(os.getpid())); from drtool.cli.main import main; sys.exit(main())"


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
    argv = [sys.executable, "-c", _DRTOOL, str(pid), *arguments]
    return subprocess.run(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
