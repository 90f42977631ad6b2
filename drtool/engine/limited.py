"""Lets a question have a time of its own: what hangs in one must not keep the answers of the others away."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from drtool.process import current_scope, patiently, scope

Answer = TypeVar("Answer")
_TIDY_SECONDS: Final = 5.0
"""How long children that are ended at the limit may take to go."""


def within(ask: Callable[[], Answer], *, seconds: float, what: str) -> Answer:
    """Return what is asked, in the scope of the caller; raises TimedOut when it takes longer.

    Its children end at the limit; a call of the system that never comes back is left behind, so it must change nothing.
    """
    current = current_scope()
    limit = time.monotonic() + seconds
    own = replace(current, deadline=limit if current.deadline is None else min(current.deadline, limit))

    def limited() -> Answer:
        with scope(own):
            return ask()

    context = contextvars.copy_context()
    return patiently(lambda: context.run(limited), seconds=seconds + _TIDY_SECONDS, what=what)
