"""Settling what dead runs owe, and releasing what runs that are over left behind: every verb that works does this first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from drtool.app.runtime import Runtime
from drtool.app.working import carry_out, require_closed_state, working, writable_state
from drtool.catalog.unfinished import UnfinishedFile
from drtool.engine.observe import observe
from drtool.engine.sweep import DeadRuns, settle_dead_runs
from drtool.model.inventory import Inventory, Problem
from drtool.model.plan import Plan
from drtool.model.report import Report
from drtool.model.unfinished import Unfinished
from drtool.planning.memory import spell_vanished
from drtool.planning.pieces import still_unknown, unfinished_after
from drtool.planning.standing import left_here
from drtool.planning.sweep import plan_sweep as plan_what_to_sweep


def plan_sweep(runtime: Runtime, *, kept: bool = False, shown: frozenset[str] | None = None) -> Plan:
    """Return what `sweep` would release now; what dead runs owe is settled first, since only then it shows what is left."""
    with working(runtime):
        return _plan_whole(runtime, kept=kept, shown=shown)[0]


def sweep(runtime: Runtime, what: Plan | None = None, *, kept: bool = False, shown: frozenset[str] | None = None) -> Report:
    """Release what a plan of `plan_sweep`, or one made now, says."""
    with working(runtime):
        writable_state(runtime)
        plan, found, dead = _plan_whole(runtime, kept=kept, shown=shown)
        plan = what or plan
        report = carry_out(runtime, plan)
        _remember_unfinished(runtime, found, dead, plan, report)
        return report


def sweep_quietly(runtime: Runtime) -> None:
    """Settle what dead runs of this host owe and release what runs that are over left; every run does this first.

    A source or repository that is away cannot be swept now; the run that needs it will say so.
    """
    dead = _settled(runtime)
    found = observe(runtime.adapters, repositories=runtime.policy.repositories if dead.dead else (), leftovers=True, places=dead.places)
    _release(runtime, found, dead)


def sweep_and_observe(runtime: Runtime, names: tuple[str, ...], *, also: Iterable[str] = ()) -> Inventory:
    """Sweep quietly with what a run looks at anyway: its sets, their repositories, and those named by `also`."""
    dead = _settled(runtime)
    asked = tuple(runtime.policy.repositories if dead.dead else also)
    found = observe_run(runtime, names, also=asked, places=dead.places)
    swept, unfinished = _release(runtime, found, dead)
    if swept:  # a cutover that was finished only now brings back what the look missed
        found = observe_run(runtime, names, also=asked, places=dead.places)
    return replace(found, unfinished=unfinished)


def observe_run(runtime: Runtime, names: tuple[str, ...], *, also: Iterable[str] = (), places: Iterable[tuple[str, str]] = ()) -> Inventory:
    """Return what exists for the sets of a run."""
    repositories = (*runtime.repositories_of(names), *also)
    return observe(runtime.adapters, sets=names, repositories=repositories, leftovers=True, places=places)


def _settled(runtime: Runtime) -> DeadRuns:
    require_closed_state(runtime)
    return settle_dead_runs(runtime.state_directory, runtime.adapters, settles=runtime.origin.settles)


def _release(runtime: Runtime, found: Inventory, dead: DeadRuns) -> tuple[bool, tuple[Unfinished, ...]]:
    """Release what runs that are over left; returns whether there was anything, and what lies in pieces all the same."""
    plan = _plan(runtime, found, dead)
    report = carry_out(runtime, plan) if plan.steps else None
    return bool(plan.steps), _remember_unfinished(runtime, found, dead, plan, report)


def _remember_unfinished(runtime: Runtime, found: Inventory, dead: DeadRuns, plan: Plan, report: Report | None) -> tuple[Unfinished, ...]:
    """Leave to the next look what lies in pieces after a sweep; of a source that could not be asked what was known of it."""
    known = UnfinishedFile(runtime.state_directory, by=runtime.policy.name)
    left = unfinished_after(found.leftovers, plan, report, alive=dead.live, now=runtime.clock.now())
    known.save((*left, *still_unknown(known.load(), left, found.unasked)))
    return left


def _plan_whole(runtime: Runtime, *, kept: bool, shown: frozenset[str] | None) -> tuple[Plan, Inventory, DeadRuns]:
    """Settle what dead runs owe, and plan to release everything that is over, in the repositories too; with what that was found by.

    Of what was kept aside only what was `shown`; None: all.
    """
    origin, dead = runtime.origin, _settled(runtime)
    found = observe(runtime.adapters, repositories=runtime.policy.repositories, leftovers=True, places=dead.places)
    if shown is not None:
        by, machines = runtime.policy.name, runtime.notary.ours().machines
        others = {each for each in found.leftovers if not left_here(each, by=by, machines=machines)}  # they are told of, and stay
        left = tuple(each for each in found.leftovers if each.what not in ("kept", "placed") or each.locator in shown or each in others)
        found = replace(found, leftovers=left)
    unlisted = (listing.problem for listing in found.repositories.values() if listing.problem is not None)
    unsettled = (Problem(error.kind, error.what, error.hint) for error in dead.failures)
    missed = (
        Problem("Refused", f"{words}; nothing of what it holds is swept", f"drtool doctor {name}")
        for name, listing in found.repositories.items()
        if name in origin.swept(runtime.policy)
        for words in spell_vanished(name, listing.vanished)
    )
    problems = (*(each for each in found.unasked if not origin.withholds(each)), *unlisted, *unsettled, *missed)
    withheld = tuple(filter(origin.withholds, found.unasked))
    return _plan(runtime, found, dead, kept=kept, problems=problems, withheld=withheld), found, dead


def _plan(
    runtime: Runtime,
    found: Inventory,
    dead: DeadRuns,
    *,
    kept: bool = False,
    problems: Sequence[Problem] = (),
    withheld: Sequence[Problem] = (),
) -> Plan:
    """Plan to release what runs that are over left behind, as found after `dead` was told."""
    swept = frozenset(runtime.origin.swept(runtime.policy))
    removable = {name for name in swept if not runtime.policy.repositories[name].append_only}
    return plan_what_to_sweep(
        found.leftovers,
        run=runtime.clock.fresh_id(),
        now=runtime.clock.now(),
        by=runtime.policy.name,
        machines=runtime.notary.ours().machines,
        dead_runs=dead.dead,
        live_runs=dead.live,
        ended_runs=dead.ended,
        over_runs=frozenset(runtime.notary.acceptance.over_runs),
        kept=kept,
        # Where a manifest is missed, what it claims looks unsealed.
        unsealed={name: each.unsealed for name, each in found.repositories.items() if name in removable and not each.vanished},
        holds={name: listing.holds for name, listing in found.repositories.items()},
        claims=found.claims if found.repositories.keys() <= swept else None,
        problems=problems,
        withheld=withheld,
    )
