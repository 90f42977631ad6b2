"""Questions at a terminal hear Ctrl-C whenever it is pressed."""

from __future__ import annotations

import builtins
import os
import pty
import select
import sys
import threading
from collections.abc import Iterator

import pytest

from drtool.cli.questions import Asker, Question


@pytest.fixture
def typist(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What somebody types into, and our standard input is the terminal behind it."""
    keys, inside = pty.openpty()
    with os.fdopen(inside) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield keys
    os.close(keys)


def test_nothing_waits_inside_of_input_where_ctrl_c_may_come_too_early(typist: int, monkeypatch: pytest.MonkeyPatch) -> None:
    was_there: list[bool] = []

    def reading() -> str:
        was_there.append(bool(select.select([sys.stdin], [], [], 0)[0]))
        return sys.stdin.readline()

    monkeypatch.setattr(builtins, "input", reading)
    asker: Asker[str] = Asker({}, judge=lambda _draft: (), is_terminal=True)
    later = threading.Timer(0.3, os.write, (typist, b"an answer\n"))
    later.start()
    assert asker.ask("", Question("--x", "What?"), lambda _before, text: text) == "an answer"
    later.join()
    assert was_there == [True]
