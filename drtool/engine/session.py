from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drtool import process
from drtool.catalog.fold import fold
from drtool.catalog.journal import Journal
from drtool.catalog.runs import RunFolder, Runs
from drtool.engine.adapters import Adapters
from drtool.engine.execute import execute, tell
from drtool.engine.hook import run_hook
from drtool.engine.lock import held
from drtool.model.codec import encode
from drtool.model.errors import DrtoolError, Refused
from drtool.model.event import Event, EventKind
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan
from drtool.model.report import Failure, Report
from drtool.planning.limits import Limits

Listener = Callable[[Event], None]
JOURNAL_BYTES = 32 * 1024
"""Room that must be free for a journal when a run starts."""


@dataclass(frozen=True, slots=True)
class RunSession:
    """Where and how plans are carried out on this host: state directory, listeners, limits, one way to stop.

    `needs_state`: a run without a journal on disk could not be tidied up after a crash, so `run` refuses; a restore goes on.
    """

    adapters: Adapters
    state_directory: str
    interrupt: process.Interrupt
    listeners: Sequence[Listener] = ()
    limits: Limits = field(default_factory=Limits)
    deadline: float | None = None

    def carry_out(self, plan: Plan, *, adapters: Adapters | None = None, needs_state: bool = True, begun: float | None = None) -> Report:
        """Carry out a plan and return its report; never raises for a step that failed.

        `begun`: when by the monotonic clock the work began that is told of, where that was before this.
        """
        adapters = adapters or self.adapters
        with contextlib.ExitStack() as stack:
            folder = self._folder(plan, stack, needs_state=needs_state)
            journal = Journal(folder.journal if folder else None, fallback=sys.stderr)
            stack.callback(journal.close)
            recorder = _Recorder(plan, adapters, journal, self.listeners, begun=begun)
            recorder.emit(EventKind.RUN_STARTED, "", _facts(plan))
            execute(
                plan,
                adapters,
                emit=recorder.emit,
                interrupt=self.interrupt,
                deadline=self.deadline,
                limits=self.limits,
                events=lambda: tuple(recorder.events),
            )
            self._on_failure(plan, adapters, recorder)
            if journal.failed:
                recorder.note_failure(Refused(f"the journal could not be written: {journal.failed}", hint="free the state directory"))
            ended = {"signal_number": self.interrupt.signal_number} if self.interrupt.requests else {}
            recorder.emit(EventKind.RUN_ENDED, "", ended)
            if folder is not None:
                with contextlib.suppress(OSError):
                    os.unlink(folder.lock)
            return fold(plan, recorder.events)

    def _folder(self, plan: Plan, stack: contextlib.ExitStack, *, needs_state: bool) -> RunFolder | None:
        """Lock the run's folder and write its plan down; None when that cannot be and need not be."""
        runs = Runs(self.state_directory)
        try:
            folder = runs.create(plan.run)
            stack.enter_context(held(folder.lock, what=f"the run {plan.run}"))
            folder.save_plan(plan)
            with open(os.path.join(folder.path, "probe"), "wb") as stream:
                stream.write(bytes(JOURNAL_BYTES))
            os.unlink(os.path.join(folder.path, "probe"))
        except (OSError, Refused) as error:
            runs.discard(plan.run)
            if needs_state:
                words = error.what if isinstance(error, Refused) else error.strerror
                raise Refused(
                    f"the state directory {self.state_directory} cannot be written: {words}",
                    hint="free or repair it, or set $DRTOOL_STATE_DIR",
                    safe="nothing was started",
                ) from None
            return None
        return folder

    def _on_failure(self, plan: Plan, adapters: Adapters, recorder: _Recorder) -> None:
        if plan.verb != "run":
            return
        report = fold(plan, recorder.events)
        for set_report in report.sets:
            backup_set = adapters.policy.sets.get(set_report.set)
            if backup_set is None or set_report.outcome is Outcome.SUCCEEDED or _was_put_off(report, set_report.set):
                continue
            for hook in backup_set.hooks.on_failure:
                scope = process.Scope(label=f"{plan.run}/{backup_set.name}/on_failure", interrupt=self.interrupt, shielded=True)
                try:
                    with process.scope(scope):
                        run_hook(adapters, hook, set_name=backup_set.name, run=plan.run, phase="on_failure")
                except DrtoolError as error:
                    recorder.note_failure(error)


class _Recorder:
    """The one `emit`: journal first, then whoever listens."""

    def __init__(self, plan: Plan, adapters: Adapters, journal: Journal, listeners: Sequence[Listener], *, begun: float | None) -> None:
        self._plan, self._adapters, self._journal, self._listeners = plan, adapters, journal, list(listeners)
        self._started = adapters.clock.monotonic() if begun is None else begun
        self._lock = threading.Lock()
        self.events: list[Event] = []

    def emit(self, kind: EventKind, step: str, data: Mapping[str, object]) -> None:
        elapsed = round(self._adapters.clock.monotonic() - self._started, 6)
        event = Event(kind, self._plan.run, self._adapters.clock.now(), elapsed, step, data)
        with self._lock:
            self._journal.write(event)
            if kind is not EventKind.PROGRESS:
                self.events.append(event)
            for listener in tuple(self._listeners):
                raised = tell(listener, event)
                if raised:
                    self._listeners.remove(listener)
                    self._note_listener(event, f"{_name_of(listener)} raised {raised}: it hears no more of this run")

    def _note_listener(self, event: Event, text: str) -> None:
        """Say that somebody stopped listening; an exporter that is broken would else be taken for one that had nothing to say."""
        noted = replace(event, kind=EventKind.NOTED, step="", data={"text": text})
        self._journal.write(noted)
        self.events.append(noted)

    def note_failure(self, error: DrtoolError) -> None:
        self.emit(EventKind.NOTED, "", {"text": error.what, "failure": encode(Failure.of(error))})


def _name_of(listener: Listener) -> str:
    return str(getattr(listener, "__qualname__", type(listener).__qualname__))


def _was_put_off(report: Report, name: str) -> bool:
    """Tell whether a set only waits for a better time: nobody need be called for that."""
    return {step.failure.kind for step in report.steps if step.set == name and step.failure is not None} == {"NotNow"}


def _facts(plan: Plan) -> Mapping[str, object]:
    facts = {"verb": plan.verb, "policy": plan.policy, "plan": plan.digest, "host": socket.gethostname(), "pid": os.getpid()}
    return {**facts, "forecast": encode(plan.forecast)} if plan.forecast is not None else facts
