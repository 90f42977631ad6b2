from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from drtool.model.attempt import Attempts, Lesson, Task
from drtool.model.errors import Unscheduled
from drtool.model.evidence import Evidence
from drtool.model.inventory import Inventory, Listing
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Skipped
from drtool.model.policy import Policy
from drtool.planning.due import Turn, next_turn
from drtool.planning.evidence import believable, passed
from drtool.planning.prune import plan_prune
from drtool.planning.verify import plan_due_verify


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


def told_by(policy: Policy, task: Task, listing: Listing, *, now: datetime) -> Attempts | None:
    """Return what a repository tells of a task that the state knows nothing of; None: it was never tried, so it is due.

    A prune leaves no trace: a time of it that lies before the newest point was there to be served when that point was made.
    """
    if task.verb == "run":
        points = [each for each in listing.points if each.set == task.name and each.instant <= now]
        there = [each for each in points if each.counts or not each.complete]  # one whose data is gone is as if it had never been made
        return _from_times([(each.instant, each.complete, "" if each.complete else Outcome.PARTIAL.value) for each in there])
    if task.verb == "verify":
        readings = [each for each in believable(listing) if each.subject == "verify" and not each.point]
        return _from_times([(each.started, each.outcome == Outcome.SUCCEEDED.value, each.outcome) for each in readings])
    if task.verb == "drill":
        return _told_of_drill(policy, task.name, listing)
    newest = max((each.sealed for each in listing.points if each.sealed <= now), default=None)
    return Attempts(since=newest or now)


def _told_of_drill(policy: Policy, name: str, listing: Listing) -> Attempts | None:
    """A drill was tried when each of its sets was: a set that was added since makes it due."""
    newest: list[tuple[datetime, bool, str]] = []
    for each in policy.drills[name].sets:
        own = [record for record in believable(listing) if _is_of(record, name, set_name=each)]
        if not own:
            return None
        last = max(own, key=lambda record: record.started)
        newest.append((last.started, passed(last), last.outcome))
    started = min(each[0] for each in newest)
    bad = next((outcome for _at, good, outcome in newest if not good), "")
    return _from_times([(started, not bad, bad)])


def _is_of(record: Evidence, drill: str, *, set_name: str) -> bool:
    """Tell whether a record is of a drill; one of an earlier release names none and may be of any."""
    named = record.details.get("drill", drill)
    return record.subject == "drill" and record.set == set_name and named == drill


def _from_times(times: list[tuple[datetime, bool, str]]) -> Attempts | None:
    if not times:
        return None
    at, good, outcome = max(times)
    succeeded = max((each for each, well, _outcome in times if well), default=None)
    lesson = Lesson.GOOD if good else Lesson.WAIT if outcome == Outcome.INTERRUPTED.value else Lesson.USED
    return Attempts(begun=(at,), ended=at, lesson=lesson, outcome="" if good else outcome, succeeded=succeeded)


def put_off(policy: Policy, found: Inventory, sets: Iterable[str]) -> tuple[Skipped, ...]:
    """Return the sets whose repository does not answer now: to stop their services for nothing helps nobody, and a later call comes."""
    skipped = []
    for name in sets:
        listing = found.repositories.get(policy.sets[name].to)
        if listing is not None and listing.problem is not None and listing.problem.kind == "Unavailable":
            reason = f"{listing.problem.what}; nothing was stopped, and the timer's next calls try again"
            skipped.append(Skipped(name, reason, Outcome.FAILED.value, set=name, because=listing.problem.kind, hint=listing.problem.hint))
    return tuple(skipped)


def with_maintenance(policy: Policy, found: Inventory, plan: Plan, *, prunes: Iterable[str], readings: Iterable[str]) -> Plan:
    """Return the plan with prunes and readings of repositories, after everything else of it."""
    steps = list(plan.steps)
    for added in (
        plan_prune(policy, repositories=prunes, now=plan.created, run=plan.run),
        plan_due_verify(policy, found.repositories, repositories=readings, now=plan.created, run=plan.run),
    ):
        earlier = tuple(step.id for step in steps)
        steps += [replace(step, after=(*step.after, *earlier)) for step in added.steps]
    return replace(plan, steps=tuple(steps))


def _them(names: tuple[str, ...]) -> str:
    return "it" if len(names) == 1 else "them"
