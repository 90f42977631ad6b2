from __future__ import annotations

import os
from typing import Final

from drtool.model.command import Command, Completed
from drtool.model.errors import Refused
from drtool.trees.filesystem import ENVIRONMENT, FileSystem

_SECONDS: Final = 30.0
_MOST_BYTES: Final = 8 * 1024 * 1024
_SAID: Final = 300


def ask(file_system: FileSystem, *argv: str, standard_input: bytes | None = None) -> Completed:
    """Ask a program of the machine, within half a minute; Refused where its answer is cut off, NotFound where there is no such program."""
    command = Command(argv, environment=ENVIRONMENT, standard_input=standard_input, timeout_seconds=_SECONDS)
    completed = file_system.runner.run(command, keep_bytes=_MOST_BYTES)
    if len(completed.standard_output) >= _MOST_BYTES:
        raise Refused(f"{argv[0]} tells more than {_MOST_BYTES} bytes")
    return completed


def require(file_system: FileSystem, *argv: str, standard_input: bytes | None = None) -> bytes:
    """Ask likewise, and return what was printed; Refused where the program failed, by its complaint alone: an answer may hold secrets."""
    completed = ask(file_system, *argv, standard_input=standard_input)
    if completed.exit_code != 0:
        complaint = os.fsdecode(completed.standard_error.strip())[-_SAID:]
        raise Refused(f"{argv[0]} failed: {complaint or f'exit code {completed.exit_code}'}")
    return completed.standard_output
