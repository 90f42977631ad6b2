"""What every verb that works does around its own work: hear signals, keep a second one out, carry out, remember."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from drtool.app.power import heeding_power
from drtool.app.runtime import Runtime
from drtool.app.summary import new_summary
from drtool.app.telling import Telling
from drtool.app.timetable import Timetable
from drtool.catalog.exposure import exposed_state
from drtool.catalog.label_key import keeps_key
from drtool.catalog.lanes import Lanes
from drtool.catalog.runs import Runs
from drtool.catalog.storage import make_folder
from drtool.engine.adapters import Adapters
from drtool.engine.desk import noting
from drtool.engine.lock import sets_held
from drtool.engine.session import RunSession
from drtool.engine.signals import listening
from drtool.model.errors import DrtoolError, Refused
from drtool.model.label import UNKNOWN_MACHINE, UNREMEMBERED
from drtool.model.plan import Cutover, Plan, Seal
from drtool.model.report import Report
from drtool.openness import opening_of

KEPT_RUNS = 500
EVER = float("inf")


@contextlib.contextmanager
def working(runtime: Runtime) -> Iterator[None]:
    """Hear signals, and let what is started be stopped and be known again, while this is open."""
    with (
        listening(runtime.interrupt),
        noting(runtime.interrupt, state_directory=runtime.state_directory, clock=runtime.clock, deadline=runtime.deadline),
    ):
        yield


@contextlib.contextmanager
def alone_with(runtime: Runtime, sets: tuple[str, ...]) -> Iterator[None]:
    """Work, and keep a second run of these sets on this host out."""
    with working(runtime), sets_held(writable_state(runtime), sets):
        yield


def writable_state(runtime: Runtime) -> str:
    """Return the state directory; Refused when it cannot be written."""
    directory = runtime.state_directory
    try:
        make_folder(directory)
        if not os.access(directory, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise Refused(
            f"the state directory {directory} cannot be written: {error.strerror}",
            hint="set $DRTOOL_STATE_DIR to a folder you may write",
            safe="nothing was started",
        ) from None
    require_closed_state(runtime)
    return directory


def require_closed_state(runtime: Runtime) -> None:
    """Refuse to work by a state that anybody may write: what dead runs owe, hooks too, is read there and carried out."""
    opening = opening_of(runtime.state_directory)
    if opening is not None and opening.anybody:
        raise Refused(
            f"the state directory {runtime.state_directory} is not used: {opening.words}", hint=opening.remedy, safe="nothing was started"
        )


def carry_out(
    runtime: Runtime, plan: Plan, *, adapters: Adapters | None = None, needs_state: bool = True, begun: float | None = None
) -> Report:
    """Carry a plan out, bring the index up to date, and drop the journals of long ago; `begun`: as for a session.

    Refused before anything is stored where nobody could sign the points.
    """
    if any(isinstance(step.action, Seal) for step in plan.steps):
        runtime.notary.require_signer()
    if any(isinstance(step.action, Cutover) for step in plan.steps):
        plan = replace(plan, notes=(*plan.notes, *_unremembered(runtime, plan.run)))
    session = RunSession(
        adapters=runtime.adapters,
        state_directory=runtime.state_directory,
        interrupt=runtime.interrupt,
        listeners=runtime.listeners,
        deadline=runtime.deadline,
    )
    timetable, telling = Timetable(runtime), Telling(runtime)
    told = runtime.notary.tell()
    exposed = (f"{opening.what}: {opening.remedy}" for opening in exposed_state(runtime.state_directory))
    with heeding_power(runtime, plan.verb) as power:
        timetable.begin(plan)  # before anything of it is done: killed right after this, it is repeated later and not at once
        plan = replace(plan, notes=(*plan.notes, *told, *exposed, *power))
        telling.begun(plan)
        report = session.carry_out(plan, adapters=adapters, needs_state=needs_state, begun=begun)
    timetable.end(plan, report)
    Lanes(runtime.state_directory).take(plan, report)
    _refresh_index(runtime, plan)
    if plan.verb != "sweep":  # it is told of by no look, and another plan follows it
        _summarise(runtime)
    report = telling.ended(plan, report)
    Runs(runtime.state_directory).forget_all_but(KEPT_RUNS)
    return report


def _unremembered(runtime: Runtime, run: str) -> tuple[str, ...]:
    """Say how a restore is taken back whose labels no later call can prove, as nothing can be kept here; empty where it can."""
    runtime.notary.label_proofs()
    if keeps_key(runtime.state_directory):
        return ()
    taken_over = f"drtool adopt --leftovers {runtime.notary.machine or UNKNOWN_MACHINE}, and drtool restore --undo {run}"
    back = f"To take it back: set $DRTOOL_STATE_DIR to a folder you may write, then {taken_over}"
    return (f"{UNREMEMBERED}: {runtime.state_directory} cannot be written. {back}",)


def fresh(runtime: Runtime) -> tuple[str, datetime]:
    """Return what every planner needs: the id of a new run, and now."""
    return runtime.clock.fresh_id(), runtime.clock.now()


def as_plan(what: Plan | Iterable[str], plan: Callable[[Iterable[str]], Plan]) -> Plan:
    """Return the plan that was handed in, or that of the names that were."""
    return what if isinstance(what, Plan) else plan(what)


def _summarise(runtime: Runtime) -> None:
    """Leave to the next look what there is now: it should cost no more for a thousand points than for one."""
    with contextlib.suppress(DrtoolError):  # a cache: the look says itself what stands in its way
        new_summary(runtime)


def _refresh_index(runtime: Runtime, plan: Plan) -> None:
    used = {name for step in plan.steps for kind, _colon, name in (use.partition(":") for use in step.uses) if kind == "repository"}
    for name in sorted(used & runtime.policy.repositories.keys()):
        if runtime.interrupt.requests:
            return
        try:
            runtime.index.save(runtime.adapters.repositories[name].list(maximum_age_seconds=EVER))
        except DrtoolError:  # the cache keeps what it knew
            continue
