from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from drtool import process
from drtool.model.errors import DrtoolError, TimedOut
from drtool.ports import Clock

type_variable = TypeVar("type_variable")

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0


def attempt(
    call: Callable[[], type_variable],
    *,
    clock: Clock,
    window_seconds: float,
    on_retry: Callable[[DrtoolError, float], None],
) -> type_variable:
    """Call again while it fails with a transient error and the window since the first failure is open; TimedOut at the run's deadline."""
    closes: float | None = None
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return call()
        except DrtoolError as error:
            now = clock.monotonic()
            closes = now + window_seconds if closes is None else closes
            if not error.transient or now + wait > closes:
                raise
            deadline = process.current_scope().deadline
            if deadline is not None and now + wait > deadline:
                raise TimedOut(f"{error.what}; the deadline comes before another try", hint=error.hint, safe=error.safe) from None
            on_retry(error, wait)
            clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)
