from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class GoneSet:
    """A set that has points and is not in the policy any more: how many, and of when the newest is."""

    set: str
    points: int
    newest: datetime
