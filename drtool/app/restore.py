"""Bringing sets back, and taking that back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from drtool.app.composition import FACTS
from drtool.app.forecasts import Forecasts
from drtool.app.listings import choose, listings
from drtool.app.own_places import place_of_our_own
from drtool.app.runtime import Runtime
from drtool.app.sweeping import sweep_quietly
from drtool.app.working import carry_out, fresh, working, writable_state
from drtool.catalog.manifest import policy_of
from drtool.engine.observe import observe
from drtool.engine.room import directories_here, require_room, size_paths
from drtool.engine.survey import survey
from drtool.model.errors import Corrupt, Locked, NoRepository, Refused, Unavailable, WrongKey
from drtool.model.plan import Plan
from drtool.model.point import Manifest
from drtool.model.report import Report
from drtool.planning import restore as planning
from drtool.planning import undo
from drtool.planning.choose import ChosenPoint
from drtool.planning.gone import gone_sets
from drtool.planning.others import about_choice
from drtool.planning.own import IN_USE
from drtool.planning.own_policy import Joined, join
from drtool.planning.restore import RestoreRequest
from drtool.planning.room import with_sizes
from drtool.planning.survey import with_surveys
from drtool.planning.views import set_of_point
from drtool.planning.whose import signed_by


def plan_restore(runtime: Runtime, request: RestoreRequest) -> Plan:
    """Return what `restore` would do: the points are chosen, their manifests read, and places, room and paths looked at."""
    with working(runtime):
        declared = runtime.clock.now()
        request = replace(request, sets=_restorable(runtime, request))
        chosen: dict[str, ChosenPoint] = {}
        read: dict[str, Manifest] = {}
        for name in request.sets:
            asked = request.repositories or runtime.kept_in(name)
            try:
                chosen[name], read[name] = choose(runtime, name, asked, point=request.point, at=request.at, workloads=request.workloads)
            except (Unavailable, NoRepository, WrongKey, Locked) as error:
                error.hint = "; ".join(filter(None, (_other_copies(runtime, name, asked), error.hint)))
                raise
        copies = {name: choice.copies for name, choice in chosen.items()}
        joined = joined_with_own(runtime, read, copies=copies, form=request.destination.form, renamed=request.renamed)
        plan = planning.plan_restore(
            joined.policy,
            request,
            manifests=joined.manifests,
            copies=copies,
            now=declared,
            declared=declared,
            run=runtime.clock.fresh_id(),
            unprotected=joined.unprotected,
            notes=joined.notes,
            facts=FACTS,
        )
        plan = runtime.origin.on_paper(joined.noted_on(plan, today=runtime.policy), joined.policy)
        for choice in chosen.values():
            notes, asks = about_choice(choice, in_place=request.destination.form == "original")
            plan = replace(plan, notes=(*plan.notes, *notes), asks=(*plan.asks, *asks))
        if runtime.is_bare:
            plan = replace(plan, notes=(*plan.notes, *signed_by(choice.recovery_point for choice in chosen.values())))
        adapters = runtime.for_plan(plan).adapters
        _require_apart(runtime, directories_here(adapters, plan))
        plan = with_sizes(plan, size_paths(adapters, plan))
        require_room(adapters, plan)
        return with_forecast(runtime, with_surveys(plan, survey(adapters, plan)), read)


def restore(runtime: Runtime, plan: Plan) -> Report:
    """Carry out a plan of `plan_restore` or `plan_undo`; an unwritable state directory does not stop it."""
    able = runtime.for_plan(plan)
    with working(able):
        return carry_out(able, plan, needs_state=False)


def _other_copies(runtime: Runtime, name: str, asked: Iterable[str]) -> str:
    """Say which copies answer beside those that a person named, as these do not; empty: none does."""
    beside = observe(runtime.adapters, repositories=[each for each in runtime.kept_in(name) if each not in asked]).repositories
    holding = [each for each, listing in beside.items() if any(point.set == name for point in listing.points)]
    return f"{' and '.join(holding)} answers and holds points of {name}: drtool restore {name} --from {holding[0]}" if holding else ""


def _require_apart(runtime: Runtime, directories: Iterable[str]) -> None:
    """Refuse to pour into a repository or the state directory: what others keep there takes foreign files for damage."""
    for directory in directories:
        place = place_of_our_own(runtime.policy, runtime.state_directory, directory)
        if place is not None and place.what in IN_USE:
            raise Refused(
                f"{directory} is or lies in {place.words} ({place.path}), where drtool keeps its own",
                hint="name another: --to directory PATH",
                safe="nothing was started",
            )


def plan_undo(runtime: Runtime, run: str) -> Plan:
    """Return what would take back what a run put into service; whatever a dead run left is finished or released first."""
    with working(runtime):
        writable_state(runtime)
        sweep_quietly(runtime)
        found = observe(runtime.adapters, leftovers=True)
        fresh_run, now = fresh(runtime)
        return undo.plan_undo(
            found.leftovers,
            undone=run,
            run=fresh_run,
            now=now,
            by=runtime.policy.name,
            machines=runtime.notary.ours().machines,
            problems=found.unasked,
        )


def joined_with_own(
    runtime: Runtime,
    read: Mapping[str, Manifest],
    *,
    copies: Mapping[str, tuple[str, ...]],
    form: str,
    renamed: Mapping[str, str] | None = None,
) -> Joined:
    """Read points by their own policies; one that cannot be read is done without."""
    own = {}
    for name, manifest in read.items():
        with contextlib.suppress(Corrupt):
            own[name] = policy_of(manifest)
    return join(runtime.policy, read, own=own, copies=copies, form=form, renamed=renamed, facts=FACTS)


def with_forecast(runtime: Runtime, plan: Plan, read: Mapping[str, Manifest]) -> Plan:
    """Return a plan with how long it will take."""
    return Forecasts(runtime).of_plan(plan, runtime.index.load(), read.values())


def gone(runtime: Runtime) -> tuple[str, ...]:
    """Return the sets that have points of ours and are not in the policy."""
    return tuple(each.set for each in gone_sets(runtime.policy, listings(runtime, refresh=False)))


def _restorable(runtime: Runtime, request: RestoreRequest) -> tuple[str, ...]:
    """Return the sets that a restore is about: those named, that of a point named alone, else all; one may live in its points only."""
    if not request.sets and request.point:
        return (set_of_point(request.point, listings(runtime, refresh=True), now=runtime.clock.now()),)
    if all(name in runtime.policy.sets for name in request.sets):
        return runtime.sets_named(request.sets)
    known = (*runtime.policy.sets, *gone(runtime))
    return tuple(runtime.named(name, known, "set") for name in dict.fromkeys(request.sets))
