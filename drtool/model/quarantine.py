"""Why the forgetting of a set stops: everything that makes its newest point look wrong, decided from one listing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from drtool.model.point import RecoveryPoint
from drtool.model.policy import Quarantine
from drtool.model.tolerance import FUTURE_TOLERANCE

HISTORY = 7
"""How many complete points make the usual size."""
DAY = timedelta(days=1)
_EXPLAINED = 2
"""How many times the busiest earlier day is still no burst."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One reason: `future`, `cliff`, `growth` or `burst`, in words that fit a tag; a future date passes by itself and needs no hold."""

    kind: str
    words: str


def reasons_to_stop(
    points: Iterable[RecoveryPoint],
    rules: Quarantine,
    *,
    point: str,
    now: datetime,
    looked: datetime | None = None,
) -> tuple[Stop, ...]:
    """Return why nothing of a set may be forgotten in a repository; `points` are all of the set there, `point` the newest.

    What was there at `looked`, when a person last released a quarantine, is taken as it should be: of it only the newest complete
    point still says what is usual.
    """
    known = sorted(points, key=lambda each: (each.instant, each.point))
    future = [each for each in known if each.instant > now + FUTURE_TOLERANCE]
    stops = [Stop("future", f"point {future[-1].point} is dated in the future")] if future else []
    past = [each for each in known if each.instant <= now + FUTURE_TOLERANCE]
    fresh = next((each for each in past if each.point == point and each.complete), None)
    if fresh is not None and (looked is None or fresh.sealed > looked):
        stops += _against_usual(fresh, _usual(past, fresh, looked), rules)
    stops += _burst(past, rules, now=now, looked=looked)
    return tuple(stops)


def _usual(past: list[RecoveryPoint], fresh: RecoveryPoint, looked: datetime | None) -> list[RecoveryPoint]:
    earlier = [each for each in past if each.complete and (each.instant, each.point) < (fresh.instant, fresh.point)]
    if looked is not None:
        seen = [each for each in earlier if each.sealed <= looked]
        earlier = [*seen[-1:], *(each for each in earlier if each.sealed > looked)]
    return earlier[-HISTORY:]


def _against_usual(fresh: RecoveryPoint, usual: list[RecoveryPoint], rules: Quarantine) -> list[Stop]:
    found: dict[str, list[str]] = {}
    for noun, have, before in (
        ("files", fresh.files, median([each.files for each in usual] or [0])),
        ("bytes", fresh.bytes, median([each.bytes for each in usual] or [0])),
    ):
        if rules.shrinks_below is not None and have < rules.shrinks_below * before:
            found.setdefault("cliff", []).append(f"{have} {noun} where {before:.0f} were usual")
        elif rules.grows_above is not None and before and have > rules.grows_above * before:
            found.setdefault("growth", []).append(f"{have} {noun} where {before:.0f} were usual")
    compare = f"drtool diff {usual[-1].point} {fresh.point}" if found else ""
    return [Stop(kind, f"{' and '.join(words)}: {compare}") for kind, words in found.items()]


def _burst(past: list[RecoveryPoint], rules: Quarantine, *, now: datetime, looked: datetime | None) -> list[Stop]:
    if rules.points_per_day is None:
        return []
    recent = [each for each in past if each.instant > now - DAY and (looked is None or each.sealed > looked)]
    days = Counter((now - each.instant) // DAY for each in past if each.instant <= now - DAY)
    limit = max(rules.points_per_day, _EXPLAINED * max(days.values(), default=0))
    return [Stop("burst", f"{len(recent)} points within a day, {limit} at most are explained")] if len(recent) > limit else []
