"""Tells whoever the policy names how things went, beside the work: a failure of that changes no outcome, and is said."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from drtool.app.runtime import Runtime
from drtool.app.status import StatusView, status
from drtool.app.timetable import Timetable
from drtool.catalog.seen_names import SeenWorkloads
from drtool.catalog.told import HeardBook
from drtool.engine.tell import Teller
from drtool.model.attempt import Attempts, Ending, Task
from drtool.model.codec import canonical
from drtool.model.errors import DrtoolError
from drtool.model.metric import Metric
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan
from drtool.model.policy import Policy
from drtool.model.report import Report
from drtool.model.signal import UNTOLD, Occasion
from drtool.planning import signals
from drtool.planning.endings import ending_of, endings, tasks_of
from drtool.planning.metrics import metrics_of


class Telling:
    """What is told of one run, from its first step to its end."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._teller = _teller(runtime)
        known = Timetable(runtime).known() if self._teller.is_needed else {}
        self._before: Mapping[Task, Attempts] = signals.of_policy(runtime.policy, known)

    def begun(self, plan: Plan) -> None:
        """Tell what a plan begins with; waits for nobody."""
        if self._teller.is_needed:
            self._teller.tell(signals.begun(tasks_of(plan), self._occasion(plan.run)))

    def ended(self, plan: Plan, report: Report) -> Report:
        """Tell how everything ended and which sets are outside of their RPO, and return the report with what could not be told."""
        if not self._teller.is_needed or not tasks_of(plan):
            return report
        return replace(report, notes=(*report.notes, *self._end(endings(plan, report), run=plan.run)))

    def failed(self, tasks: Iterable[Task], error: DrtoolError, *, busy: bool = False) -> None:
        """Tell of an error that ended a call before it had a plan; what could not be told stands in its hint.

        `busy`: another call of this host works on it. That is no alarm; a promise that is broken meanwhile is one.
        """
        if self._teller.is_needed:
            ending = ending_of(error.kind, error.what, error.hint)
            ending = replace(ending, kind=signals.BUSY) if busy else ending
            untold = self._end(dict.fromkeys(tasks, ending), run=self._runtime.clock.fresh_id())
            error.hint = "; ".join(filter(None, (error.hint, *untold)))

    def _end(self, ended: Mapping[Task, Ending], *, run: str) -> tuple[str, ...]:
        untold = self._tell_end(ended, run=run)
        call = os.environ.get("INVOCATION_ID", "")
        if call and not untold and any(each.outcome != Outcome.SUCCEEDED.value for each in ended.values()):
            HeardBook(self._runtime.state_directory, by=self._runtime.policy.name).mark(call)
        return untold

    def _tell_end(self, ended: Mapping[Task, Ending], *, run: str) -> tuple[str, ...]:
        occasion = self._occasion(run)
        try:
            seen = status(self._runtime)
        except DrtoolError as error:  # what ended is told all the same, and stays as it ended
            bad = signals.not_well(ended, self._before)
            self._teller.tell(signals.ended(ended, self._before, occasion, bad=bad))
            return tuple(f"{UNTOLD}{each}" for each in (*self._close(), f"how all sets stand: {error.what}"))
        late = signals.late_sets(seen.sets)
        bad = signals.not_well(ended, self._before, late)
        self._teller.tell(signals.ended(ended, self._before, occasion, bad=bad))
        self._teller.tell((signals.promises(late, occasion, bad=bad),))
        self._teller.tell((signals.state(_numbers(self._runtime, seen), occasion),))
        return tuple(f"{UNTOLD}{each}" for each in self._close())

    def _close(self) -> tuple[str, ...]:
        untold = self._teller.close(self._runtime.interrupt, deadline=self._runtime.deadline)
        _remember(self._runtime, self._teller)
        return untold

    def _occasion(self, run: str) -> Occasion:
        runtime = self._runtime
        return Occasion(runtime.policy.name, runtime.notary.machine, run, runtime.clock.now())


def _teller(runtime: Runtime) -> Teller:
    heard = HeardBook(runtime.state_directory, by=runtime.policy.name).load() if runtime.policy.notify else {}
    known = {name: heard[key] for name, key in _keys(runtime.policy).items() if key in heard}
    return Teller(runtime.origin.notifiers(runtime.policy), known)


def _remember(runtime: Runtime, teller: Teller) -> None:
    keys = _keys(runtime.policy)
    told = {keys[name]: news for name, news in teller.told.items() if name in keys}
    HeardBook(runtime.state_directory, by=runtime.policy.name).learn(told, notifiers=keys.values())


def _keys(policy: Policy) -> dict[str, str]:
    """Return by the name of each notifier what it is known by: that stays when another is written before it."""
    return {each.name: f"{each.kind}-{hashlib.sha256(canonical(each.settings)).hexdigest()[:16]}" for each in policy.notify}


def _numbers(runtime: Runtime, seen: StatusView) -> tuple[Metric, ...]:
    return metrics_of(
        seen.sets,
        (*seen.schedules, *seen.untimed),
        policy=runtime.policy.name,
        unfinished=len(seen.unfinished),
        dead=len(seen.dead),
        as_of=seen.as_of,
        now=seen.now,
        unprotected=SeenWorkloads(runtime.state_directory, by=runtime.policy.name).unprotected(),
    )


def tell_of_unit(runtime: Runtime, unit: str, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Tell of a unit of systemd that failed before its run could tell of itself; returns in words who was not told.

    systemd says in $MONITOR_SERVICE_RESULT and $MONITOR_EXIT_STATUS how it ended, and in $MONITOR_INVOCATION_ID which call that was
    (systemd.exec(5), since release 251). Only what that call wrote down keeps this silent: an exit code is the same with and without words.
    """
    call = environment.get("MONITOR_INVOCATION_ID", "")
    if call and HeardBook(runtime.state_directory, by=runtime.policy.name).is_marked(call):
        return ()
    result, code = environment.get("MONITOR_SERVICE_RESULT", ""), environment.get("MONITOR_EXIT_STATUS", "")
    teller = _teller(runtime)
    occasion = Occasion(runtime.policy.name, runtime.notary.machine, "", runtime.clock.now())
    teller.tell((signals.unit_failed(unit, " ".join(filter(None, (result, code))), occasion),))
    untold = teller.close()
    _remember(runtime, teller)
    return untold
