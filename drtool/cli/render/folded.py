"""Sentences and command lines on a narrow screen: a line is broken between words, never within one."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable
from typing import Final

from drtool.cli.render.words import BAD, GOOD, width

_USUAL: Final = 80
_DEEPER: Final = 2
_GOES_ON: Final = " \\"
_MARKS: Final = (GOOD, BAD)
_WORDS: Final = re.compile(
    r"( *)("
    r"(?<=: )(?:sudo )?(?:drtool|restic|systemctl|upsc|chmod|umount|apt-get) (?:(?!  |, |; ).)+[,;]?"  # a command that a remedy names
    r"|`[^`]+`[^ ]*"
    r"|[^ ]+)"
)


def folded(lines: Iterable[str], *, columns: int | None = None) -> list[str]:
    """Break lines that are longer than the terminal, at most 80 columns, between words; what follows stands a little deeper.

    A command line to type stays whole: half of one, pasted, would be another.
    """
    most = columns or _columns()
    return [part for line in lines for part in ([line] if width(line) <= most else _parts(line, most))]


def folded_command(command_line: str, *, depth: int = 0, columns: int | None = None) -> list[str]:
    r"""Break a command line between its words so that all of it is still one command where it is pasted: ` \` ends what goes on."""
    most, margin = columns or _columns(), " " * depth
    lines, current = [], ""
    for word in map(shlex.quote, shlex.split(command_line)):
        if current and width(f"{margin}{current} {word}{_GOES_ON}") > most:
            lines.append(f"{margin}{current}{_GOES_ON}")
            margin, current = " " * (depth + _DEEPER), word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, f"{margin}{current}"]


def pieces(text: str) -> list[str]:
    """Return what of a cell of a table stays together: words, commands to type, and a mark with the word before it."""
    found: list[str] = []
    for _gap, word in _WORDS.findall(text):
        if word in _MARKS and found:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def broken(text: str, most: int) -> list[str]:
    """Break a cell of a table between its pieces so that no line is wider than `most`, but for a piece that is; at least one line."""
    if width(text) <= most:
        return [text]
    lines = [""]
    for piece in pieces(text):
        if lines[-1] and width(lines[-1]) + 1 + width(piece) > most:
            lines.append(piece)
        else:
            lines[-1] = f"{lines[-1]} {piece}".lstrip(" ")
    return lines


def _columns() -> int:
    return min(_USUAL, shutil.get_terminal_size((_USUAL, 24)).columns)


def _parts(line: str, most: int) -> list[str]:
    depth = len(line) - len(line.lstrip(" "))
    parts, current = [], " " * depth
    for gap, word in _WORDS.findall(line, depth):
        if current.strip() and width(current) + len(gap) + width(word) > most:
            parts.append(current)
            current = " " * (depth + _DEEPER) + word
        else:
            current += gap + word
    return [*parts, current]
