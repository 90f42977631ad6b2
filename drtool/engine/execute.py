"""The one loop: starts what is ready within its limits, writes every event down, and always releases."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from drtool import process
from drtool.catalog.fold import STOPPED
from drtool.engine.hands import Hands
from drtool.engine.perform import Work, perform
from drtool.engine.retry import attempt
from drtool.model.codec import encode, kind_of
from drtool.model.errors import Bug, DrtoolError
from drtool.model.event import Event, EventKind
from drtool.model.plan import Copy, Forget, Plan, Prune, Release, Restore, Result, Seal, Step, Store, TakeSnapshot, Verify
from drtool.model.report import Failure
from drtool.planning.doing import spell_all, spell_doing
from drtool.ports import Progress

Emit = Callable[[EventKind, str, Mapping[str, object]], None]
TICK_SECONDS = 0.2
ALONE = Forget | Prune | Release | Verify
"""These lock a repository against everybody; two of ours at once would only keep each other out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much happens at once: steps in all, and per resource name (`repository:near`) with a default."""

    workers: int = 4
    per_resource: int = 4
    resources: Mapping[str, int] = field(default_factory=dict)


def execute(
    plan: Plan,
    hands: Hands,
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
    return _Execution(plan, hands, emit, interrupt, deadline, limits or Limits(), events).run()


_EARLIER: Final = "earlier points are untouched"
_SAFE: Final[Mapping[type, str]] = {
    **dict.fromkeys((TakeSnapshot, Store, Seal, Copy), _EARLIER),
    Release: "it carries our label: the next run or `drtool sweep` releases it",
    Restore: "what is in service was not touched",
}
"""What is true of a failed step, whatever its error could not tell."""


def told(listener: Callable[[Event], None], event: Event) -> bool:
    """Tell an event to a listener; False when it raised: who only watches (a closed terminal) must not stop a run."""
    try:
        listener(event)
    except Exception:  # noqa: BLE001 - whatever a listener raises is its own affair
        return False
    return True


class _Execution:
    def __init__(
        self,
        plan: Plan,
        hands: Hands,
        emit: Emit,
        interrupt: process.Interrupt,
        deadline: float | None,
        limits: Limits,
        events: Callable[[], Sequence[Event]],
    ) -> None:
        self._plan, self._hands, self._emit, self._events = plan, hands, emit, events
        self._interrupt, self._deadline, self._limits = interrupt, deadline, limits
        self._results: dict[str, Result] = {}
        self._ended: set[str] = set()
        self._occupied: dict[str, int] = {}
        self._alone: set[str] = set()
        self._known = {step.id for step in plan.steps}
        self._waiting = {step.id: step for step in plan.steps}
        self._running: dict[Future[Result | None], Step] = {}
        self._stops_told = 0

    def run(self) -> Mapping[str, Result]:
        with ThreadPoolExecutor(max_workers=self._limits.workers, thread_name_prefix="drtool") as pool:
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
            if len(self._running) >= self._limits.workers:
                return
            reason = self._reason_not_to_run(step)
            if reason:
                self._end(step, {"not_run": reason})
            elif self._is_ready(step) and self._has_room(step):
                del self._waiting[step.id]
                self._occupy(step)
                self._running[pool.submit(self._carry_out, step)] = step

    def _reason_not_to_run(self, step: Step) -> str:
        if step.always:
            return ""
        if self._interrupt.stops(shielded=False):
            return STOPPED
        for name in step.needs:
            if name in self._ended and name not in self._results:
                return f"{name} did not succeed"
        return ""

    def _is_ready(self, step: Step) -> bool:
        return all(name in self._ended or name not in self._known for name in (*step.needs, *step.after))

    def _has_room(self, step: Step) -> bool:
        resources, default = self._limits.resources, self._limits.per_resource
        for name in step.uses:
            alone = isinstance(step.action, ALONE) and name.startswith("repository:")
            if self._occupied.get(name, 0) >= (1 if alone else resources.get(name, default)) or name in self._alone:
                return False
        return True

    def _occupy(self, step: Step) -> None:
        for name in step.uses:
            self._occupied[name] = self._occupied.get(name, 0) + 1
            if isinstance(step.action, ALONE) and name.startswith("repository:"):
                self._alone.add(name)

    def _carry_out(self, step: Step) -> Result | None:
        clock = self._hands.clock
        scope = process.Scope(
            label=f"{self._plan.run}/{step.id}",
            deadline=None if step.always else self._deadline,
            interrupt=self._interrupt,
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
                work = Work(self._plan, step, self._results, self._hands, lambda progress: self._tell(step, progress), self._events)
                result = attempt(
                    lambda: perform(work),
                    clock=clock,
                    window_seconds=self._window(step),
                    on_retry=lambda error, seconds: self._emit(
                        EventKind.STEP_RETRIED, step.id, {"kind": error.kind, "what": error.what, "wait_seconds": seconds}
                    ),
                )
                data["result"] = encode(result, tagged=True)
            except DrtoolError as error:
                data["failure"] = encode(Failure.of(_placed(error, step)))
            except Exception as error:  # noqa: BLE001 - whatever crossed a seam untranslated is told as a bug, and releases still run
                bug = Bug(f"{type(error).__name__}: {error}", traceback=traceback.format_exc(), where=step.id)
                data["failure"] = encode(Failure.of(bug))
                result = None
        data["seconds"] = round(clock.monotonic() - started, 6)
        self._emit(EventKind.STEP_ENDED, step.id, data)
        return result

    def _window(self, step: Step) -> float:
        repositories = self._hands.policy.repositories
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
        for name in step.uses:
            self._occupied[name] -= 1
            if not self._occupied[name]:
                self._alone.discard(name)
        if result is not None:
            self._results[step.id] = result
        self._ended.add(step.id)

    def _end(self, step: Step, data: Mapping[str, object]) -> None:
        del self._waiting[step.id]
        self._ended.add(step.id)
        self._emit(EventKind.STEP_ENDED, step.id, data)


def _placed(error: DrtoolError, step: Step) -> DrtoolError:
    parts = (step.set, step.workload, kind_of(type(step.action)).replace("_", " "))
    error.where = error.where or " \u203a ".join(part for part in parts if part)
    error.safe = error.safe or _SAFE.get(type(step.action), "")
    return error
