from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Damage:
    """Data of a repository that disagreed with its digests or was gone: when that was seen, and of which point if of one only."""

    at: datetime
    what: str
    set: str = ""
    point: str = ""
    sliced: bool = False
    """A reading of one slice found it, which is read again within the same cycle."""
