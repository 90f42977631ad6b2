from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An exchange of places that lies in pieces and that no sweep has finished yet: part of what belongs there stands aside."""

    source: str
    locator: str
    run: str
    target: str
    seen: datetime
    """When a sweep of this machine saw it last."""
    why: str = ""
    """Why it could not be finished, where that is known."""

    owes: str = ""
    """What was stopped for it and is still down, in words; without a target nothing else is wrong with it."""

    @property
    def words(self) -> str:
        """Say so, for whoever looks."""
        because = f": {self.why}" if self.why else ""
        if self.owes and not self.target:
            return f"what run {self.run} stopped on {self.source} is still down ({self.owes}){because}"
        place, down = self.target or self.locator, f", and {self.owes} is down" if self.owes else ""
        where = f"what run {self.run} was exchanging at {place} on {self.source}"
        return f"{where} lies in pieces, and part of it is in no new point{down}{because}"
