"""Questions that options answer, too; what does not fit is refused where it is answered, in the words of whoever judges it."""

from __future__ import annotations

import contextlib
import select
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import click

from drtool.cli import screen
from drtool.cli.render.folded import folded
from drtool.cli.render.words import BAD, printable
from drtool.model.errors import Refused

Draft = TypeVar("Draft")
_TOLD: Final = 3
_BESIDE_ERROR: Final = 80 - len("Error: ")
_HEARD_WITHIN_SECONDS: Final = 0.2
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"", "n", "no"})


def go_on(question: str, *, refusal: Refused) -> bool:
    """Ask a person whether to go on; what was typed before the question was read answers nothing. Raises `refusal` without a terminal."""
    if not sys.stdin.isatty():
        raise refusal
    while (answer := _answer_to(f"{question} [y/N]: ")) not in _YES | _NO:
        click.echo("Error: type y or n", err=True)
    return answer in _YES


def _answer_to(prompt: str) -> str:
    _drop_typed_ahead()
    click.echo(prompt, nl=False, err=True)
    try:
        return _line().strip().lower()
    except EOFError:
        raise click.Abort from None
    except UnicodeDecodeError:
        return "\0"


def _drop_typed_ahead() -> None:
    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


class AnswerError(ValueError):
    """An answer that says nothing: what would be one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the option that answers it, the words for a person, and what is taken where nobody says otherwise.

    `offered` is taken by a person who presses Enter; without a terminal it answers nothing. A `secret` question asks where a secret is:
    whoever answers with the secret itself is told where that stands now.
    """

    option: str
    words: str
    default: str = ""
    offered: str = ""
    secret: bool = False


class Asker(Generic[Draft]):
    """Asks at a terminal what no option answers; each answer is put into a draft, which is judged as a whole.

    Args:
        given: what the options say, by their names.
        judge: says what is wrong with a draft; nothing: it can stay.
        is_terminal: whether somebody is there to ask; without, `missing` collects the options that are needed.
    """

    def __init__(self, given: Mapping[str, str | tuple[str, ...]], *, judge: Callable[[Draft], Sequence[str]], is_terminal: bool) -> None:
        self.given = given
        self.is_terminal = is_terminal
        self.missing: list[str] = []
        self._judge = judge
        self._used: set[str] = set()

    @property
    def unasked(self) -> list[str]:
        """The options that answered nothing that was asked."""
        return [option for option in self.given if option not in self._used]

    def each_of(self, option: str) -> tuple[str, ...]:
        """Return what an option says that may be given several times."""
        self._used.add(option)
        given = self.given.get(option, ())
        return (given,) if isinstance(given, str) else given

    def ask(self, draft: Draft, question: Question, put: Callable[[Draft, str], Draft]) -> Draft:
        """Return the draft with an answer in it; one that is refused is asked for again, or ends the program where it was an option."""
        self._used.add(question.option)
        given = self.given.get(question.option)
        if isinstance(given, str):
            return self._taken(draft, question, put, given)
        if not self.is_terminal:
            if question.default:
                return self._taken(draft, question, put, question.default)
            self.missing.append(question.option)
            return draft
        _say(question.words)
        return self._asked(draft, question, put, question.offered or question.default)

    def ask_each(self, draft: Draft, question: Question, put: Callable[[Draft, tuple[str, ...]], Draft]) -> Draft:
        """Return the draft with at least one answer in it; a person gives one a line, and an empty line ends that."""
        answers: tuple[str, ...] = ()
        for each in self.each_of(question.option):
            draft = self._taken(draft, question, lambda before, text: put(before, (*answers, text)), each)  # noqa: B023 - called at once
            answers = (*answers, each)
        if answers:
            return draft
        if not self.is_terminal:
            self.missing.append(question.option)
            return draft
        _say(question.words)
        while text := _typed("an empty line ends them" if answers else ""):
            found, wrong = self._tried(draft, lambda before, new: put(before, (*answers, new)), text)  # noqa: B023 - called at once
            if wrong:
                _refuse(wrong)
            else:
                draft, answers = found, (*answers, text)
        return draft if answers else self.ask_each(draft, question, put)

    def choose(self, words: str, choices: Sequence[str]) -> int:
        """Return which of the choices somebody at a terminal takes, counted from 0; Enter takes the first."""
        _say(words)
        screen.words(folded(f"  {number}  {choice}" for number, choice in enumerate(choices, 1)))
        numbers = [str(number) for number, _choice in enumerate(choices, 1)]
        while (text := _typed("Enter: 1") or "1") not in numbers:
            _refuse([f"type one of {', '.join(numbers)}"])
        return numbers.index(text)

    def require(self, draft: Draft, option: str) -> Draft:
        """Return a draft that can stay; UsageError in the name of an option where it cannot."""
        wrong = self._judge(draft)
        if wrong:
            raise _refused(option, wrong)
        return draft

    def _taken(self, draft: Draft, question: Question, put: Callable[[Draft, str], Draft], text: str) -> Draft:
        found, wrong = self._tried(draft, put, text)
        if wrong:
            kept = ["what was typed may be in the history of your shell: remove it there"] if question.secret else []
            raise _refused(question.option, [*wrong, *kept])
        return found

    def _asked(self, draft: Draft, question: Question, put: Callable[[Draft, str], Draft], usual: str) -> Draft:
        while True:
            text = _typed(f"Enter: {printable(usual)}" if usual else "") or usual
            if not text:
                continue
            found, wrong = self._tried(draft, put, text)
            if not wrong:
                return found
            _refuse([*wrong, *(["what was typed stands on this screen: clear it if it was the secret"] if question.secret else [])])

    def _tried(self, draft: Draft, put: Callable[[Draft, str], Draft], text: str) -> tuple[Draft, Sequence[str]]:
        try:
            found = put(draft, text)
        except AnswerError as error:
            return draft, (str(error),)
        return found, self._judge(found)


def refusal(*lines: str) -> click.UsageError:
    """Return what ends the program where an option is wrong, in lines that fit a terminal."""
    return click.UsageError("\n".join(folded(lines, columns=_BESIDE_ERROR)))


def _refused(option: str, wrong: Sequence[str]) -> click.UsageError:
    return refusal(*(f"{option}: {printable(each)}" for each in wrong[:_TOLD]))


def _say(words: str) -> None:
    screen.words(["", *folded([words])])


def _refuse(wrong: Sequence[str]) -> None:
    screen.words(folded(f"  {BAD} {printable(each)}" for each in wrong[:_TOLD]))


def _typed(usual: str) -> str:
    """Read a line; what is pressed to end it (Ctrl-C, Ctrl-D) ends the program."""
    while True:
        if usual:
            screen.words(folded([f"  ({usual})"]))
        click.echo("> ", nl=False, err=True)
        try:
            text = _line().strip()
        except UnicodeDecodeError:
            text = "\0"
        if text.isprintable():
            return text
        _refuse(["this holds something else than text, such as an arrow key: type it again"])


def _line() -> str:
    """Read a line once it is there.

    Python looks for signals before it reads, not while: Ctrl-C between the two would be heard after the next Enter only.
    """
    while not select.select([sys.stdin], [], [], _HEARD_WITHIN_SECONDS)[0]:
        continue
    return input()
