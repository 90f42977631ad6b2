"""What tells one file from another without reading it: the same on a disk and in a point."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from drtool.model.command import Command
from drtool.ports import Entry, Runner
from drtool.trees.filesystem import ENVIRONMENT, FileSystem

_KINDS: Final = {"file": "f", "symlink": "l", "fifo": "p", "chardev": "c", "dev": "b", "socket": "s"}
_FRACTION: Final = re.compile(r"\.(\d+)")
_DIGITS: Final = 9
_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class Facts:
    """Kind (a letter of find), size of a regular file, and time of the last change of the content: whole second, and its fraction."""

    kind: str
    bytes: int
    second: int
    fraction: str = ""

    def tells_the_same_as(self, other: Facts) -> bool:
        """Tell whether both are of one content, as far as that is told; where only the second of a time was kept, that is compared."""
        if (self.kind, self.bytes, self.second) != (other.kind, other.bytes, other.second) or self.second == _UNKNOWN:
            return False
        fractions = self.fraction.rstrip("0"), other.fraction.rstrip("0")
        return fractions[0] == fractions[1] or not all(fractions)


def found_facts(kind: str, size: int, modified: str) -> Facts:
    """Return what find tells; a link has the length of where it leads as its size, a point tells none."""
    second, _point, fraction = modified.partition(".")
    return Facts(kind, size if kind == "f" else 0, int(second), fraction[:_DIGITS])


def held_facts(entries: Iterable[Entry], place: str) -> dict[bytes, Facts]:
    """Return what a point tells of everything but directories at or below a place, by path below it."""
    base = os.fsencode(place.rstrip("/"))
    found: dict[bytes, Facts] = {}
    for entry in entries:
        path = os.fsencode(entry.path)
        if entry.type == "dir" or not (path == base or path.startswith(base + b"/")):
            continue
        second, fraction = _time(entry.modified)
        kind = _KINDS.get(entry.type, "?")
        found[path[len(base) :].lstrip(b"/")] = Facts(kind, entry.bytes if kind == "f" else 0, second, fraction)
    return found


def _time(modified: str) -> tuple[int, str]:
    fraction = _FRACTION.search(modified)
    try:
        second = int(datetime.fromisoformat(_FRACTION.sub("", modified)).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return _UNKNOWN, ""
    return second, fraction[1][:_DIGITS] if fraction else ""


def contents(runner: Runner, place: str) -> dict[bytes, Facts] | None:
    """Return the facts of everything but directories at a place, by path below it; None when that is not known."""
    found: dict[bytes, Facts] = {}

    def take(entry: bytes) -> None:
        kind, size, modified, path = entry.split(b" ", 3)
        found[path] = found_facts(kind.decode("ascii"), int(size), modified.decode("ascii"))

    argv = ("find", place, "!", "-type", "d", "-printf", r"%y %s %T@ %P\0")
    completed = FileSystem(runner).stream(Command(argv, environment=ENVIRONMENT), take)
    return found if completed.exit_code == 0 else None
