from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import datetime

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical

Parts = Mapping[str, Mapping[str, str]]


class Seen:
    """Since when this host sees each part of each set's fingerprint as it is now; a cache: what it does not know changed unseen."""

    def __init__(self, state_directory: str) -> None:
        self._folder = state_directory
        self._path = os.path.join(state_directory, "fingerprints.json")

    def since(self, present: Parts, now: datetime) -> dict[str, dict[str, datetime]]:
        """Compare with what was seen before, remember what moved, and return when it did; a part first seen today has no instant."""
        before = self._read()
        found: dict[str, dict[str, datetime]] = {}
        remembered: dict[str, dict[str, list[str]]] = {}
        for name, parts in present.items():
            for part, value in parts.items():
                known = before.get(name, {}).get(part)
                instant = "" if known is None else known[1] if known[0] == value else now.isoformat()
                remembered.setdefault(name, {})[part] = [value, instant]
                if instant:
                    found.setdefault(name, {})[part] = datetime.fromisoformat(instant)
        if remembered != before:
            with contextlib.suppress(OSError):
                make_folder(self._folder)
                write_atomically(self._path, canonical(remembered))
        return found

    def _read(self) -> dict[str, dict[str, list[str]]]:
        data = read_json(self._path)
        with contextlib.suppress(TypeError, ValueError, AttributeError, IndexError):
            found = {
                str(name): {str(part): [str(seen[0]), str(seen[1])] for part, seen in parts.items()} for name, parts in (data or {}).items()
            }
            for parts in found.values():
                for seen in parts.values():
                    if seen[1]:
                        datetime.fromisoformat(seen[1])
            return found
        return {}
