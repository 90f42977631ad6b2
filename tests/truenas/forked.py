"""Children that may kill themselves, forked from a process without threads that has loaded everything already.

`python -m tests.truenas.forked MODULE` reads what is given to `MODULE.work` as a line of JSON, then numbers: for each it forks a child that
does `work(given, number)`, and prints how that ended. One that hangs says where, and is ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drtool.engine.clock import SystemClock
from drtool.model.policy import SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import proofs

ROOT = Path(__file__).resolve().parents[2]
_HANGS_SECONDS = 120


@contextlib.contextmanager
def forking(module: str, given: dict[str, Any]) -> Iterator[Callable[[int], int]]:
    """Yield what carries out one number and returns how it ended: 0, or minus the signal."""
    argv = [sys.executable, "-m", "tests.truenas.forked", module]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        into, out = child.stdin, child.stdout
        into.write(json.dumps(given) + "\n")

        def carry_out(number: int) -> int:
            into.write(f"{number}\n")
            into.flush()
            return int(out.readline())

        try:
            yield carry_out
        finally:
            into.close()


def make_source(settings: dict[str, Any], *, by: str) -> TruenasSource:
    runner = LocalRunner()
    policy = SourcePolicy("nas", "truenas", "home", settings)
    return TruenasSource(policy=policy, by=by, runner=runner, clock=SystemClock(), secrets=Secrets(os.environ, runner), proofs=proofs)


def main() -> None:
    work = importlib.import_module(sys.argv[1]).work
    given = json.loads(sys.stdin.readline())
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            faulthandler.dump_traceback_later(_HANGS_SECONDS, exit=True)
            work(given, int(line))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
