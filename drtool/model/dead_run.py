from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run of this machine that died: what it left is still there, until a sweep, or the next run, tidies it up."""

    run: str
    verb: str
    since: datetime
    sets: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say so, for whoever looks."""
        of = f" of {', '.join(self.sets)}" if self.sets else ""
        return f"the {self.verb}{of} begun {self.since:%Y-%m-%d %H:%M} UTC died, and what it left was not tidied up yet"
