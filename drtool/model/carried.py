"""What a point left out of a tree, and the record of what was carried back into service because of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

CARRIED_FORMAT = "drtool.carried/1"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """By what a point left things out: the rules it was stored by, places that are missing in it, and what could not be read.

    `unreadable` are what was said of entries that could not be read. Of an incomplete tree not everything may be told: what existed at
    its `instant` and is not in it counts as left out.
    """

    exclude: tuple[str, ...] = ()
    exclude_if_present: tuple[str, ...] = ()
    exclude_caches: bool = False
    one_file_system: bool = False
    missing: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    complete: bool = True
    instant: datetime | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in which something was carried back, relative to the tree; `made`: the point does not hold it.

    `mode` is octal; the times (seconds since 1970, with a fraction) are those of before in the tree that was in service and in the
    restored one.
    """

    path: str
    made: bool
    mode: str
    user: int
    group: int
    modified: str
    restored: str = ""


@dataclass(frozen=True, slots=True)
class CarriedRecord:
    """The moves of one cutover beside the exchange itself: paths relative to the tree, and the folders they lie in."""

    entries: tuple[str, ...]
    folders: tuple[Folder, ...] = ()
    format: str = CARRIED_FORMAT


@dataclass(frozen=True, slots=True)
class Carried:
    """Where the record of what is carried back lies, its SHA-256 in hex, and what it counts."""

    record: str
    sha256: str
    entries: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What an exchange in place would mean: what is carried back into service, and what is newer than the point and stays aside.

    `notes` are what a person must know beside the counts.
    """

    carried_files: int = 0
    carried_bytes: int = 0
    newer_files: int = 0
    newer_bytes: int = 0
    notes: tuple[str, ...] = ()


class CarriedPaths:
    """Tells which entries of a tree in service were carried back: all that lies at or below one of them, and folders made for them."""

    def __init__(self, record: CarriedRecord) -> None:
        self._entries = frozenset(entry.encode("utf-8", "surrogateescape") for entry in record.entries)
        self._made = frozenset(folder.path.encode("utf-8", "surrogateescape") for folder in record.folders if folder.made)

    def __contains__(self, path: bytes) -> bool:
        return path in self._made or path in self._entries or any(item in self._entries for item in _above(path))


def _above(path: bytes) -> Iterable[bytes]:
    while path:
        path = path.rpartition(b"/")[0]
        yield path
