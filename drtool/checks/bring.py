from __future__ import annotations

import os
import shutil
from typing import IO, Final

from drtool.model.command import Command
from drtool.ports import Runner

MOST_BYTES: Final = 16 * 1024**3


def size_of(runner: Runner, path: str) -> int | None:
    """Return the bytes of a regular file where a runner runs; None when it is missing or something else, a link included."""
    completed = runner.run(Command(("find", path, "-maxdepth", "0", "-type", "f", "-printf", "%s")))
    return completed.number(f"the size of {path}") if completed.exit_code == 0 and completed.standard_output else None


def bring(runner: Runner, path: str, target: str, *, most_bytes: int = MOST_BYTES) -> str:
    """Copy a regular file to a new one on this machine, readable by this user only; returns why it could not, empty when it could."""
    size = size_of(runner, path)
    if size is None:
        return f"{path} is missing or not a file"
    if size > most_bytes:
        return f"{path} has {size} bytes, more than the {most_bytes} that are copied here to be looked at"
    free = shutil.disk_usage(os.path.dirname(target)).free
    if size > free:
        return f"{path} has {size} bytes and {os.path.dirname(target)} has {free} free to look at a copy of it"
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        piped = runner.pipe(Command(("cat", "--", path)), consume=lambda chunk: _write(copy, chunk))
    if piped.command.exit_code != 0 or piped.bytes != size:
        return f"{path} could not be read: {piped.command.said(200) or f'{piped.bytes} of {size} bytes came'}"
    return ""


def _write(copy: IO[bytes], chunk: bytes) -> None:
    copy.write(chunk)
