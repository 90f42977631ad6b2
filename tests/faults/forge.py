"""drtool after drtool in processes of their own, each a fork of one that has everything loaded: what a start costs is paid once.

`python -m tests.faults.forge` reads the names of specifications (tests/faults/driver.py) from standard input, one a line, and answers each
with how that drtool ended. Further keys of a specification: `environment` is its whole environment, `directory` where it stands,
`output` the file that takes what it says, `seconds` after which it is ended as one that hangs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import driver

Work = Callable[[dict[str, Any], str], None]
ROOT = Path(__file__).resolve().parents[2]
HUNG = 70


class Forge:
    """The other end of it: carries out one specification after the other; started when first asked."""

    def __init__(self, module: str = "tests.faults.forge") -> None:
        self._module = module
        self._child: subprocess.Popen[str] | None = None

    def carry_out(self, specification: Path) -> int:
        """Return how that drtool ended, as the module subprocess tells it."""
        if self._child is None:
            argv = [sys.executable, "-m", self._module]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
            self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{specification}\n")
        self._child.stdin.flush()
        return int(self._child.stdout.readline())

    def close(self) -> None:
        if self._child is not None:
            self._child.communicate(timeout=20)


def serve(work: Work) -> None:
    """Answer until there are no more."""
    for line in sys.stdin:
        sys.__stdout__.write(f"{_fork(line.strip(), work)}\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


def _fork(path: str, work: Work) -> int:
    specification = json.loads(Path(path).read_text())
    child = os.fork()
    if child == 0:
        code = HUNG
        with contextlib.suppress(SystemExit):
            try:
                _take_place(specification)
                work(specification, path)
                code = 0
            finally:
                if code:
                    sys.excepthook(*sys.exc_info())
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
    until = time.monotonic() + specification.get("seconds", 60)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return HUNG
        time.sleep(0.005)


def _take_place(specification: dict[str, Any]) -> None:
    """Stand where a process of its own would: its environment, directory and three streams."""
    os.environ.clear()
    os.environ.update(specification["environment"])
    os.chdir(specification["directory"])
    output = os.open(specification["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


if __name__ == "__main__":
    serve(lambda _specification, path: driver.main(path))
