from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

FEWEST = 3
"""Below this many measurements only a rate is told."""
SPREAD = 2.0
"""The largest must be this many times the smallest before a size can be told from a fixed cost."""
WORTH = 0.9
"""A further term must bring the error below this part of what it was without."""
_QUANTILE = 0.9
_TINY = 1e-12

Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement as the fit sees it."""

    bytes: int
    files: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Model:
    """seconds = fixed + bytes/rate + files*per_file, none of them negative.

    `widening` turns the middle estimate into the one that nine of ten stay within; `simple` when only a rate, or only a fixed cost,
    could be told.
    """

    fixed_seconds: float
    seconds_per_byte: float
    seconds_per_file: float
    widening: float
    measurements: int
    simple: bool

    def seconds(self, *, bytes: int, files: int) -> float:  # noqa: A002 - the vocabulary's word
        """Return the middle estimate."""
        return self.fixed_seconds + bytes * self.seconds_per_byte + files * self.seconds_per_file


def fit(samples: Iterable[Sample], *, proportional: bool) -> Model:
    """Return the model that is least wrong in the middle: the smallest sum of relative absolute deviations.

    One wild measurement moves it little, and small and large sizes count alike. `proportional` says that more bytes take longer even where
    the measurements cannot show it: otherwise measurements of one size stand for every size. At least one sample, in any order.
    The 90 % estimate is the empirical one of the deviations, never below the middle, widened by 1/n for n measurements.
    """
    points = sorted(samples, key=lambda sample: (sample.bytes, sample.files, sample.seconds))
    rows = [(1.0, float(point.bytes), float(point.files)) for point in points]
    seconds = [max(point.seconds, _TINY) for point in points]
    by_bytes = proportional and points[-1].bytes > 0
    told = [column for column in (1, 2) if _is_spread(row[column] for row in rows)]
    chosen = None
    if len(points) >= FEWEST and told:
        chosen = _least_deviations(rows, seconds, by_bytes=by_bytes, told=told)
    simple = chosen is None
    if chosen is None:
        chosen = (0.0, _rate(rows, seconds, alike=1 not in told), 0.0) if by_bytes else (_median(seconds), 0.0, 0.0)
    return Model(*chosen, _widening(chosen, rows, seconds, comparable=by_bytes and simple), len(points), simple)


def _rate(rows: Sequence[Row], seconds: Sequence[float], *, alike: bool) -> float:
    """Return seconds per byte: the middle one of sizes that are alike; else all by all, where the fixed cost of small ones weighs least."""
    if not alike:
        return sum(seconds) / sum(row[1] for row in rows)
    return _median(taken / row[1] for row, taken in zip(rows, seconds, strict=True) if row[1] > 0)


def _widening(chosen: Row, rows: Sequence[Row], seconds: Sequence[float], *, comparable: bool) -> float:
    """Return how far nine of ten stay within; of a mere rate only the large sizes tell (`comparable`), as it says nothing of small ones."""
    largest = max(row[1] for row in rows) / SPREAD if comparable else 0.0
    expected = [(_predict(chosen, row), taken) for row, taken in zip(rows, seconds, strict=True) if row[1] >= largest]
    ratios = sorted(taken / middle for middle, taken in expected if middle > _TINY * taken) or [1.0]
    worst = max(1.0, ratios[math.ceil(_QUANTILE * len(ratios)) - 1])
    return worst * (1 + 1 / len(rows))


def _median(values: Iterable[float]) -> float:
    """Return the middle value; the standard library's own costs `status` its import."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _is_spread(values: Iterable[float]) -> bool:
    seen = list(values)
    return max(seen) >= SPREAD * max(1.0, min(seen))


def _least_deviations(rows: Sequence[Row], seconds: Sequence[float], *, by_bytes: bool, told: Sequence[int]) -> Row | None:
    """Try every model that goes through as many points as it has terms: one of them is the least wrong one."""
    best: tuple[float, Row] | None = None
    for terms in _terms(len(rows), by_bytes=by_bytes, told=told):
        found = [
            (_deviation(candidate, rows, seconds), candidate)
            for picked in combinations(range(len(rows)), len(terms))
            if (candidate := _through(terms, [rows[number] for number in picked], [seconds[number] for number in picked])) is not None
        ]
        least = min(found, default=None)
        if least is not None and (best is None or least[0] < WORTH * best[0]):
            best = least
    return None if best is None else best[1]


def _terms(count: int, *, by_bytes: bool, told: Sequence[int]) -> list[tuple[int, ...]]:
    """Return which columns may make a model, few first; one measurement more than terms, else it would only repeat them."""
    needed = {1} if by_bytes else set()
    optional = sorted({0, *told})
    subsets = [tuple(sorted(needed | set(extra))) for size in range(len(optional) + 1) for extra in combinations(optional, size)]
    return sorted({terms for terms in subsets if terms and len(terms) < count}, key=lambda terms: (len(terms), terms))


def _through(terms: tuple[int, ...], rows: Sequence[Row], seconds: Sequence[float]) -> Row | None:
    """Solve for the terms by elimination; None where there is no single answer, or one of them would be negative."""
    # Columns are scaled to be alike: bytes are a million times files.
    scale = [max(abs(row[term]) for row in rows) for term in terms]
    if 0.0 in scale:
        return None
    matrix = [
        [*(row[term] / size for term, size in zip(terms, scale, strict=True)), taken] for row, taken in zip(rows, seconds, strict=True)
    ]
    size = len(terms)
    for column in range(size):
        pivot = max(range(column, size), key=lambda number: abs(matrix[number][column]))
        if abs(matrix[pivot][column]) < 1e-9:  # noqa: PLR2004 - singular, as far as these numbers go
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for number in range(size):
            if number != column:
                factor = matrix[number][column] / matrix[column][column]
                matrix[number] = [value - factor * above for value, above in zip(matrix[number], matrix[column], strict=True)]
    solved = [matrix[number][size] / matrix[number][number] / scale[number] for number in range(size)]
    if min(solved) < 0:
        return None
    coefficients = dict(zip(terms, solved, strict=True))
    return coefficients.get(0, 0.0), coefficients.get(1, 0.0), coefficients.get(2, 0.0)


def _predict(coefficients: Row, row: Row) -> float:
    return sum(coefficient * value for coefficient, value in zip(coefficients, row, strict=True))


def _deviation(coefficients: Row, rows: Sequence[Row], seconds: Sequence[float]) -> float:
    return sum(abs(_predict(coefficients, row) - taken) / taken for row, taken in zip(rows, seconds, strict=True))
