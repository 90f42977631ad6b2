"""What is started outside of a run (a list, a key, a hold) is written down as in one: killed early, it leaves no lock that nobody knows."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator

from drtool import process
from drtool.catalog.journal import Journal
from drtool.catalog.runs import RunFolder, Runs
from drtool.engine.lock import held
from drtool.model.errors import Refused
from drtool.model.event import Event, EventKind
from drtool.ports import Clock


@contextlib.contextmanager
def noting(interrupt: process.Interrupt, *, state_directory: str, clock: Clock, deadline: float | None = None) -> Iterator[None]:
    """Let what is observed or changed outside of a step be stopped, and be found again like a step when this is killed.

    The folder of such a look is made with the first child and goes with the look; what is left of one that was killed is settled by the
    next sweep. A state directory that cannot be written stops nobody from looking.
    """
    run = clock.fresh_id()
    with contextlib.ExitStack() as stack:
        desk = _Desk(Runs(state_directory), run, clock, stack)
        label = f"{run}/look"
        stack.enter_context(process.scope(process.Scope(label=label, interrupt=interrupt, deadline=deadline, on_start=desk.note)))
        yield


class _Desk:
    """The journal of one look, made when something is started."""

    def __init__(self, runs: Runs, run: str, clock: Clock, stack: contextlib.ExitStack) -> None:
        self._runs, self._run, self._clock, self._stack = runs, run, clock, stack
        self._guard = threading.Lock()
        self._started = clock.monotonic()
        self._journal: Journal | None = None
        self._opened = False

    def note(self, pid: int, program: str) -> None:
        with self._guard:
            if not self._opened:
                self._opened = True
                self._open()
            if self._journal is not None:
                elapsed = round(self._clock.monotonic() - self._started, 6)
                data = {"pid": pid, "program": program}
                self._journal.write(Event(EventKind.COMMAND_STARTED, self._run, self._clock.now(), elapsed, "", data))

    def _open(self) -> None:
        try:
            folder = self._runs.create(self._run)
            self._stack.callback(self._runs.discard, self._run)
            self._lock(folder)
            self._journal = Journal(folder.journal, fallback=io.StringIO())
            self._stack.callback(self._journal.close)
        except (OSError, Refused):
            self._runs.discard(self._run)

    def _lock(self, folder: RunFolder) -> None:
        self._stack.enter_context(held(folder.lock, what=f"the look {folder.run}"))
