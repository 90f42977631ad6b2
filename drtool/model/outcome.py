from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How something ended, from best to worst; a run's outcome is its worst member's."""

    SUCCEEDED = "succeeded"
    OBJECTIVE_MISSED = "objective_missed"
    PARTIAL = "partial"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DATA_WRONG = "data_wrong"

    @property
    def rank(self) -> int:
        """0 is best."""
        return list(Outcome).index(self)


def worst(outcomes: list[Outcome]) -> Outcome:
    """Return the worst of `outcomes`; succeeded when there are none."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.SUCCEEDED)
