"""What the last sweep of this machine left in pieces: a look tells it, and asks nobody."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode, encode
from drtool.model.unfinished import Unfinished

_FORMAT = "drtool.unfinished/1"


class UnfinishedFile:
    """`<state>/unfinished/NAME.json`, one for each policy's name; where it cannot be written, the run itself has told it."""

    def __init__(self, state_directory: str, *, by: str) -> None:
        from urllib.parse import quote  # noqa: PLC0415 - a look pays for it only here

        self._path = os.path.join(state_directory, "unfinished", f"{quote(by, safe='')}.json")

    def load(self) -> tuple[Unfinished, ...]:
        """Return what is known; an absent or damaged file knows nothing."""
        data: Any = read_json(self._path)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            return tuple(decode(Unfinished, each) for each in data["unfinished"])
        return ()

    def save(self, found: Iterable[Unfinished]) -> None:
        """Remember this instead of what was known; killed at any moment, the old or the new stands."""
        told = tuple(found)
        if told == self.load():
            return
        with contextlib.suppress(OSError):
            make_folder(os.path.dirname(self._path))
            write_atomically(self._path, canonical({"format": _FORMAT, "unfinished": [encode(each) for each in told]}))
