"""Directories for what a step needs for itself, named after its run: the next sweep finds and removes what a killed run left."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Final

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused
from drtool.ports import Runner

_CLEAR: Final = 'find "${TMPDIR:-/tmp}" -mindepth 1 -maxdepth 1 -name "$1*" -user "$(id -u)" -exec rm -rf -- "{}" +'


@contextlib.contextmanager
def scratch_here() -> Iterator[str]:
    """Yield an empty private directory of this machine, which goes with the step."""
    with tempfile.TemporaryDirectory(prefix=_prefix(process.current_scope().label)) as directory:
        yield directory


@contextlib.contextmanager
def scratch_on(runner: Runner) -> Iterator[str]:
    """Yield an empty private directory where a runner runs; Refused when there is no room for one."""
    template = f"{_prefix(process.current_scope().label)}XXXXXXXX"
    made = runner.run(Command(("mktemp", "-d", "-t", template)))
    path = made.standard_output.decode("utf-8", "surrogateescape").strip()
    if made.exit_code != 0 or not path.startswith("/"):
        raise Refused(
            f"no place for temporary files on {runner.name}: {made.said(300)}", hint="make room in the directory for temporary files"
        )
    try:
        yield path
    finally:
        runner.run(Command(("rm", "-rf", "--", path)))


def clear_scratch(runner: Runner, run: str) -> None:
    """Remove what a dead run left in the directory for temporary files where a runner runs, if it has any; Refused when it stays."""
    try:
        cleared = runner.run(Command(("sh", "-c", _CLEAR, "drtool", _prefix(run))))
    except NotFound:  # without a shell nobody was given a directory there
        return
    if cleared.exit_code != 0:
        raise Refused(
            f"temporary files of run {run}, which is dead, stay on {runner.name}: {cleared.said(300)}",
            hint=f"remove {_prefix(run)}* from its directory for temporary files; the next sweep tries again",
        )


def _prefix(label: str) -> str:
    return f"drtool-{label.partition('/')[0] or 'look'}-"
