"""When points came, by the clock of who looks: their own dates are whatever their writer says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Which points were there at the last look, and which of them had come long after their date."""

    looked: datetime
    known: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
