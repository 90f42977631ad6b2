"""Two steps of a plan read their first manifest at one moment: neither takes what the other has half prepared."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drtool.model.codec import decode

FIRST_IS_HERE, SECOND_IS_DONE = threading.Event(), threading.Event()


class Slow(type):
    """The type of a field that takes its time when it is looked at for the first time, until somebody else was faster."""

    def __hash__(cls) -> int:
        if not FIRST_IS_HERE.is_set():
            FIRST_IS_HERE.set()
            SECOND_IS_DONE.wait(10)
        return type.__hash__(cls)


class Anything(metaclass=Slow):
    """A field of this type is taken as it is."""


@dataclass(frozen=True)
class Noun:
    first: str
    second: Anything
    third: int


def test_a_noun_is_read_whole_while_another_thread_prepares_it() -> None:
    said = {"first": "a", "second": "b", "third": 3}
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(decode, Noun, said)
        assert FIRST_IS_HERE.wait(10)
        try:
            quick = decode(Noun, said)
        finally:
            SECOND_IS_DONE.set()
        assert quick == slow.result() == Noun("a", "b", 3)  # type: ignore[arg-type]
