"""Which names below a repository's prefix are its own: whatever else a listing tells is counted, and never touched."""

from __future__ import annotations

import re
from typing import Final

_DIGEST: Final = r"[0-9a-f]{64}"
_NAMES: Final = {
    "config": re.compile("config"),
    "data": re.compile(rf"data/([0-9a-f]{{2}})/(?=\1){_DIGEST}"),
    **{part: re.compile(f"{part}/{_DIGEST}") for part in ("keys", "index", "snapshots", "locks")},
}


def is_own(part: str, name: str) -> bool:
    """Tell whether a name is one of a part of a repository."""
    return _NAMES[part].fullmatch(name) is not None


def prefix_of(part: str) -> str:
    """Return what the names of a part begin with."""
    return part if part == "config" else f"{part}/"
