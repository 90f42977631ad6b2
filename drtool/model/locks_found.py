"""What the last look at the locks of a repository found: all that whoever asks how things stand has to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class LocksFound:
    """What the last audit or extension found, so that a look need not ask; seconds throughout."""

    taken: datetime
    needed: int
    earliest: datetime | None
    unlocked: int
    trouble: tuple[str, ...] = ()

    def left(self, now: datetime) -> timedelta | None:
        """Return for how long the first lock still holds; None where nothing is locked."""
        return None if self.earliest is None else self.earliest - now
