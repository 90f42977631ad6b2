"""Forecasts as a person reads them: never a number without what it was measured from."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, counted, duration, long_duration, printable, size
from drtool.planning.forecast_words import spell_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from drtool.model.forecast import Forecast, PastForecast, RtoForecast
    from drtool.model.plan import Plan


def forecast_lines(rto_forecasts: Sequence[RtoForecast], past: Sequence[PastForecast], *, now: datetime) -> list[str]:
    """Return one line per set and copy, and how far past forecasts were off."""
    rows: list[Sequence[str]] = [("SET", "COPY", "SIZE", "P50", "P90", "OBJECTIVE", "MEASURED")]
    rows += [_row(rto_forecast, now) for rto_forecast in rto_forecasts]
    lines = table(rows, right=frozenset({2, 3, 4})) if rto_forecasts else ["There is no recovery point to forecast.  next: drtool status"]
    for rto_forecast in rto_forecasts:
        if rto_forecast.forecast.unmeasured:
            names = ", ".join(map(printable, rto_forecast.forecast.unmeasured))
            lines.append(
                f"  {printable(rto_forecast.set)} from {printable(rto_forecast.repository)}: never measured and not counted: {names}"
            )
    if past:
        errors = [each.error for each in past]
        words = f"median {median(errors):.0%}, worst {max(errors):.0%}"
        lines.append(f"Past forecasts were off by: {words} ({counted(len(past), 'restore or drill', 'restores and drills')})")
    return lines


def _row(rto_forecast: RtoForecast, now: datetime) -> tuple[str, ...]:
    found = rto_forecast.forecast
    ends = (printable(rto_forecast.set), printable(rto_forecast.repository), size(rto_forecast.bytes))
    limit = duration(found.objective_seconds) if found.objective_seconds is not None else "none"
    if found.p50_seconds is None or found.p90_seconds is None:
        return (*ends, "", "", limit, f"no forecast: {printable(found.reason)}")
    mark = f" {GOOD if rto_forecast.met else BAD}" if rto_forecast.met is not None else ""
    return (*ends, duration(found.p50_seconds), duration(found.p90_seconds), limit + mark, printable(spell_source(found, now)))


def promised(plan: Plan) -> str:
    """Return the sentence of a plan's forecast against its closest objective; empty when it has none."""
    found = plan.forecast
    limits = [objective.rto_seconds for objective in plan.objectives if objective.rto_seconds is not None]
    objective = f"Objective: back within {long_duration(min(limits))}. " if limits else ""
    if found is None:
        return objective
    if found.p50_seconds is None or found.p90_seconds is None:
        return f"{objective}No forecast: {printable(found.reason)}. "
    of = f" of {long_duration(min(limits))}" if limits else ""
    late = f" {BAD}" if limits and found.p90_seconds > min(limits) else ""
    least = min(found.sets, key=lambda each: each.measurements)
    source = printable(spell_source(least, plan.created))
    words = f"Forecast {long_duration(found.p50_seconds)} (p90 {long_duration(found.p90_seconds)}){of}{late}, {source}. "
    missing = [name for each in found.sets for name in each.unmeasured]
    return words + (f"Never measured and not counted: {', '.join(map(printable, missing))}. " if missing else "")


def about(forecast: Forecast | None, *steps: str) -> str:
    """Return how long some steps take one after the other: `~6 min`; empty where nothing is known."""
    known = {each.step: each.p50_seconds for each in forecast.steps} if forecast else {}
    seconds = [taken for step in steps if (taken := known.get(step)) is not None]
    return f"~{long_duration(sum(seconds))}" if seconds else ""
