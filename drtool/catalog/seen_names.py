from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import Any

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical
from drtool.model.ledger import Ledger, SeenNames

_FORMAT = "drtool.seen/1"


class SeenWorkloads:
    """What the last look at the inventory of a policy saw: names by source, and how many were unprotected.

    A cache: without it the next look is a first one.
    """

    def __init__(self, state_directory: str, *, by: str) -> None:
        self._folder = state_directory
        self._path = os.path.join(state_directory, f"inventory-{by}.json")

    def load(self) -> SeenNames:
        """Return the names that were seen; none where the file is absent or damaged."""
        sources = self._read().get("sources")
        if not isinstance(sources, dict):
            return {}
        return {str(name): frozenset(map(str, names)) for name, names in sources.items() if isinstance(names, list)}

    def unprotected(self) -> tuple[int, datetime] | None:
        """Return how many workloads were unprotected, and when; None where that is not known."""
        told = self._read()
        with contextlib.suppress(KeyError, TypeError, ValueError):
            looked = datetime.fromisoformat(told["looked"])
            return (int(told["unprotected"]), looked) if looked.tzinfo is not None else None
        return None

    def keep(self, ledger: Ledger, now: datetime) -> None:
        """Remember this look alone; where nothing can be written, nothing is remembered."""
        sources = {name: sorted(names) for name, names in ledger.seen.items()}
        told = {"format": _FORMAT, "sources": sources, "unprotected": ledger.unprotected, "looked": now}
        with contextlib.suppress(OSError):
            make_folder(self._folder)
            write_atomically(self._path, canonical(told))

    def _read(self) -> dict[str, Any]:
        data = read_json(self._path)
        return data if isinstance(data, dict) and data.get("format") == _FORMAT else {}
