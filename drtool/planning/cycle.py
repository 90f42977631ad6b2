"""How far repositories are that are read slice by slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.policy import Policy
from drtool.model.summary import ReadingSummary


@dataclass(frozen=True, slots=True)
class ReadingStatus:
    """How much of a repository was read again: `done` of `slices` of the cycle begun `cycle_age_seconds` ago.

    `oldest_seconds` is how long ago the slice was read that was read longest ago; None when one never was. `late`: the cycle
    has taken longer than the policy says.
    """

    repository: str
    done: int
    slices: int
    cycle_age_seconds: float
    oldest_seconds: float | None
    late: bool


def reading_statuses(policy: Policy, readings: Mapping[str, ReadingSummary], *, now: datetime) -> tuple[ReadingStatus, ...]:
    """Tell how far each cycle is, and whether it takes longer than the policy says."""
    found = []
    for name, each in readings.items():
        rules = policy.repositories[name].verify
        if rules is None or rules.cycle is None:
            continue
        age = (now - each.cycle).total_seconds()
        found.append(
            ReadingStatus(
                repository=name,
                done=each.done,
                slices=each.slices,
                cycle_age_seconds=max(0.0, age),
                oldest_seconds=None if each.oldest is None else max(0.0, (now - each.oldest).total_seconds()),
                late=not each.complete and age > rules.cycle.total_seconds(),
            )
        )
    return tuple(found)
