from __future__ import annotations

from dataclasses import dataclass

LabelValues = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge: its name, what it means, the names of its labels, and a value for each combination of theirs.

    Times are seconds since 1970. What is not known has no value.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    values: tuple[tuple[LabelValues, float], ...] = ()
