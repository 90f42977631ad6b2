from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBERS: Final = re.compile(r"(?:^|-)(\d+(?:\.\d+)+|\d+)(?:-(ALPHA|BETA|RC|MASTER|INTERNAL)[.-]?(\d*))?", re.IGNORECASE)
_STAGES: Final = ("ALPHA", "BETA", "RC")


@dataclass(frozen=True, slots=True, order=True)
class ReleaseNumber:
    """A release of TrueNAS, in their order: numbers, then alpha, beta, candidate, release (3), then the number of the candidate."""

    numbers: tuple[int, ...]
    stage: int = len(_STAGES)
    candidate: int = 0


def read_release(text: str) -> ReleaseNumber | None:
    """Read a version as the NAS spells it (`25.10.1`, `TrueNAS-26.0.0-BETA.3`); None when it is none."""
    found = _NUMBERS.search(text.strip())
    if found is None:
        return None
    numbers = tuple(int(part) for part in found[1].split("."))
    word = (found[2] or "").upper()
    stage = len(_STAGES) if not word else _STAGES.index(word) if word in _STAGES else 0
    return ReleaseNumber((*numbers, *(0,) * (4 - len(numbers))), stage, int(found[3] or 0))
