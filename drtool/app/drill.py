"""Proving that sets come back: a restore into a sandbox, checks, and release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from drtool.app.backup import informed, remembering, telling_of
from drtool.app.keys.opening import require_open
from drtool.app.listings import choose, read_before
from drtool.app.power import waits_for_power
from drtool.app.restore import gone, joined_with_own, with_forecast
from drtool.app.runtime import Runtime
from drtool.app.sweeping import sweep_quietly
from drtool.app.timetable import Timetable
from drtool.app.working import carry_out, working, writable_state
from drtool.engine.lock import drill_held
from drtool.model.attempt import Task
from drtool.model.errors import UnknownName
from drtool.model.key import UsedKey
from drtool.model.plan import Plan
from drtool.model.policy import DrillPolicy
from drtool.model.report import Report
from drtool.planning import drill as planning
from drtool.planning.own_policy import with_sources
from drtool.planning.schedule import Agenda, Timed, drill_tasks


def plan_drill(runtime: Runtime, name: str) -> Plan:
    """Return what `drill` would do; a set's name stands for a drill of that set in the only sandbox."""
    drill = _drill(runtime, name)
    with working(runtime):
        opened, _used_key = _opened_for(runtime, drill)
        return _plan(runtime, opened, drill)


def drill(runtime: Runtime, names: Iterable[str] = ()) -> Report:
    """Carry out a drill as it is planned at this moment: a plan of earlier would have stopped the clock that is measured."""
    drills = tuple(names) or tuple(runtime.policy.drills)
    if len(drills) != 1:
        known = ", ".join((*runtime.policy.drills, *(name for name in runtime.policy.sets if name not in runtime.policy.drills)))
        raise UnknownName("name one drill or set", hint=f"there are: {known or 'none'}")
    chosen = _drill(runtime, drills[0])
    with working(runtime):
        opened, used_key = _opened_for(runtime, chosen)
        sweep_quietly(opened)
        plan = _plan(runtime, opened, chosen)
        able = opened.for_plan(plan)
        return carry_out(able, plan, adapters=able.adapters.for_drill(used_key))


def settled(runtime: Runtime, tasks: Mapping[Task, Timed], look: Agenda) -> Agenda:
    """Ask the repositories about the drills of which this host remembers nothing; where none is unknown or due, release what is owed."""
    if look.due and not look.unknown:
        return look
    with working(runtime):
        if not look.unknown:
            sweep_quietly(runtime)
        return informed(runtime, look, tasks)


def drill_due(runtime: Runtime, name: str) -> Report | None:
    """Carry out a drill if its time has come; None when it has not, or another call took it on meanwhile."""
    tasks = drill_tasks(runtime.policy, (name,))
    with telling_of(runtime, tasks) as told, drill_held(writable_state(runtime), name):
        look = settled(runtime, tasks, Timetable(runtime).agenda(tasks))  # another call may have taken it on meanwhile
        if not look.due or waits_for_power(runtime):
            return None
        with remembering(runtime, tasks, told):
            return drill(runtime, [name])


def _drill(runtime: Runtime, name: str) -> DrillPolicy:
    policy = runtime.policy
    known = {*policy.drills, *policy.sets}
    return planning.drill_named(policy, name, gone=() if name in known else gone(runtime))


def _opened_for(runtime: Runtime, drill: DrillPolicy) -> tuple[Runtime, UsedKey | None]:
    """Return what a drill works with; with a `key:` of its own, that alone opens its repository."""
    if drill.key is None:
        return runtime, None
    opened = runtime.opened_with(drill.repository, drill.key)
    return opened, require_open(opened.adapters, drill.repository, drill.key, what=f"the drill {drill.name}")


def _plan(runtime: Runtime, opened: Runtime, drill: DrillPolicy) -> Plan:
    """Plan a drill by what `opened` reads, and by the whole policy."""
    declared = runtime.clock.now()
    # It goes to a sandbox, so it needs no machine to be adopted.
    choice = partial(choose, opened, repositories=(drill.repository,), signers=lambda: runtime.notary.ours().signers, guess=True)
    read = {each: choice(each)[1] for each in drill.sets}
    older = read_before(opened, read.values(), drill.repository) if drill.negative_control else {}
    joined = joined_with_own(runtime, read, copies=dict.fromkeys(read, (drill.repository,)), form="sandbox")
    plan = planning.plan_drill(
        joined.policy,
        drill,
        manifests=joined.manifests,
        older={each: with_sources(manifest, joined.renamed) for each, manifest in older.items()},
        notes=joined.notes,
        repository=drill.repository,
        now=declared,
        declared=declared,
        run=runtime.clock.fresh_id(),
    )
    return with_forecast(runtime, joined.noted_on(plan, today=runtime.policy), read)
