"""Where text goes: data to standard output, words to standard error, colour only for a person who wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from drtool.cli.render.words import BAD, GOOD

_COLOURS = {GOOD: "green", BAD: "red"}


def data(lines: Iterable[str]) -> None:
    """Print what was asked for on standard output."""
    _print(lines, error=False)


def words(lines: Iterable[str]) -> None:
    """Tell a person something on standard error."""
    _print(lines, error=True)


def is_colourful(*, error: bool) -> bool:
    """Tell whether colours are welcome there."""
    stream = sys.stderr if error else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print(lines: Iterable[str], *, error: bool) -> None:
    colourful = is_colourful(error=error)
    for line in lines:
        click.echo(_coloured(line) if colourful else line, err=error, color=colourful)


def _coloured(line: str) -> str:
    for mark, colour in _COLOURS.items():
        line = line.replace(mark, click.style(mark, fg=colour))
    return line
