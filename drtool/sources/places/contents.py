from __future__ import annotations

from drtool.model.command import Command
from drtool.ports import Runner
from drtool.sources.places.filesystem import ENVIRONMENT, FileSystem


def contents(runner: Runner, place: str) -> dict[bytes, tuple[int, int]] | None:
    """Return size and whole second of change of everything but directories at a place, by path below it; None when that is not known."""
    found: dict[bytes, tuple[int, int]] = {}

    def take(entry: bytes) -> None:
        size, modified, path = entry.split(b" ", 2)
        found[path] = int(size), int(modified.partition(b".")[0])

    argv = ("find", place, "!", "-type", "d", "-printf", r"%s %T@ %P\0")
    completed = FileSystem(runner).stream(Command(argv, environment=ENVIRONMENT), take)
    return found if completed.exit_code == 0 else None
