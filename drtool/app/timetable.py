"""When what has a schedule is done: joins what this host remembers, what journals and repositories tell, and what is decided on paper."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drtool.app.runtime import Runtime
from drtool.catalog.attempts import AttemptBook, ended_attempt, failed_attempt
from drtool.catalog.runs import RunFolder, Runs
from drtool.model.attempt import Attempts, Task
from drtool.model.errors import DrtoolError
from drtool.planning.overdue import TaskStatus, once_released, task_statuses, untimed_statuses
from drtool.planning.schedule import Agenda, Timed, agenda, every_task, places, repository_of

if TYPE_CHECKING:
    from drtool.model.inventory import Listing
    from drtool.model.plan import Plan
    from drtool.model.report import Report


@dataclass(frozen=True, slots=True)
class Timetable:
    """The attempts of one policy on one host."""

    runtime: Runtime

    @property
    def book(self) -> AttemptBook:
        """Where attempts are remembered."""
        return AttemptBook(self.runtime.state_directory, by=self.runtime.policy.name)

    def agenda(self, tasks: Mapping[Task, Timed]) -> Agenda:
        """Decide what is due, by this host's disk alone."""
        known, alive = self._settled()
        return agenda(tasks, known, alive=alive, places=places(self.runtime.policy, tasks), now=self.runtime.clock.now())

    def informed(self, plan: Agenda, tasks: Mapping[Task, Timed], listings: Mapping[str, Listing], *, remember: bool = True) -> Agenda:
        """Decide again with what repositories tell of the tasks that nothing is remembered of, and remember it.

        A repository that could not be read tells nothing: what it should know of is due, and says so when it is tried.
        """
        from drtool.planning.attempted import told_by  # noqa: PLC0415 - nouns of listings, likewise

        now = self.runtime.clock.now()
        told: dict[Task, Attempts] = {}
        silent: list[Task] = []
        where = places(self.runtime.policy, tasks)
        for task in plan.unknown:
            listing = listings.get(repository_of(self.runtime.policy, task))
            found = told_by(self.runtime.policy, task, listing, now=now) if listing is not None and listing.problem is None else None
            if found is None:
                silent.append(task)
            else:
                told[task] = replace(found, place=where.get(task, ""))
        if remember:
            self.book.learn(told)
        known, alive = self._settled()
        never = {task: Attempts(place=where.get(task, "")) for task in silent}
        return agenda(tasks, {**known, **told, **never}, alive=alive, places=where, now=now)

    def known(self) -> Mapping[Task, Attempts]:
        """Return what is remembered of every task, those under way as they stood."""
        known, _alive = self._settled()
        return known

    def begin(self, plan: Plan) -> None:
        """Write down that a plan's tasks are tried now; Refused when that cannot be."""
        from drtool.planning.endings import tasks_of  # noqa: PLC0415 - nouns of plans, which a look at the schedule needs none of

        tasks = tasks_of(plan)
        if tasks:
            known, _alive = self._settled()
            tried = {task: known.get(task, Attempts()) for task in tasks}
            self.book.begin(tried, run=plan.run, now=self.runtime.clock.now(), places=places(self.runtime.policy, tasks))

    def end(self, plan: Plan, report: Report) -> None:
        """Write down how the tasks of a plan ended."""
        from drtool.planning.endings import endings  # noqa: PLC0415 - likewise

        self.book.end(endings(plan, report), run=plan.run, now=self.runtime.clock.now())

    def failed(self, tasks: Iterable[Task], error: DrtoolError) -> None:
        """Count an error that ended a call before it had a plan as an attempt at its tasks."""
        from drtool.planning.endings import ending_of  # noqa: PLC0415 - likewise

        known, _alive = self._settled()
        now = self.runtime.clock.now()
        names = tuple(tasks)
        where = places(self.runtime.policy, names)
        ending = ending_of(error.kind, error.what, error.hint)
        self.book.learn({task: failed_attempt(known.get(task, Attempts()), ending, now=now, place=where.get(task, "")) for task in names})

    def statuses(self, told: Mapping[str, Attempts], *, held: Collection[str]) -> tuple[TaskStatus, ...]:
        """Return how everything with a schedule stands; what the state does not know is as repositories told, by the name of the task.

        `held` are the sets of which nothing is forgotten until somebody has looked.
        """
        tasks = every_task(self.runtime.policy)
        where = places(self.runtime.policy, tasks)
        known, alive = self._settled()
        now = self.runtime.clock.now()
        found = {task: each for task, each in known.items() if not each.place or each.place == where.get(task, "")}
        for task in tasks.keys() - found.keys():
            if str(task) in told:
                found[task] = told[str(task)]
        return task_statuses(tasks, once_released(found, held), alive=alive, now=now)

    def untimed(self, *, held: Collection[str]) -> tuple[TaskStatus, ...]:
        """Return the last attempts at backups and drills without a schedule that were not good; what goes on now is left out."""
        own = {*(Task("run", name) for name in self.runtime.policy.sets), *(Task("drill", name) for name in self.runtime.policy.drills)}
        own -= every_task(self.runtime.policy).keys()
        where = places(self.runtime.policy, own)
        known, alive = self._settled()
        tried = {
            task: each
            for task, each in known.items()
            if task in own and task not in alive and (not each.place or each.place == where.get(task, ""))
        }
        return untimed_statuses(once_released(tried, held), now=self.runtime.clock.now())

    def owes(self) -> bool:
        """Tell whether a run of this host died and is not tidied up yet."""
        return any(folder.is_dead() for folder in Runs(self.runtime.state_directory).unfinished())

    def _settled(self) -> tuple[dict[Task, Attempts], frozenset[Task]]:
        """Return what is remembered, each attempt without an end as its run's journal tells, and the tasks that are under way now."""
        found: dict[Task, Attempts] = {}
        alive: set[Task] = set()
        folders: dict[str, RunFolder] = {}
        for task, attempts in self.book.load().items():
            found[task] = attempts
            if attempts.lesson is not None or not attempts.run:
                continue
            folder = folders.setdefault(attempts.run, Runs(self.runtime.state_directory).folder(attempts.run))
            if os.path.exists(folder.lock) and not folder.is_dead():
                alive.add(task)
            else:
                found[task] = _as_journal_tells(task, attempts, folder)
        return found, frozenset(alive)


def _as_journal_tells(task: Task, attempts: Attempts, folder: RunFolder) -> Attempts:
    """Return an attempt whose end nobody wrote down: its run was killed, or ended a moment before that."""
    from drtool.planning.endings import KILLED, endings  # noqa: PLC0415 - likewise

    plan, report = folder.plan(), folder.report()
    ended = attempts.last
    ending = KILLED
    if plan is not None and report is not None:
        ended = max(_last_sign(report), attempts.last or report.started)
        ending = endings(plan, report).get(task, KILLED)
    return ended_attempt(attempts, ending, now=ended) if ended is not None else attempts


def _last_sign(report: Report) -> datetime:
    return report.started + timedelta(seconds=report.seconds)
