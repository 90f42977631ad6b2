"""Where text goes: data to standard output, words to standard error, colour only for a person who wants it."""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

import click

from drtool.cli.render.folded import folded
from drtool.cli.render.table import Row
from drtool.cli.render.words import BAD, EMPTY, FULL, GOOD, width
from drtool.cli.saying import said, say_as

_ERROR = 2
_COLOURS = {GOOD: "green", BAD: "red"}
_PLAIN: Final = {
    GOOD: "+",
    BAD: "x",
    FULL: "#",
    EMPTY: ".",
    "…": "~",
    "·": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "→": ">",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}": ">",
    "\N{REPLACEMENT CHARACTER}": "?",
    "─": "-",
    "│": "|",
    "├": "|",
    "└": "`",
}
"""What stands for our own marks where the terminal has no such character: as wide, and good differs from bad."""


def told(lines: Iterable[str]) -> list[str]:
    """Return lines of our own as they are said here; never for what lies in a point."""
    return [line.said(said) if isinstance(line, Row) else said(line) for line in lines]


def data(lines: Iterable[str], *, as_sentences: bool = False) -> None:
    """Print what was asked for on standard output; rows are laid out for a terminal, `as_sentences` also broken between words."""
    _print(lines, error=False, as_sentences=as_sentences)


def words(lines: Iterable[str]) -> None:
    """Tell a person something on standard error."""
    _print(told(lines), error=True, as_sentences=True)


def columns(*, error: bool) -> int | None:
    """Return how wide the terminal there is; None where there is none."""
    try:
        return os.get_terminal_size((sys.stderr if error else sys.stdout).fileno()).columns or None
    except (OSError, ValueError):
        return None


def is_colourful(*, error: bool) -> bool:
    """Tell whether colours are welcome there."""
    stream = sys.stderr if error else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def prepare() -> None:
    """Make both streams fit to be written to: closed ones lead nowhere, and no character that a terminal has not ends anything.

    What an earlier call of the same process said in a way of its own is said plainly again.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _ERROR:  # else the next file that is opened would be printed into
        continue
    os.close(descriptor)
    say_as(str)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # In UTF-8 mode a terminal keeps the encoding of its locale; what goes into files and pipes is UTF-8.
            encoding = locale.getencoding() if sys.flags.utf8_mode and stream.isatty() else None
            stream.reconfigure(errors=_AS_PLAIN, encoding=encoding)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        return codecs.backslashreplace_errors(error)
    error.end = error.start + 1
    mark = _PLAIN.get(error.object[error.start])
    return (mark, error.end) if mark else codecs.backslashreplace_errors(error)


_AS_PLAIN: Final = "drtool-plain"
codecs.register_error(_AS_PLAIN, _plain)


def finish() -> None:
    """Hand on what is not written yet; where that cannot be, let the end of the program not stumble over it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, _nowhere())


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _print(lines: Iterable[str], *, error: bool, as_sentences: bool) -> None:
    colourful, most = is_colourful(error=error), columns(error=error)
    try:
        for line in lines if most is None else _laid_out(lines, most, as_sentences=as_sentences):
            # Named, as click would write UTF-8 where the terminal has ASCII alone.
            click.echo(_coloured(line) if colourful else line, file=sys.stderr if error else sys.stdout, color=colourful)
    except BrokenPipeError:  # who read it has read enough
        _give_up(error=error)
    except OSError as failed:
        _give_up(error=error)
        if not error:
            words([f"        the output could not be written: {failed.strerror}; what was done stays done"])


def _laid_out(lines: Iterable[str], columns: int, *, as_sentences: bool) -> Iterator[str]:
    for line in lines:
        if isinstance(line, Row):
            yield from line.within(columns)
        elif as_sentences and width(line) > columns:
            yield from folded([line], columns=columns)
        else:
            yield line


def _give_up(*, error: bool) -> None:
    """Write nothing more there: half of an answer must not be followed by its end."""
    setattr(sys, "stderr" if error else "stdout", _nowhere())


def _coloured(line: str) -> str:
    for mark, colour in _COLOURS.items():
        line = line.replace(mark, click.style(mark, fg=colour))
    return line
