"""Backing sets up, now or when their time has come, and bringing their copies up to date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from drtool.app.power import waits_for_power
from drtool.app.runtime import Runtime
from drtool.app.sweeping import observe_run, sweep_and_observe, sweep_quietly
from drtool.app.telling import Telling
from drtool.app.timetable import Timetable
from drtool.app.working import alone_with, as_plan, carry_out, fresh, working, writable_state
from drtool.engine.lock import sets_held
from drtool.engine.observe import observe
from drtool.model.attempt import Task
from drtool.model.errors import DrtoolError, Locked
from drtool.model.inventory import Inventory
from drtool.model.plan import Plan
from drtool.model.report import Report
from drtool.planning import backup, copy
from drtool.planning.endings import sets_of
from drtool.planning.maintenance import put_off, with_maintenance
from drtool.planning.pieces import in_pieces, with_pieces
from drtool.planning.schedule import Agenda, Timed, repository_of, run_tasks


def plan_run(runtime: Runtime, sets: Iterable[str] = (), *, due: bool = False) -> Plan:
    """Return what `run`, or with `due` what `run_due`, would do now; nothing is written down."""
    names = runtime.sets_named(sets)
    with working(runtime):
        if not due:
            return _plan(runtime, names, observe_run(runtime, names))
        tasks = run_tasks(runtime.policy, names)
        look = informed(runtime, Timetable(runtime).agenda(tasks), tasks, remember=False)
        return _plan_due(runtime, look, observe_run(runtime, look.names("run"), also=look.names("verify")))


def run(runtime: Runtime, what: Plan | Iterable[str] = ()) -> Report:
    """Carry out a plan of `plan_run`, or back up the sets of these names as they are found after the sweep."""
    if isinstance(what, Plan):
        with alone_with(runtime, sets_of(what)):
            sweep_quietly(runtime)
            return carry_out(runtime, what)
    names = runtime.sets_named(what)
    with alone_with(runtime, names):
        found = sweep_and_observe(runtime, names)
        return carry_out(runtime, _plan(runtime, names, found))


def run_looked(runtime: Runtime, tasks: Mapping[Task, Timed], look: Agenda) -> Report | None:
    """Carry out what a look at this host's disk found due, unknown or owed; None when nothing of it was due after all."""
    timetable = Timetable(runtime)
    with telling_of(runtime, look.due or look.unknown) as told, working(runtime):
        writable_state(runtime)
        look = informed(runtime, look, tasks)
        if not look.due:
            sweep_quietly(runtime)
            return None
        with sets_held(runtime.state_directory, look.names("run")):
            look = informed(runtime, timetable.agenda(tasks), tasks)  # another call may have taken them on while this one looked
            if not look.due or waits_for_power(runtime):
                return None
            with remembering(runtime, look.due, told):
                found = sweep_and_observe(runtime, look.names("run"), also=look.names("verify"))
                return carry_out(runtime, _plan_due(runtime, look, found))


def plan_copy(runtime: Runtime, sets: Iterable[str] = ()) -> Plan:
    """Return what `copy` would do now."""
    with working(runtime):
        return _plan_copy(runtime, sets)


def copy_points(runtime: Runtime, what: Plan | Iterable[str] = ()) -> Report:
    """Carry out a plan of `plan_copy`, or bring the copies of sets up to date."""
    names = sets_of(what) if isinstance(what, Plan) else runtime.sets_named(what)
    with alone_with(runtime, names):
        sweep_quietly(runtime)
        return carry_out(runtime, as_plan(what, lambda _sets: _plan_copy(runtime, names)))


def informed(runtime: Runtime, look: Agenda, tasks: Mapping[Task, Timed], *, remember: bool = True) -> Agenda:
    """Ask the repositories about what this host does not remember."""
    if not look.unknown:
        return look
    names = dict.fromkeys(repository_of(runtime.policy, task) for task in look.unknown)
    known = observe(runtime.adapters, repositories=[name for name in names if name]).repositories
    return Timetable(runtime).informed(look, tasks, known, remember=remember)


@contextmanager
def telling_of(runtime: Runtime, tasks: Iterable[Task]) -> Iterator[list[DrtoolError]]:
    """Tell of an error that ends a timer's call, whatever it came by; yields where the errors are put that were told already.

    A call that got no lock is no attempt: whoever holds it writes down how that ends.
    """
    told: list[DrtoolError] = []
    try:
        yield told
    except DrtoolError as error:
        if not any(each is error for each in told):
            Telling(runtime).failed(tasks, error, busy=isinstance(error, Locked))
        raise


@contextmanager
def remembering(runtime: Runtime, tasks: Iterable[Task], told: list[DrtoolError]) -> Iterator[None]:
    """Count an error before there was a plan as an attempt too: it must not come again at every call."""
    try:
        yield
    except DrtoolError as error:
        names = tuple(tasks)
        telling = Telling(runtime)
        Timetable(runtime).failed(names, error)
        telling.failed(names, error)
        told.append(error)
        raise


def _plan(runtime: Runtime, names: tuple[str, ...], found: Inventory) -> Plan:
    run, now = fresh(runtime)
    points = {name: runtime.clock.fresh_id() for name in names}
    found = with_pieces(found, by=runtime.policy.name)
    plan = backup.plan_run(runtime.policy, found, sets=names, now=now, run=run, points=points)
    pieces = in_pieces(found, by=runtime.policy.name, machines=runtime.notary.ours().machines)
    return replace(plan, skipped=(*plan.skipped, *pieces))


def _plan_due(runtime: Runtime, due: Agenda, found: Inventory) -> Plan:
    """Plan what a timer's call takes on: sets whose repository answers, then prunes and readings."""
    waiting = put_off(runtime.policy, found, due.names("run"))
    late = {each.set for each in waiting}
    plan = _plan(runtime, tuple(name for name in due.names("run") if name not in late), found)
    plan = replace(plan, skipped=(*plan.skipped, *waiting))
    return with_maintenance(runtime.policy, found, plan, prunes=due.names("prune"), readings=due.names("verify"))


def _plan_copy(runtime: Runtime, sets: Iterable[str]) -> Plan:
    names = runtime.sets_named(sets)
    found = observe(runtime.adapters, repositories=runtime.repositories_of(names))
    run, now = fresh(runtime)
    return copy.plan_copy(runtime.policy, found, sets=names, now=now, run=run)
