"""What a person types to find a file: `*`, `?` and `[a-c]` within a name as restic reads them, and `**` for any number of folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from drtool.model.errors import Refused
from drtool.trees.patterns import Component, fitting_name

_NAME: Final = re.compile(r"(?:[^\\\[]|\\.|\[\^?+(?:(?:[^\\\]-]|\\.)(?:-(?:[^\\\]-]|\\.))?)+\])*", re.DOTALL)
"""The pattern of one name, as restic can read it."""
_HINT: Final = r"close what `[` begins, and write `\[` for the character itself; in quotes, so that the shell leaves it alone"


@dataclass(frozen=True, slots=True)
class Glob:
    """One pattern: without a slash it is about a name wherever it lies; with one about a whole path, from any folder on unless rooted.

    `name` is the pattern of the last name alone, as it was typed; None in `parts` stands for `**`.
    """

    name: str
    parts: tuple[Component | None, ...]


def glob(pattern: str, *, ignore_case: bool = False) -> Glob:
    """Read a pattern; Refused where it names nothing, climbs, or does not end what `[` or a backslash begins."""
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    if not names or ".." in names or "\0" in pattern:
        raise Refused(f"`{pattern}` is no pattern of a name or a path", hint="write it as a name, or from / on, without `..`")
    if not all(map(_NAME.fullmatch, names)):
        raise Refused(f"`{pattern}` does not end what it begins", hint=_HINT)
    rooted = pattern.startswith("/")
    parts = tuple(None if name == "**" else fitting_name(_spelled(_lowered(name) if ignore_case else name)) for name in names)
    return Glob("*" if names[-1] == "**" else names[-1], parts if rooted else (None, *parts))


def fits_any(globs: Sequence[Glob], *, ignore_case: bool = False) -> Callable[[str], bool]:
    """Return a test whether an absolute path fits one of them, to its end."""
    every = tuple(globs)

    def fits(path: str) -> bool:
        names = _spelled(_lowered(path) if ignore_case else path).strip(b"/").split(b"/")
        return any(_fits(each.parts, names) for each in every)

    return fits


def _fits(parts: Sequence[Component | None], names: Sequence[bytes]) -> bool:
    """Go through the names once, with every place of the pattern that the names so far may have come to."""
    places = _with_skipped(parts, {0})
    for name in names:
        after = set()
        for place in places:
            part = parts[place] if place < len(parts) else None
            if place < len(parts) and (part is None or part(name)):
                after.add(place if part is None else place + 1)
        places = _with_skipped(parts, after)
    return len(parts) in places


def _with_skipped(parts: Sequence[Component | None], places: set[int]) -> set[int]:
    """Add where a `**` that stands for no folder at all leads to."""
    found = set(places)
    for place in places:
        following = place
        while following < len(parts) and parts[following] is None:
            following += 1
            found.add(following)
    return found


def _lowered(text: str) -> str:
    """Return each character for itself in lower case, as restic does: Python's lower case of a word depends on where a letter stands."""
    return text.lower() if text.isascii() else "".join(character.lower()[:1] for character in text)


def _spelled(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
