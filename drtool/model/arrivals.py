"""When points came, by the clock of who looks: their own dates are whatever their writer says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Which points were there at the last look, which of them had come long after their date, and what is being forgotten.

    `aside`: dated in the future, and a person said that it shall stop nothing. `going`: what was to be forgotten, while some of it may
    still be there.
    """

    looked: datetime
    known: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    going: tuple[str, ...] = ()
