from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from drtool.model.forecast import Forecast, SetForecast, StepForecast
from drtool.model.lane import Lane, Measurement
from drtool.model.load import Load, loads
from drtool.model.plan import Ask, Cutover, Plan, Restore, Start, Step
from drtool.planning.duration_model import Model, Sample, fit
from drtool.planning.limits import Limits, limits_of
from drtool.planning.timeline import ends_of

REACH = 8
"""Nothing is told of sizes beyond this many times the largest that was measured."""
FEW_FILES = 1000
"""Below this many files their number is no reason to stay silent."""
MOST = 12
"""Only the newest this many measurements of a lane count."""
_COMPARABLE_CHECKS = frozenset({"census"})


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a lane: its measurements, the model they make, and whether they are another lane's."""

    found: tuple[Measurement, ...]
    model: Model
    borrowed: bool


class Forecaster:
    """What was measured, by lane; a model is made when a step first asks for it."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._lanes: dict[Lane, list[Measurement]] = {}
        for each in measurements:
            self._lanes.setdefault(each.lane, []).append(each)
        self._known: dict[Lane, _Known | None] = {}

    def step(self, step: str, load: Load) -> StepForecast:
        """Return what is expected of one step, with the reason where nothing is."""
        if load.lane not in self._known:
            self._known[load.lane] = self._choose(load.lane)
        known = self._known[load.lane]
        reason = _silence(load, known)
        if known is None or reason:
            return StepForecast(step, None, None, reason=reason)
        middle = known.model.seconds(bytes=load.bytes, files=load.files)
        return StepForecast(
            step,
            p50_seconds=round(middle, 3),
            p90_seconds=round(middle * known.model.widening, 3),
            measurements=known.model.measurements,
            newest=max(each.at for each in known.found),
            cache=known.found[0].lane.cache,
            destination=known.found[0].lane.destination,
            borrowed=known.borrowed,
            simple=known.model.simple,
        )

    def _choose(self, lane: Lane) -> _Known | None:
        """Take the lane itself, else the most like it."""
        for alike in _likeness(lane):
            lanes = sorted((each for each in self._lanes if alike(each)), key=lambda each: (each.destination, each.subject))
            if lanes:
                first = lanes[0]
                together = [each for each in lanes if (each.cache, each.destination) == (first.cache, first.destination)]
                every = sorted((found for each in together for found in self._lanes[each]), key=_age)[-MOST:]
                samples = (Sample(each.bytes, each.files, each.seconds) for each in every)
                return _Known(tuple(every), fit(samples, proportional=_goes_by_size(lane)), borrowed=lane not in together)
        return None


def _age(measurement: Measurement) -> tuple[datetime, str, str]:
    return measurement.at, measurement.run, measurement.step


def _goes_by_size(lane: Lane) -> bool:
    return lane.action == "restore" or (lane.action == "cutover" and lane.kind == "stream")


def _silence(load: Load, known: _Known | None) -> str:
    """Say why nothing is told: no measurement, or none that comes near."""
    lane = load.lane
    if known is None:
        return f"nothing was ever restored from {lane.repository} to {lane.source}" if lane.action == "restore" else "it was never measured"
    if not _goes_by_size(lane):
        return ""
    where = f"restored from {lane.repository} to {lane.source}" if lane.action == "restore" else "measured"
    if load.bytes > REACH * max(1, *(each.bytes for each in known.found)):
        return f"nothing near that size was ever {where}"
    if load.files > REACH * max(FEW_FILES, *(each.files for each in known.found)):
        return f"nothing near that number of files was ever {where}"
    return ""


def _likeness(lane: Lane) -> list[Callable[[Lane], bool]]:
    def same(*names: str) -> Callable[[Lane], bool]:
        return lambda other: all(getattr(other, name) == getattr(lane, name) for name in ("action", "kind", "source", *names))

    if lane.action == "restore":
        return [
            same("repository", "destination", "cache"),
            same("repository", "cache"),
            same("repository", "destination"),
            same("repository"),
        ]
    closest = [same("subject", "destination"), same("subject")]
    alone = lane.action == "run_hook" or (lane.action == "ask" and lane.kind not in _COMPARABLE_CHECKS)
    return closest if alone else [*closest, same("destination"), same()]


def forecast(
    plan: Plan, measurements: Iterable[Measurement] | Forecaster, *, limits: Limits | None = None, look_seconds: float = 0.0
) -> Forecast | None:
    """Say how long a recovery will take, from its declaration to its last check; None for a plan that restores nothing.

    `look_seconds` of it go by with listing and planning before the first step.

    Steps run at once as the engine lets them: in the order of the plan, each as soon as what it waits for has ended, within the limits
    that the engine has too. Each takes its own time whatever runs beside it: what was measured in company
    is expected in company. The p90 of the whole takes every step at its p90. A restore that was never measured makes the set unknown,
    and what waits for it; a hook or a check that was never measured counts as nothing and is named.
    """
    if not any(isinstance(step.action, Restore) for step in plan.steps):
        return None
    forecaster = measurements if isinstance(measurements, Forecaster) else Forecaster(measurements)
    steps = [step for step in plan.steps if not step.always]
    expected = {step: forecaster.step(step, load) for step, load in loads(plan).items()}
    limits = limits_of(plan, limits or Limits())
    middle = ends_of(steps, {name: each.p50_seconds or 0.0 for name, each in expected.items()}, limits=limits)
    late = ends_of(steps, {name: each.p90_seconds or 0.0 for name, each in expected.items()}, limits=limits)
    unknown = _unknown(steps, expected)
    objectives = {objective.set: objective.rto_seconds for objective in plan.objectives}
    names = dict.fromkeys(step.set for step in steps if isinstance(step.action, Restore))
    sets = []
    for name in names:
        own = [step for step in steps if step.set == name]
        sets.append(_behind(_of_set(name, own, expected, (middle, late), unknown, objective=objectives.get(name)), look_seconds))
    reasons = tuple(dict.fromkeys(each.reason for each in sets if each.reason))
    return Forecast(
        sets=tuple(sets),
        steps=tuple(expected[step.id] for step in steps if step.id in expected),
        p50_seconds=None if reasons else max(each.p50_seconds or 0.0 for each in sets),
        p90_seconds=None if reasons else max(each.p90_seconds or 0.0 for each in sets),
        reason="; ".join(reasons),
        look_seconds=round(look_seconds, 3),
    )


def _behind(found: SetForecast, seconds: float) -> SetForecast:
    """Count from the declaration on, as the RTO is: what is looked at and planned comes before everything."""
    if found.p50_seconds is None or found.p90_seconds is None:
        return found
    return replace(found, p50_seconds=round(found.p50_seconds + seconds, 3), p90_seconds=round(found.p90_seconds + seconds, 3))


def _unknown(steps: Sequence[Step], expected: Mapping[str, StepForecast]) -> dict[str, str]:
    """Return why the end of a step cannot be told: its own restore, or one that it waits for, was never measured."""
    found: dict[str, str] = {}
    for step in steps:
        mine = expected[step.id].reason if isinstance(step.action, Restore) else ""
        reason = mine or next((found[name] for name in (*step.needs, *step.after) if name in found), "")
        if reason:
            found[step.id] = reason
    return found


def _of_set(
    name: str,
    own: Sequence[Step],
    expected: Mapping[str, StepForecast],
    ends: tuple[Mapping[str, float], Mapping[str, float]],
    unknown: Mapping[str, str],
    *,
    objective: float | None,
) -> SetForecast:
    reason = next((unknown[step.id] for step in own if step.id in unknown), "")
    if reason:
        return SetForecast(name, None, None, objective, reason=reason)
    last = [step.id for step in own if isinstance(step.action, Ask | Cutover | Start)]
    restores = [expected[step.id] for step in own if isinstance(step.action, Restore)]
    least = min(restores, key=lambda each: (each.measurements, -(each.p50_seconds or 0.0), each.step))
    return SetForecast(
        name,
        p50_seconds=round(max((ends[0][step] for step in last), default=0.0), 3),
        p90_seconds=round(max((ends[1][step] for step in last), default=0.0), 3),
        objective_seconds=objective,
        measurements=least.measurements,
        newest=least.newest,
        cache=least.cache,
        destination=least.destination if least.borrowed else "",
        simple=least.simple,
        unmeasured=tuple(step.id for step in own if step.id in expected and expected[step.id].p50_seconds is None),
    )
