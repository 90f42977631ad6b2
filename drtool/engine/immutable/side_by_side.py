from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

item = TypeVar("item")
answer = TypeVar("answer")
AT_ONCE: Final = 16
_WAITING: Final = 4 * AT_ONCE


def asked_in_order(items: Iterable[item], ask: Callable[[item], Callable[[], answer] | None]) -> Iterator[tuple[item, answer | None]]:
    """Yield every item with its answer, in order, several being asked at once and a bounded number waiting.

    `ask` returns what is carried out beside, or None where nothing has to be asked. The first error ends it, once what is under way ended.
    """
    waiting: deque[tuple[item, Future[answer] | None]] = deque()

    def answered() -> tuple[item, answer | None]:
        each, future = waiting.popleft()
        return each, future.result() if future is not None else None

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        try:
            for each in items:
                call = ask(each)
                waiting.append((each, pool.submit(partial(contextvars.copy_context().run, call)) if call is not None else None))
                while len(waiting) >= _WAITING or (waiting and waiting[0][1] is None):
                    yield answered()
            while waiting:
                yield answered()
        finally:
            pool.shutdown(cancel_futures=True)
