"""Does something again and again beside other work, and no longer than that."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator

from drtool.model.errors import DrtoolError


@contextlib.contextmanager
def meanwhile(call: Callable[[], None], *, seconds: float) -> Iterator[None]:
    """While this is open, do `call` so many seconds after it was opened, and so many after each end of it.

    It belongs to the step that opened this: what stops that stops it too. Its failure ends it, and is nobody's: only what may be left
    undone is done so. Closing waits for a call that is under way.
    """
    over = threading.Event()

    def repeat() -> None:
        with contextlib.suppress(DrtoolError):
            while not over.wait(seconds):
                call()

    beside = threading.Thread(target=contextvars.copy_context().run, args=(repeat,), daemon=True, name="drtool meanwhile")
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join()
