"""Looking after repositories: made, read again, pruned, and what this host remembers of them made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from drtool.app.listings import find, listings
from drtool.app.missed import accept as accept_missed
from drtool.app.missed import refuse_missed
from drtool.app.runtime import Runtime
from drtool.app.sweeping import sweep_quietly
from drtool.app.working import as_plan, carry_out, fresh, working, writable_state
from drtool.catalog.lanes import Lanes
from drtool.model.errors import DrtoolError
from drtool.model.nearest import named
from drtool.model.plan import Initialise, Plan
from drtool.model.report import Report
from drtool.model.secret import SecretReference
from drtool.planning import initialise as making
from drtool.planning import prune as pruning
from drtool.planning import verify as reading
from drtool.secrets.keyfile import make_key_file, remove_key_file


def plan_initialise(runtime: Runtime, repositories: Iterable[str] = ()) -> Plan:
    """Return what `initialise` would create."""
    run, now = fresh(runtime)
    names = tuple(repositories) or tuple(runtime.policy.repositories)
    return making.plan_initialise(runtime.policy, repositories=names, run=run, now=now)


def initialise(runtime: Runtime, what: Plan | Iterable[str] = ()) -> Report:
    """Create the repositories that do not exist yet, each with a fresh key file where the policy names one that is missing."""
    plan = as_plan(what, lambda names: plan_initialise(runtime, names))
    names = {step.id: step.action.repository for step in plan.steps if isinstance(step.action, Initialise)}
    keys = {name: runtime.policy.repositories[name].address.password for name in names.values()}
    refuse_missed(runtime.adapters, keys)
    made: dict[str, SecretReference] = {}
    try:
        made.update((name, key) for name, key in keys.items() if make_key_file(key))
    except DrtoolError:
        for key in made.values():  # keys of nothing: the next call makes them
            remove_key_file(key)
        raise
    with working(runtime):
        writable_state(runtime)
        report = carry_out(runtime, plan)
    for step in report.steps:
        name = names.get(step.id)
        if name in made and not step.result.get("data", {}).get("created"):
            remove_key_file(made[name])
    return report


def plan_verify(runtime: Runtime, repositories: Iterable[str] = (), *, point: str | None = None) -> Plan:
    """Return what `verify` would read."""
    names = tuple(repositories)
    if point is None:
        run, now = fresh(runtime)
        return reading.plan_verify(runtime.policy, repositories=names or tuple(runtime.policy.repositories), run=run, now=now)
    view = find(runtime, point, refresh=True)
    run, now = fresh(runtime)
    return reading.plan_verify_point(runtime.policy, point=view.point.point, repositories=names or view.listed, run=run, now=now)


def verify(runtime: Runtime, what: Plan | Iterable[str] = (), *, point: str | None = None) -> Report:
    """Read every byte of repositories against its digests, and record that; with `point` only what that needs, wherever it lies."""
    return _swept(runtime, lambda: as_plan(what, lambda names: plan_verify(runtime, names, point=point)))


def plan_prune(runtime: Runtime, repositories: Iterable[str] = ()) -> Plan:
    """Return what `prune` would do."""
    run, now = fresh(runtime)
    names = tuple(repositories) or tuple(runtime.policy.repositories)
    return pruning.plan_prune(runtime.policy, repositories=names, run=run, now=now)


def prune(runtime: Runtime, what: Plan | Iterable[str] = ()) -> Report:
    """Free the space that nothing claims any more."""
    return _swept(runtime, lambda: as_plan(what, lambda names: plan_prune(runtime, names)))


def rebuild(runtime: Runtime, *, accept: str | None = None) -> Report:
    """Make the local cache anew from the repositories: one listing of each; what this machine remembers of them stays.

    There is no plan: it changes nothing but a cache. With `accept` that repository is right as it is listed now: what is missing there is
    missed no longer, and that is written down.
    """
    with working(runtime):
        begun, (run, now) = runtime.clock.monotonic(), fresh(runtime)
        notes = () if accept is None else accept_missed(runtime.adapters, named(accept, runtime.policy.repositories, "repository"))
        runtime.index.clear()
        listings(runtime, refresh=True)
        Lanes(runtime.state_directory).rebuild()
        return carry_out(runtime, Plan("rebuild", run, runtime.policy.name, now, (), notes=notes), needs_state=False, begun=begun)


def _swept(runtime: Runtime, plan: Callable[[], Plan]) -> Report:
    with working(runtime):
        writable_state(runtime)
        sweep_quietly(runtime)
        return carry_out(runtime, plan())
