from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from drtool.model.attempt import Attempts, Task
from drtool.model.errors import Unscheduled
from drtool.model.policy import Policy
from drtool.planning.due import Turn, next_turn


@dataclass(frozen=True, slots=True)
class Timed:
    """When a task is done."""

    schedule: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a call of a timer takes on: what is `due`, and what nothing is remembered of, so that the repositories must be asked."""

    turns: Mapping[Task, Turn]
    unknown: tuple[Task, ...] = ()

    @property
    def due(self) -> tuple[Task, ...]:
        """The tasks whose time has come, in the policy's order."""
        return tuple(task for task, turn in self.turns.items() if turn.due and task not in self.unknown)

    def names(self, verb: str) -> tuple[str, ...]:
        """Name what is due of one verb."""
        return tuple(task.name for task in self.due if task.verb == verb)


def run_tasks(policy: Policy, sets: Iterable[str]) -> dict[Task, Timed]:
    """Return what `run --due` serves: those of the sets that have a schedule, and every prune and reading that has one.

    Raises Unscheduled when that is nothing, or none of the sets that were named.
    """
    names = tuple(sets)
    found = _of_runs(policy, names)
    if len(names) < len(policy.sets) and not any(task.verb == "run" for task in found):
        raise Unscheduled(
            f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no schedule: `drtool run --due` never takes {_them(names)}",
            hint=f"add `schedule:` to {'it' if len(names) == 1 else 'them'}, or type: drtool run {' '.join(names)}",
            safe="nothing was started",
        )
    if not found:
        drills = any(drill.schedule is not None for drill in policy.drills.values())
        raise Unscheduled(
            "nothing in the policy has a schedule that `drtool run --due` serves: no set, no `prune:`, no `verify:`",
            hint="the drills have one: drtool drill --due" if drills else "add `schedule:` to a set, or call `drtool run` when you want it",
            safe="nothing was started",
        )
    return found


def drill_tasks(policy: Policy, drills: Iterable[str]) -> dict[Task, Timed]:
    """Return what `drill --due` serves: those of the drills that have a schedule; raises Unscheduled when that is none."""
    names = tuple(drills)
    found = _of_drills(policy, names)
    if not found:
        raise Unscheduled(
            f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no schedule: `drtool drill --due` never takes {_them(names)}"
            if names
            else "the policy has no drill that `drtool drill --due` could take",
            hint="add `schedule:` to the drill under `drills:`, or name it: drtool drill DRILL",
            safe="nothing was started",
        )
    return found


def every_task(policy: Policy) -> dict[Task, Timed]:
    """Return everything in the policy that has a schedule."""
    return {**_of_runs(policy, policy.sets), **_of_drills(policy, policy.drills)}


def _of_runs(policy: Policy, sets: Iterable[str]) -> dict[Task, Timed]:
    found = {Task("run", name): Timed(each.schedule, each.time_zone) for name in sets if (each := policy.sets[name]).schedule is not None}
    for name, repository in policy.repositories.items():
        if repository.prune is not None:
            found[Task("prune", name)] = Timed(repository.prune)
        if repository.verify is not None:
            found[Task("verify", name)] = Timed(repository.verify.schedule)
    return found


def _of_drills(policy: Policy, drills: Iterable[str]) -> dict[Task, Timed]:
    chosen = (policy.drills[name] for name in drills)
    return {Task("drill", each.name): Timed(each.schedule, each.time_zone) for each in chosen if each.schedule is not None}


def left_out(policy: Policy) -> tuple[str, ...]:
    """Name the sets without a schedule, where others have one: the timer's call never takes them."""
    without = tuple(name for name, each in policy.sets.items() if each.schedule is None)
    return without if len(without) < len(policy.sets) else ()


def agenda(
    tasks: Mapping[Task, Timed], known: Mapping[Task, Attempts], *, alive: Iterable[Task] = (), places: Mapping[Task, str], now: datetime
) -> Agenda:
    """Decide what is due by what is remembered; a task `alive` is under way and not due, one remembered of another place is unknown."""
    busy = frozenset(alive)
    turns = {}
    unknown = []
    for task, timed in tasks.items():
        attempts = known.get(task)
        if attempts is None or (attempts.place and attempts.place != places.get(task, "")):
            unknown.append(task)
            attempts = Attempts()
        turn = next_turn(timed.schedule, timed.time_zone, known=attempts, now=now)
        turns[task] = replace(turn, due=False) if task in busy else turn
    return Agenda(turns, tuple(unknown))


def places(policy: Policy, tasks: Iterable[Task]) -> dict[Task, str]:
    """Return a short digest of where the repository of each task lies: what is remembered is remembered of an address."""
    return {
        task: hashlib.sha256(policy.repositories[name].address.location.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        for task in tasks
        if (name := repository_of(policy, task)) in policy.repositories
    }


def repository_of(policy: Policy, task: Task) -> str:
    """Name the repository that tells of a task when the state does not; empty when the policy has no such task."""
    if task.verb == "run":
        return policy.sets[task.name].to if task.name in policy.sets else ""
    if task.verb == "drill":
        return policy.drills[task.name].repository if task.name in policy.drills else ""
    return task.name


def _them(names: tuple[str, ...]) -> str:
    return "it" if len(names) == 1 else "them"
