"""Questions at a terminal hear Ctrl-C whenever it is pressed."""

from __future__ import annotations

import builtins
import os
import pty
import select
import sys
import threading
from collections.abc import Callable, Iterator

import click
import pytest

from drtool.cli.questions import Asker, Question, go_on
from drtool.model.errors import Refused


@pytest.fixture
def typist(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What somebody types into, and our standard input is the terminal behind it."""
    keys, inside = pty.openpty()
    with os.fdopen(inside) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield keys
    os.close(keys)


@pytest.fixture
def was_there(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each reading whether what it reads had been typed by then."""
    readings: list[bool] = []

    def reading() -> str:
        readings.append(bool(select.select([sys.stdin], [], [], 0)[0]))
        if line := sys.stdin.readline():
            return line.rstrip("\n")
        raise EOFError

    monkeypatch.setattr(builtins, "input", reading)
    return readings


def an_answer() -> str:
    asker: Asker[str] = Asker({}, judge=lambda _draft: (), is_terminal=True)
    return asker.ask("", Question("--x", "What?"), lambda _before, text: text)


def a_yes() -> bool:
    return go_on("Remove it?", refusal=Refused("nobody is there"))


@pytest.mark.parametrize(("ask", "typed", "answer"), [(an_answer, "an answer", "an answer"), (a_yes, "y", True)])
def test_nothing_waits_inside_of_input_where_ctrl_c_may_come_too_early(
    typist: int, was_there: list[bool], ask: Callable[[], object], typed: str, answer: object
) -> None:
    later = threading.Timer(0.3, os.write, (typist, f"{typed}\n".encode()))
    later.start()
    assert ask() == answer
    later.join()
    assert was_there == [True]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y", True), ("YES", True), (" y ", True), ("n", False), ("", False), ("no", False), ("perhaps\ny", False)],
)
def test_only_yes_goes_on_and_what_is_neither_is_asked_again(typist: int, was_there: list[bool], typed: str, *, answer: bool) -> None:
    """What was typed behind what is neither was typed before the question that it would answer."""
    later = [threading.Timer(seconds, os.write, (typist, text.encode())) for seconds, text in ((0.1, f"{typed}\n"), (0.6, "n\n"))]
    for each in later:
        each.start()
    assert a_yes() is answer
    for each in later:
        each.join()
    assert all(was_there)


def test_the_end_of_what_is_typed_is_no_yes(typist: int, was_there: list[bool]) -> None:
    later = threading.Timer(0.1, os.write, (typist, b"\x04"))
    later.start()
    with pytest.raises(click.Abort):
        a_yes()
    later.join()
    assert was_there == [True]
