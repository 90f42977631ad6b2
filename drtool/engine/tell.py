"""Tells whoever wants to know how things ended, beside the work and never in its way."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from drtool.engine.execute import tell
from drtool.model.errors import DrtoolError, Unavailable
from drtool.model.outcome import Outcome
from drtool.model.signal import Heard, Signal, SignalKind, as_heard
from drtool.ports import Notifier
from drtool.process import Interrupt

_CLOSE_SECONDS = 180.0
"""So long an ended run waits for all its messages at most; each message has a limit of its own below that."""
_GRACE_SECONDS = 5.0
"""So long it waits beyond a deadline: an end by the deadline is to be told as well."""
_TICK_SECONDS = 0.1
_TELLS_NO_END = (SignalKind.START, SignalKind.LOG, SignalKind.STATE)


class Teller:
    """One line of messages for each notifier: a silent one keeps nobody else waiting, and is asked no more after an end it did not take.

    Args:
        notifiers: whoever is told.
        heard: by the name of a notifier what it heard before; of one that is not there nobody knows.
    """

    def __init__(self, notifiers: Sequence[Notifier], heard: Mapping[str, Mapping[str, Heard]] | None = None) -> None:
        self._lines = [_Line(each, (heard or {}).get(each.name)) for each in notifiers]

    @property
    def is_needed(self) -> bool:
        """Whether anybody wants to be told anything."""
        return bool(self._lines)

    @property
    def told(self) -> dict[str, dict[str, Heard | None]]:
        """By the name of a notifier what it took, None: that something is over; nothing of one of which nobody knows what it heard."""
        return {line.name: dict(line.told) for line in self._lines if line.is_known}

    def tell(self, signals: Iterable[Signal]) -> None:
        """Hand signals over; returns at once."""
        for signal in signals:
            for line in self._lines:
                line.take(signal)

    def close(self, interrupt: Interrupt | None = None, *, deadline: float | None = None) -> tuple[str, ...]:
        """Wait until everything was told, or a signal comes, and return in words what was not.

        After `deadline`, an instant of the monotonic clock, it waits a few seconds more at most: how a run ended is told by then.
        """
        began, asked = time.monotonic(), interrupt.requests if interrupt else 0
        seconds = _CLOSE_SECONDS if deadline is None else min(_CLOSE_SECONDS, max(deadline - began, 0.0) + _GRACE_SECONDS)
        until = began + seconds
        for line in self._lines:
            line.end()
        waiting = [line for line in self._lines if not line.is_done]
        while waiting and time.monotonic() < until and not (interrupt and interrupt.requests > asked):
            waiting[0].wait(_TICK_SECONDS)
            waiting = [line for line in waiting if not line.is_done]
        stopped = interrupt is not None and interrupt.requests > asked
        why = "stopped before it was told" if stopped else f"not done within {seconds:.0f} s"
        late = tuple(f"{line.name}: {why}" for line in waiting)
        return (*(words for line in self._lines if line not in waiting for words in line.failures), *late)


class _Line:
    def __init__(self, notifier: Notifier, heard: Mapping[str, Heard] | None) -> None:
        self._notifier, self._heard = notifier, heard
        self._waiting: queue.SimpleQueue[Signal | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failures: dict[str, None] = {}
        self._gives_up = False
        self.name = notifier.name
        self.told: dict[str, Heard | None] = {}

    @property
    def failures(self) -> tuple[str, ...]:
        """What was not told, in words, each once."""
        return tuple(self._failures)

    @property
    def is_done(self) -> bool:
        """Whether nothing is under way."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def is_known(self) -> bool:
        """Whether it is known what this one heard: it was before, or took something, or there was nothing that it did not take."""
        return self._heard is not None or bool(self.told) or (self.is_done and not self._failures)

    def take(self, signal: Signal) -> None:
        news = as_heard(signal, self._heard)
        if not self._notifier.wants(news):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"tell {self.name}", daemon=True)
            self._thread.start()
        self._waiting.put(news)

    def end(self) -> None:
        if self._thread is not None:
            self._waiting.put(None)

    def wait(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        while (signal := self._waiting.get()) is not None:
            if self._gives_up:
                continue
            raised = tell(self._tell, signal).partition(":")[0]  # what follows may be an address, which may be a secret
            if raised:
                self._failures[f"{self.name}: bug: {raised}"] = None

    def _tell(self, signal: Signal) -> None:
        try:
            self._notifier.tell(signal)
        except DrtoolError as error:
            self._failures[error.what] = None
            # A no is of one message: of another subject it may be a yes. Whom nobody reaches is not waited for again.
            self._gives_up = isinstance(error, Unavailable) and signal.kind is not SignalKind.START
            return
        if signal.kind not in _TELLS_NO_END:
            over = signal.outcome == Outcome.SUCCEEDED.value and not signal.stands
            self.told[signal.about] = None if over else Heard(signal.outcome, signal.stands)
