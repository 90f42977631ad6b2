"""What is said of a forecast."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.forecast import RtoForecast, SetForecast, StepForecast
from drtool.planning.words import spell_count, spell_duration


def spell_source(found: SetForecast | StepForecast, now: datetime) -> str:
    """Say what a forecast was made from: `from 4 measurements, newest 3d old, cold`."""
    parts = [f"from {spell_count(found.measurements, 'measurement')}"]
    if found.newest is not None:
        parts.append(f"newest {spell_duration(max(0.0, (now - found.newest).total_seconds()))} old")
    if found.cache:
        parts.append(found.cache)
    if isinstance(found, SetForecast) and found.destination:
        parts.append(f"in {found.destination}" if found.destination.startswith("sandbox") else f"to {found.destination}")
    return ", ".join(parts)


def worst(found: Iterable[RtoForecast]) -> RtoForecast | None:
    """Return the copy that takes longest of those with a forecast: a disaster chooses which one is left."""
    known = [each for each in found if each.forecast.p90_seconds is not None]
    return max(known, key=lambda each: each.forecast.p90_seconds or 0.0, default=None)


def advice_on_rto_forecast(rto_forecast: RtoForecast | None, *, now: datetime) -> list[tuple[str, str]]:
    """Say that a set cannot make its RTO, and what to type about it; nothing where it can, or nobody knows."""
    if rto_forecast is None or rto_forecast.met is not False:
        return []
    found, name = rto_forecast.forecast, rto_forecast.set
    middle, late = spell_duration(found.p50_seconds or 0.0), spell_duration(found.p90_seconds or 0.0)
    limit = spell_duration(found.objective_seconds or 0.0)
    words = (
        f"{name} cannot make its RTO from {rto_forecast.repository}: forecast {middle} (p90 {late}) of {limit}, {spell_source(found, now)}"
    )
    return [(words, f"drtool forecast {name}")]
