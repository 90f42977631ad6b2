"""What is expected of a recovery, and how far past expectations were off; seconds throughout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StepForecast:
    """One step: half of the time it ends within `p50_seconds`, nine times of ten within `p90_seconds`; None: `reason` says why not.

    `measurements` made it, the newest of `newest`, with a `cache` that was cold or warm, at `destination`; `borrowed` when that is
    another lane than the step's own. `simple`: a mere rate, as the measurements are too few or too alike to tell more.
    """

    step: str
    p50_seconds: float | None
    p90_seconds: float | None
    measurements: int = 0
    newest: datetime | None = None
    cache: str = ""
    destination: str = ""
    borrowed: bool = False
    simple: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetForecast:
    """One set, from the declaration to its last check, as its RTO is counted.

    `unmeasured` names what was never measured and counts as nothing.

    `measurements`, `newest`, `cache` and `destination` are those of its least known restore.
    """

    set: str
    p50_seconds: float | None
    p90_seconds: float | None
    objective_seconds: float | None = None
    measurements: int = 0
    newest: datetime | None = None
    cache: str = ""
    destination: str = ""
    simple: bool = False
    unmeasured: tuple[str, ...] = ()
    reason: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether nine times of ten the objective is met; None when that cannot be told."""
        if self.p90_seconds is None or self.objective_seconds is None:
            return None
        return self.p90_seconds <= self.objective_seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """A whole plan: its steps, its sets, and the last check of all."""

    sets: tuple[SetForecast, ...]
    steps: tuple[StepForecast, ...]
    p50_seconds: float | None
    p90_seconds: float | None
    reason: str = ""
    look_seconds: float = 0.0
    """What of it goes by, or went by, with listing, choosing and planning before the first step."""


@dataclass(frozen=True, slots=True)
class RtoForecast:
    """How long a set would take from one copy: its newest point, of that many bytes and files, at its original place, from a cold cache."""

    set: str
    repository: str
    bytes: int
    files: int
    forecast: SetForecast
    met: bool | None


@dataclass(frozen=True, slots=True)
class PastForecast:
    """A forecast beside what came of it."""

    run: str
    verb: str
    set: str
    at: datetime
    p50_seconds: float
    p90_seconds: float
    real_seconds: float
    look_seconds: float = 0.0
    """What of both went by before the first step; 0: an earlier release counted from there."""

    @property
    def error(self) -> float:
        """Distance of the p50 from what it really took, as a part of that."""
        return abs(self.p50_seconds - self.real_seconds) / self.real_seconds
