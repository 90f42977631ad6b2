"""In which step work is done: its label, its deadline, and who can stop it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TypeVar

from drtool.model.errors import Interrupted, TimedOut

Answer = TypeVar("Answer")

TICK_SECONDS = 0.1


class Interrupt:
    """Whether the run was told to stop, and by which signal; a second request also stops what is shielded."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal_number = 0
        self.requests = 0
        self.why = ""
        """In words, where nobody sent a signal."""

    def request(self, signal_number: int, why: str = "") -> None:
        """Ask the run to stop; safe inside a signal handler."""
        self.why = self.why or why
        self.signal_number = self.signal_number or signal_number
        self.requests += 1
        self._event.set()

    def stops(self, *, shielded: bool) -> bool:
        """Tell whether work must stop now."""
        return self.requests > (1 if shielded else 0)

    def wait(self, seconds: float) -> bool:
        """Wait until asked to stop, or until `seconds` passed; True when asked."""
        return self._event.wait(seconds)


class StepInterrupt(Interrupt):
    """Stops one step: with the whole run, or alone, when what it is carried out beside did not succeed."""

    def __init__(self, run: Interrupt) -> None:
        super().__init__()
        self._run = run

    @property
    def alone(self) -> bool:
        """Whether the step was told to stop, and the run was not."""
        return self.requests > 0

    def stops(self, *, shielded: bool) -> bool:
        self.signal_number, self.why = self._run.signal_number, self._run.why  # whoever tells of the stop tells by what
        return self.requests > 0 or self._run.stops(shielded=shielded)

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.requests:
            left = until - time.monotonic()
            if left <= 0 or self._run.wait(min(left, TICK_SECONDS)):
                break
        return self.requests > 0 or self._run.requests > 0


@dataclass(frozen=True, slots=True)
class Scope:
    """In which step a child runs: its label, the monotonic deadline, and who can stop it."""

    label: str = ""
    deadline: float | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    shielded: bool = False
    on_start: Callable[[int, str], None] | None = None
    """Told process id and program of each child, for the journal."""
    doing: str = ""
    """What is done in it, in people's words: `restoring here:/home`."""


_scope: ContextVar[Scope] = ContextVar("drtool_scope", default=Scope())  # noqa: B039 - frozen; its default interrupt is never requested


@contextlib.contextmanager
def scope(value: Scope) -> Iterator[None]:
    """Run children of this thread inside `value`."""
    token = _scope.set(value)
    try:
        yield
    finally:
        _scope.reset(token)


@contextlib.contextmanager
def doing(words: str) -> Iterator[None]:
    """Say what this thread does now, for whoever stops it."""
    with scope(replace(_scope.get(), doing=words)):
        yield


def current_scope() -> Scope:
    """Return the scope of this thread."""
    return _scope.get()


def check_time(started: float, timeout_seconds: float | None, what: str) -> None:
    """Raise Interrupted or TimedOut when the work must stop now."""
    current = _scope.get()
    if current.interrupt.stops(shielded=current.shielded):
        busy = current.doing or f"{what} was running"
        why = f": {current.interrupt.why}" if current.interrupt.why else ""
        raise Interrupted(f"drtool was told to stop while {busy}{why}", signal_number=current.interrupt.signal_number)
    now = time.monotonic()
    if timeout_seconds is not None and now - started > timeout_seconds:
        raise TimedOut(f"{what} did not end within {timeout_seconds:g} s")
    if current.deadline is not None and now > current.deadline:
        raise TimedOut(f"{what} did not end before the deadline of the run")


def raise_at_deadline(error: Exception) -> None:
    """Raise the error again where it came of the deadline of the step, and not of what was asked."""
    deadline = _scope.get().deadline
    if isinstance(error, TimedOut) and deadline is not None and time.monotonic() > deadline:
        raise error


def patiently(call: Callable[[], Answer], *, seconds: float, what: str) -> Answer:
    """Do what cannot be stopped (asking for a name, opening a connection) so that it is waited for no longer, and a stop is heard.

    What does not come back is left behind; it must change nothing, and need nothing of this step's scope.
    """
    answers: list[Answer] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            answers.append(call())
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told of it
            failures.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=work, daemon=True, name=f"drtool {what}")
    thread.start()
    while thread.is_alive():
        check_time(started, seconds, what)
        thread.join(TICK_SECONDS)
    if failures:
        raise failures[0]
    return answers[0]


def stopwatch(timeout_seconds: float, what: str) -> Callable[[], None]:
    """Start to count for work that is no child process; what is returned raises Interrupted or TimedOut when it must stop."""
    started = time.monotonic()
    return lambda: check_time(started, timeout_seconds, what)
