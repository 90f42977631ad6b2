from __future__ import annotations

import contextlib
import os

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.arrivals import Arrivals
from drtool.model.codec import canonical, decode

_NAME = "arrivals.json"


class ArrivalsFile:
    """What a trusted side remembers of when points came, in a state directory: no cache, since nobody else can tell."""

    def __init__(self, state_directory: str) -> None:
        self._path = os.path.join(state_directory, _NAME)

    def load(self) -> Arrivals | None:
        """Return what was there at the last look; None: nothing was ever looked at from here, or the file is damaged."""
        data = read_json(self._path)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            return None if data is None else decode(Arrivals, data)
        return None

    def save(self, arrivals: Arrivals) -> None:
        """Replace what is remembered; raises OSError."""
        make_folder(os.path.dirname(self._path))
        write_atomically(self._path, canonical(arrivals))
