"""What was changed in a bucket, a line each, and what the last look at its locks found."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model import codec
from drtool.model.locks_found import LocksFound


class ChangeLog:
    """The changes of one repository's bucket: written before each is made, so that what stood there before is always known."""

    def __init__(self, state_directory: str, repository: str) -> None:
        self.path = os.path.join(state_directory, "immutable", f"{repository}.changes.jsonl")

    def tell(self, change: Mapping[str, object], *, at: datetime) -> None:
        """Append one change and see it to the disk."""
        make_folder(os.path.dirname(self.path))
        with open(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": at.isoformat(), **change}) + "\n")
            file.flush()
            os.fsync(file.fileno())


class LetGo:
    """The snapshots that this machine removed from a repository by itself, an id each: of any other that is hidden somebody else did it."""

    def __init__(self, state_directory: str, repository: str) -> None:
        self.path = os.path.join(state_directory, "immutable", f"{repository}.let_go")

    def tell(self, snapshots: Iterable[str]) -> None:
        """Write down what is about to be removed; where that cannot be written, it will be asked about."""
        with contextlib.suppress(OSError):
            make_folder(os.path.dirname(self.path))
            with open(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
                file.write("".join(f"{each}\n" for each in snapshots))

    def read(self) -> frozenset[str]:
        """Return the ids; of an old program only the beginning of each."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return frozenset(file.read().split())
        except (OSError, ValueError):
            return frozenset()


def keep_found(state_directory: str, repository: str, found: LocksFound) -> None:
    """Keep what a look found for whoever asks how things stand."""
    path = _path(state_directory, repository)
    make_folder(os.path.dirname(path))
    write_atomically(path, codec.canonical(found))


def last_found(state_directory: str, repository: str) -> LocksFound | None:
    """Return what the last look found; None where none is known."""
    try:
        return codec.decode(LocksFound, read_json(_path(state_directory, repository)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _path(state_directory: str, repository: str) -> str:
    return os.path.join(state_directory, "immutable", f"{repository}.json")
