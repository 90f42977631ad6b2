"""The one loop: starts what is ready within its limits, writes every event down, and always releases."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

from drtool import process
from drtool.catalog.fold import STOPPED
from drtool.catalog.result import written
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.perform import perform
from drtool.engine.retry import attempt
from drtool.model.codec import encode, kind_of
from drtool.model.errors import Bug, DrtoolError, Interrupted, NotFound
from drtool.model.event import Event, EventKind
from drtool.model.plan import Copy, Plan, Release, Restore, Result, Seal, Step, Store, TakeSnapshot, Thaw
from drtool.model.report import Failure
from drtool.planning.doing import spell_all, spell_doing
from drtool.planning.limits import Limits, Room, limits_of
from drtool.planning.quiesce import Stillness
from drtool.ports import Progress

heard = TypeVar("heard")
Emit = Callable[[EventKind, str, Mapping[str, object]], None]
TICK_SECONDS = 0.2
THAW_SECONDS = 60.0
"""How long it may take to let go on what was held still; then a sweep does it."""


def execute(
    plan: Plan,
    adapters: Adapters,
    *,
    emit: Emit,
    interrupt: process.Interrupt,
    deadline: float | None = None,
    limits: Limits | None = None,
    events: Callable[[], Sequence[Event]] = tuple,
) -> Mapping[str, Result]:
    """Carry out a plan and return the results of the steps that succeeded; never raises for a failing step.

    `events` gives what was emitted until now, for the steps that write down what happened.
    """
    return _Execution(plan, adapters, emit, interrupt, deadline, limits or Limits(), events).run()


_EARLIER: Final = "earlier points are untouched"
_SAFE: Final[Mapping[type, str]] = {
    **dict.fromkeys((TakeSnapshot, Store, Seal, Copy), _EARLIER),
    Release: "it carries our label: the next run or `drtool sweep` releases it",
    Thaw: "it carries our label: the next run or `drtool sweep` lets it go on",
    Restore: "what is in service was not touched",
}
"""What is true of a failed step, whatever its error could not tell."""


def tell(listener: Callable[[heard], None], event: heard) -> str:
    """Tell something to a listener; in words what it raised, if it did: who only watches (a closed terminal) must not stop a run."""
    try:
        listener(event)
    except Exception as error:  # noqa: BLE001 - whatever a listener raises is its own affair
        return f"{type(error).__name__}: {error}"
    return ""


class _Execution:
    def __init__(
        self,
        plan: Plan,
        adapters: Adapters,
        emit: Emit,
        interrupt: process.Interrupt,
        deadline: float | None,
        limits: Limits,
        events: Callable[[], Sequence[Event]],
    ) -> None:
        self._plan, self._adapters, self._emit, self._events = plan, adapters, emit, events
        self._interrupt, self._deadline = interrupt, deadline
        self._limits = limits_of(plan, limits)
        self._room = Room(self._limits)
        self._stillness = Stillness(plan.steps)
        self._results: dict[str, Result] = {}
        self._ended: set[str] = set()
        self._known = {step.id for step in plan.steps}
        self._waiting = {step.id: step for step in plan.steps}
        self._running: dict[Future[Result | None], Step] = {}
        self._interrupts: dict[str, process.StepInterrupt] = {}
        self._stops_told = 0

    def run(self) -> Mapping[str, Result]:
        # One more than there is room for: what is held still goes on though everything else is busy.
        with ThreadPoolExecutor(max_workers=self._limits.workers + 1, thread_name_prefix="drtool") as pool:
            while self._waiting or self._running:
                self._tell_stopping()
                self._start_ready(pool)
                if not self._running:
                    continue
                done, _pending = wait(self._running, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(self._running.pop(future), future)
        return self._results

    def _tell_stopping(self) -> None:
        """Say at once that a stop was heard, and what is still waited for."""
        if self._interrupt.requests <= self._stops_told:
            return
        self._stops_told = self._interrupt.requests
        running = spell_all(self._running.values())
        if self._interrupt.stops(shielded=True):
            ended = f"{running}: that is ended as it is; " if running else ""
            text = f"told to stop again: {ended}`drtool sweep` tidies up what is left"
        else:
            ended = f"{running}: that is ended" if running else "nothing more is begun"
            text = f"told to stop: {ended}, then what this run made is tidied up (once more ends that too)"
        self._emit(EventKind.NOTED, "", {"text": text, "stopping": True})

    def _start_ready(self, pool: ThreadPoolExecutor) -> None:
        for step in list(self._waiting.values()):
            if self._room.full and not self._stillness.held:
                return
            reason = self._reason_not_to_run(step)
            if reason:
                self._end(step, {"not_run": reason})
            elif self._is_ready(step) and self._may_begin(step):
                del self._waiting[step.id]
                self._take_room(step)
                self._stillness.begin(step, self._adapters.clock.monotonic())
                self._interrupts[step.id] = process.StepInterrupt(self._interrupt)
                self._running[pool.submit(self._carry_out, step)] = step

    def _may_begin(self, step: Step) -> bool:
        return self._stillness.may_begin(step) and (isinstance(step.action, Thaw) or self._room.fits(step))

    def _take_room(self, step: Step) -> None:
        if not isinstance(step.action, Thaw):
            self._room.take(step)

    def _reason_not_to_run(self, step: Step) -> str:
        if step.always:
            return ""
        if self._interrupt.stops(shielded=False):
            return STOPPED
        if self._stillness.is_too_late(step, self._adapters.clock.monotonic()):
            return "the time is over for which its set is held still"
        for name in (*step.needs, *step.beside):
            if name in self._ended and name not in self._results:
                return f"{name} did not succeed"
        return ""

    def _is_ready(self, step: Step) -> bool:
        if self._stillness.is_due(step, self._adapters.clock.monotonic()):
            return True
        return all(name in self._ended or name not in self._known for name in (*step.needs, *step.after))

    def _carry_out(self, step: Step) -> Result | None:
        clock = self._adapters.clock
        scope = process.Scope(
            label=f"{self._plan.run}/{step.id}",
            deadline=self._deadline_of(step),
            interrupt=self._interrupts[step.id],
            shielded=step.always,
            doing=spell_doing(step),
            on_start=lambda pid, program: self._emit(EventKind.COMMAND_STARTED, step.id, {"pid": pid, "program": program}),
        )
        self._emit(EventKind.STEP_STARTED, step.id, {})
        started = clock.monotonic()
        data: dict[str, object] = {}
        result: Result | None = None
        with process.scope(scope):
            try:
                work = Work(self._plan, step, self._results, self._adapters, lambda progress: self._tell(step, progress), self._events)
                result = attempt(
                    lambda: perform(work),
                    clock=clock,
                    window_seconds=self._window(step, started),
                    on_retry=lambda error, seconds: self._emit(
                        EventKind.STEP_RETRIED, step.id, {"kind": error.kind, "what": error.what, "wait_seconds": seconds}
                    ),
                )
                data["result"] = encode(written(result), tagged=True)
            except DrtoolError as error:
                stopped = self._interrupts[step.id].alone and isinstance(error, Interrupted) and not self._interrupt.requests
                data["failure"] = encode(Failure.of(_placed(self._stopped(step) if stopped else error, step)))
            except Exception as error:  # noqa: BLE001 - whatever crossed a seam untranslated is told as a bug, and releases still run
                bug = Bug(f"{type(error).__name__}: {error}", traceback=traceback.format_exc(), where=step.id)
                data["failure"] = encode(Failure.of(bug))
                result = None
        data["seconds"] = round(clock.monotonic() - started, 6)
        self._emit(EventKind.STEP_ENDED, step.id, data)
        return result

    def _deadline_of(self, step: Step) -> float | None:
        if isinstance(step.action, Thaw):
            return self._adapters.clock.monotonic() + THAW_SECONDS
        known = [each for each in (None if step.always else self._deadline, self._stillness.deadline(step)) if each is not None]
        return min(known, default=None)

    def _window(self, step: Step, started: float) -> float:
        """Return how long a step is tried again; what is held still meanwhile is not kept waiting longer than it may be."""
        ends = self._stillness.deadline(step)
        return self._usual_window(step) if ends is None else min(self._usual_window(step), max(0.0, ends - started))

    def _usual_window(self, step: Step) -> float:
        repositories = self._adapters.policy.repositories
        windows = [
            repositories[name].timeout.total_seconds()
            for kind, _colon, name in (used.partition(":") for used in step.uses)
            if kind == "repository" and name in repositories
        ]
        return max(windows, default=60.0)

    def _tell(self, step: Step, progress: Progress) -> None:
        self._emit(EventKind.PROGRESS, step.id, encode(progress))

    def _finish(self, step: Step, future: Future[Result | None]) -> None:
        result = future.result()
        if not isinstance(step.action, Thaw):
            self._room.leave(step)
        self._stillness.end(step)
        if result is not None:
            self._results[step.id] = result
        else:
            self._stop_beside(step)
        self._ended.add(step.id)

    def _stop_beside(self, failed: Step) -> None:
        for step in self._running.values():
            if failed.id in step.beside:
                self._interrupts[step.id].request(0)

    def _stopped(self, step: Step) -> DrtoolError:
        failed = next((name for name in step.beside if name not in self._results), "")
        return NotFound(f"it was stopped, as {failed} did not succeed")

    def _end(self, step: Step, data: Mapping[str, object]) -> None:
        del self._waiting[step.id]
        self._ended.add(step.id)
        self._stillness.end(step)
        self._emit(EventKind.STEP_ENDED, step.id, data)


def _placed(error: DrtoolError, step: Step) -> DrtoolError:
    parts = (step.set, step.workload, kind_of(type(step.action)).replace("_", " "))
    error.where = error.where or " \u203a ".join(part for part in parts if part)
    error.safe = error.safe or _SAFE.get(type(step.action), "")
    return error
