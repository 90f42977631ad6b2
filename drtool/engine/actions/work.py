from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drtool.engine.adapters import Adapters
from drtool.model.errors import NotFound
from drtool.model.event import Event
from drtool.model.plan import Plan, Result, Step
from drtool.ports import Progress


@dataclass(frozen=True, slots=True)
class Work:
    """What a step may know: the plan it belongs to, the results so far, where progress is told, and the run's events until now."""

    plan: Plan
    step: Step
    results: Mapping[str, Result]
    adapters: Adapters
    on_progress: Callable[[Progress], None]
    events: Callable[[], Sequence[Event]] = tuple

    def result(self, step: str) -> Result:
        """Return the result of another step; NotFound when it has none."""
        try:
            return self.results[step]
        except KeyError:
            raise NotFound(f"the step {step} has no result") from None
