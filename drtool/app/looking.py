"""Verbs that only look: nothing is changed by them, at a source or in a repository."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from drtool.app.forecasts import Forecasts, ForecastView
from drtool.app.history import report
from drtool.app.listings import find, found_with_manifest, listings, read_manifest
from drtool.app.own_places import place_of_our_own, places_of_our_own
from drtool.app.runtime import Runtime
from drtool.app.sweeping import sweep_quietly
from drtool.app.working import carry_out, fresh, working, writable_state
from drtool.catalog import manifest as manifests
from drtool.engine.mount import require_place
from drtool.model.errors import Corrupt, NotFound
from drtool.model.plan import Mount, Plan
from drtool.model.point import Manifest
from drtool.model.report import Report
from drtool.model.view import PointView
from drtool.planning import explain as explaining
from drtool.planning import mount as mounting
from drtool.planning import own
from drtool.planning.views import find_point, view_points
from drtool.policy.find import is_read_from
from drtool.policy.write import spell


@dataclass(frozen=True, slots=True)
class TravelledPolicy:
    """The policy that travelled in a point: its text, the sets it tells of, and those that have points and are not in it."""

    text: str
    sets: tuple[str, ...]
    others: tuple[str, ...]


def explain(runtime: Runtime, set_name: str) -> tuple[str, ...]:
    """Say in words what will happen to a set, and when."""
    return explaining.explain(runtime.policy, runtime.sets_named([set_name])[0], now=runtime.clock.now())


def forecast(runtime: Runtime, sets: Iterable[str] = (), *, refresh: bool = False) -> ForecastView:
    """Say how long sets would take from each of their copies, and how good earlier forecasts were."""
    return Forecasts(runtime).view(runtime.sets_named(sets), listings(runtime, refresh=refresh))


def points(runtime: Runtime, set_name: str | None = None, *, refresh: bool = False) -> tuple[PointView, ...]:
    """Return the recovery points, newest first."""
    views = view_points(listings(runtime, refresh=refresh), now=runtime.clock.now())
    return tuple(view for view in views if set_name in (None, view.point.set))


def show(runtime: Runtime, name: str) -> Manifest | Report:
    """Return the manifest of a point, or the report of a run."""
    try:
        return report(runtime, name)
    except NotFound:
        return found_with_manifest(runtime, name, refresh=False).manifest


def policy_of(runtime: Runtime, name: str) -> TravelledPolicy:
    """Return the policy that travelled in a point, as text that `validate` reads, and what it does not tell of."""
    known = listings(runtime, refresh=True)
    manifest = read_manifest(runtime, find_point(name, known, now=runtime.clock.now()), known)
    others = {point.set for listing in known.values() for point in listing.points} - {manifest.set}
    try:
        policy = manifests.policy_of(manifest)
    except Corrupt:  # written by a later release, perhaps
        if manifest.policy_text:
            return TravelledPolicy(manifest.policy_text, (manifest.set,), tuple(sorted(others)))
        raise
    return TravelledPolicy(spell(policy), tuple(policy.sets), tuple(sorted(others - set(policy.sets))))


def plan_mount(runtime: Runtime, point: str, directory: str | None = None, *, until: datetime, repository: str | None = None) -> Plan:
    """Return what `mount` would do; Refused where nothing can be shown."""
    view = find(runtime, point, refresh=True)
    name = repository or view.listed[0]
    if name not in view.listed:
        raise NotFound(f"{name} does not hold that point", hint=f"it is in: {', '.join(view.listed)}")
    run, now = fresh(runtime)
    made = os.path.join(os.path.abspath(runtime.state_directory), "mounts", view.point.point)
    plan = mounting.plan_mount(
        view.point,
        repository=name,
        directory=os.path.abspath(directory or made),
        made=directory is None,
        until=until,
        now=now,
        run=run,
        by=runtime.policy.name,
    )
    for step in plan.steps:
        if isinstance(step.action, Mount):
            require_place(step.action)
    return plan


def mount(runtime: Runtime, plan: Plan) -> Report:
    """Carry out a plan of `plan_mount`: returns when it is interrupted, unmounted, or its time is over."""
    with working(runtime):
        writable_state(runtime)
        sweep_quietly(runtime)
        return carry_out(runtime, plan)


def told_of_own_places(runtime: Runtime) -> tuple[str, ...]:
    """Say what of drtool's own lies below a protected path of this machine, and what that means."""
    return own.told_of_own_places(runtime.policy, places_of_our_own(runtime.policy, runtime.state_directory))


def own_place_of(runtime: Runtime, path: str) -> str:
    """Say which place of drtool's own on this machine a path is or lies in, links followed; empty: in none.

    Of a folder from which the policy was read that is what would be read with it: who typed `--policy .` keeps other things there, too.
    """
    place = place_of_our_own(runtime.policy, runtime.state_directory, path)
    if place is not None:
        return place.words
    real = os.path.realpath(path)
    return own.POLICY if any(is_read_from(os.path.realpath(each), real) for each in runtime.policy_places) else ""
