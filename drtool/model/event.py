from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """Everything that a journal can say; `progress` is shown and never written down."""

    RUN_STARTED = "run_started"
    RUN_ENDED = "run_ended"
    STEP_STARTED = "step_started"
    STEP_ENDED = "step_ended"
    STEP_RETRIED = "step_retried"
    COMMAND_STARTED = "command_started"
    NOTED = "noted"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a run: wall clock instant, seconds since the run started (monotonic), and its data (JSON values)."""

    kind: EventKind
    run: str
    at: datetime
    elapsed_seconds: float
    step: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
