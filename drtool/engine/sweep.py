from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drtool import process
from drtool.catalog.journal import Journal
from drtool.catalog.runs import RunFolder, Runs
from drtool.engine.actions.record import record_interrupted
from drtool.engine.adapters import Adapters
from drtool.engine.hook import hook_runner, run_hook
from drtool.engine.mount import take_down
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused, TimedOut, Unavailable
from drtool.model.event import Event, EventKind
from drtool.model.plan import Mount, Plan, Record, Restore, RunHook, Step
from drtool.model.policy import Hook
from drtool.ports import Runner
from drtool.staging.scratch import clear_scratch

_ROUNDS = 5
CLOCK_GRAIN = timedelta(seconds=5)
"""A process notes its lock after we note the process, by the same clock; so much may that have been set meanwhile."""


@dataclass(frozen=True, slots=True)
class DeadRuns:
    """What was found of other runs on this host: over without an end, alive, and over in order; `failures` are what could not be settled.

    `places` are the directories, each with its source, into which runs that died were pouring.

    It tells what was so before anything else is observed: what a run leaves is looked at after that run is known to be over.
    """

    dead: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    failures: tuple[DrtoolError, ...] = ()
    places: tuple[tuple[str, str], ...] = ()


def settle_dead_runs(state_directory: str, adapters: Adapters, *, settles: Callable[[Plan], bool] = lambda _plan: True) -> DeadRuns:
    """End what dead runs left running, do what they owe, sign that their drills were interrupted; a run is dead when its lock is free.

    A run that could not be settled now (its machine is away, or `settles` says that these adapters may not do what it owes) stays open and
    is tried again by the next sweep; nothing that it left is taken for a dead run's until then.
    """
    dead: set[str] = set()
    live: set[str] = set()
    failures: list[DrtoolError] = []
    ended = Runs(state_directory).ended()
    for folder in Runs(state_directory).unfinished():
        if not folder.is_dead():
            live.add(folder.run)
            continue
        plan = folder.plan()
        if plan is not None and not settles(plan):
            failures.append(
                Refused(
                    f"what run {folder.run} left is not looked at: it was a {plan.verb} of the policy {plan.policy}",
                    hint="drtool sweep, with that policy",
                    safe="nothing of it was touched",
                )
            )
            continue
        dead.add(folder.run)
        try:
            _settle(folder, adapters)
        except Interrupted:
            raise
        except DrtoolError as error:
            failures.append(error)
            continue
        if plan is not None and _directories(plan):
            folder.mark_died()
        with contextlib.suppress(OSError):
            os.unlink(folder.lock)
    return DeadRuns(frozenset(dead), frozenset(live), ended, tuple(failures), died_into(state_directory))


def died_into(state_directory: str) -> tuple[tuple[str, str], ...]:
    """Return the directories, each with its source, into which runs that died and are settled were pouring."""
    plans = [plan for folder in Runs(state_directory).died() if (plan := folder.plan()) is not None]
    return tuple(dict.fromkeys(place for plan in plans for place in _directories(plan)))


def _directories(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return by source the directories that a person named for a restore."""
    restores = (step.action for step in plan.steps if isinstance(step.action, Restore))
    return tuple((each.member.source, each.destination.path) for each in restores if each.destination.form == "directory")


def started_by_a_dead_run(state_directory: str, pid: int, since: datetime) -> bool:
    """Tell whether a dead run of this host started a process of that number before `since`: the proof that a lock in its name is stale.

    Numbers are used again, and two machines may bear one name: what was locked before our process began is somebody else's.
    """
    return any(
        event.kind is EventKind.COMMAND_STARTED and event.data.get("pid") == pid and event.at - CLOCK_GRAIN <= since
        for folder in Runs(state_directory).all()
        if folder.is_dead()
        for event in folder.events()
    )


def _settle(folder: RunFolder, adapters: Adapters) -> None:
    plan, events = folder.plan(), folder.events()
    runners = {runner.name: runner for source in adapters.sources.values() for runner in source.runners()}
    runners[adapters.local.name] = adapters.local

    def note(pid: int, program: str) -> None:  # what settles a dead run is started in its name, and known as its own if this is killed too
        journal.write(_event(folder, adapters, EventKind.COMMAND_STARTED, "", {"pid": pid, "program": program}))

    with open(os.devnull, "w", encoding="ascii") as nowhere, contextlib.closing(Journal(folder.journal, fallback=nowhere)) as journal:
        for runner in runners.values():
            _end_orphans(runner, folder, adapters, journal)
            clear_scratch(runner, folder.run)
        if plan is None:
            return
        for hook in _under_way_inside(plan, events, adapters):
            # One that does not answer runs nothing that could be ended; what is owed there is tried below, and says so.
            with contextlib.suppress(NotFound, Unavailable), hook_runner(adapters, hook) as runner:
                _end_orphans(runner, folder, adapters, journal)
        for step in plan.steps:
            if isinstance(step.action, Mount):
                take_down(adapters.local, step.action)
        for step in _owed(plan, events):
            action = step.action
            if isinstance(action, RunHook) and action.hook.source in adapters.sources:
                with process.scope(process.Scope(label=f"{folder.run}/{step.id}", shielded=True, on_start=note)):
                    done = _run_owed(adapters, action, set_name=step.set, run=plan.run)
                journal.write(_event(folder, adapters, EventKind.STEP_ENDED, step.id, {"result": {"note": done}}))
        for step, action in _unrecorded(plan, events):
            with process.scope(process.Scope(label=f"{folder.run}/{step.id}", shielded=True, on_start=note)):
                record_interrupted(adapters, plan, action, events)
            journal.write(_event(folder, adapters, EventKind.STEP_ENDED, step.id, {"result": {"note": "recorded as interrupted"}}))
        journal.write(_event(folder, adapters, EventKind.RUN_ENDED, "", {"signal_number": 9, "swept": True}))


def _under_way_inside(plan: Plan, events: Iterable[Event], adapters: Adapters) -> tuple[Hook, ...]:
    """Return the hooks inside workloads that had begun and not ended: their runners are told by no source by itself."""
    begun, ended = ({event.step for event in events if event.kind is kind} for kind in (EventKind.STEP_STARTED, EventKind.STEP_ENDED))
    return tuple(
        step.action.hook
        for step in plan.steps
        if isinstance(step.action, RunHook) and step.id in begun - ended
        if step.action.hook.workload and step.action.hook.source in adapters.sources
    )


def _run_owed(adapters: Adapters, action: RunHook, *, set_name: str, run: str) -> str:
    """Run an owed hook; of a workload that is gone for good nothing is owed any more."""
    if action.hook.workload:
        try:
            with hook_runner(adapters, action.hook):
                pass
        except NotFound:
            return f"swept: {action.hook.workload} is gone, and so is what was to be done inside"
    run_hook(adapters, action.hook, set_name=set_name, run=run, phase=action.phase)
    return "swept"


def _end_orphans(runner: Runner, folder: RunFolder, adapters: Adapters, journal: Journal) -> None:
    """End what a dead run left running, and what that started meanwhile."""
    for _round in range(_ROUNDS):
        orphans = runner.find(folder.run)
        if not orphans:
            return
        for orphan in orphans:  # one that its run had no time to write down leaves a lock that only this line proves to be dead
            journal.write(_event(folder, adapters, EventKind.COMMAND_STARTED, "", {**_told(orphan.handle), "program": "orphan"}))
        runner.end(orphans)
    raise TimedOut(
        f"processes of run {folder.run}, which is dead, do not end on {runner.name}: {', '.join(orphan.handle for orphan in orphans)}",
        hint="look what they wait for; the next sweep tries again",
    )


def _told(handle: str) -> Mapping[str, object]:
    """Write a handle down as what it is where it was always written: the number of a process."""
    return {"pid": int(handle)} if handle.isdecimal() else {"handle": handle}


def _event(folder: RunFolder, adapters: Adapters, kind: EventKind, step: str, data: Mapping[str, object]) -> Event:
    return Event(kind, folder.run, adapters.clock.now(), 0.0, step, data)


def _unrecorded(plan: Plan, events: Iterable[Event]) -> tuple[tuple[Step, Record], ...]:
    """Return the steps that should have recorded a drill and did not end."""
    ended = {event.step for event in events if event.kind is EventKind.STEP_ENDED}
    return tuple((step, step.action) for step in plan.steps if isinstance(step.action, Record) and step.id not in ended)


def _owed(plan: Plan, events: Iterable[Event]) -> tuple[Step, ...]:
    """Return the `after` hooks that never succeeded of sets whose work had begun."""
    begun = set()
    settled = set()
    for event in events:
        if event.kind is EventKind.STEP_STARTED:
            begun.add(event.step)
        elif event.kind is EventKind.STEP_ENDED and "failure" not in event.data:
            settled.add(event.step)
    sets = {step.set for step in plan.steps if step.id in begun}
    return tuple(
        step for step in plan.steps if step.always and isinstance(step.action, RunHook) and step.set in sets and step.id not in settled
    )
