"""Exclude patterns that the repository program would refuse at night, or that can never leave anything out."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence


def pattern_problem(pattern: str) -> str:
    """Say what is wrong with a pattern by itself; empty: nothing."""
    text = pattern.removeprefix("!")
    if not text:
        return "is an empty pattern, which leaves nothing out: remove it"
    parts = posixpath.normpath(text).split("/")
    if text.startswith("~"):
        return f"can never match `{pattern}`: ~ is not expanded, write the folder in full"
    if ".." in parts:
        return f"can never match `{pattern}`: write it without .."
    if not all(map(_is_well_formed, parts)):
        return f"is no pattern, `{pattern}`: a [ needs its ], and a backslash what it protects; for the character itself write \\[ or \\\\"
    return ""


def unmatched(patterns: Sequence[str], paths: Sequence[str]) -> str:
    """Say which of the patterns can never match anything below `paths`, and why; empty: each may."""
    for number, pattern in enumerate(patterns):
        if pattern.startswith("!") and not any(not earlier.startswith("!") for earlier in patterns[:number]):
            return f"`{pattern}` takes back what a pattern before it leaves out, and there is none: put it last"
        text = pattern.removeprefix("!")
        if text.startswith("/") and not any(_may_meet(text, path) for path in paths):
            return f"`{pattern}` can never match: nothing of {', '.join(paths)} lies there"
    return ""


def _may_meet(pattern: str, path: str) -> bool:
    for wanted, name in zip(_names(pattern), _names(path), strict=False):
        if wanted == "**":
            return True
        if wanted != name and not set(wanted) & set("*?[\\"):
            return False
    return True


def _names(path: str) -> list[str]:
    return posixpath.normpath(path).strip("/").split("/") if path.strip("/") else []


def _is_well_formed(name: str) -> bool:
    """Follow the grammar of Go's filepath.Match, which restic compares names with."""
    place = 0
    while place < len(name):
        if name[place] == "\\":
            place += 1
            if place == len(name):
                return False
        elif name[place] == "[":
            place = _end_of_class(name, place + 1) - 1
            if place < 0:
                return False
        place += 1
    return True


def _end_of_class(name: str, place: int) -> int:
    """Return the place after the `]` of a class that begins before `place`; 0 when it is none."""
    if name[place : place + 1] == "^":
        place += 1
    ranges = 0
    while not (ranges and name[place : place + 1] == "]"):
        place = _after_character(name, place)
        if place and name[place : place + 1] == "-":
            place = _after_character(name, place + 1)
        if not place:
            return 0
        ranges += 1
    return place + 1


def _after_character(name: str, place: int) -> int:
    if name[place : place + 1] in ("", "-", "]"):
        return 0
    if name[place] == "\\":
        place += 1
    return place + 1 if place + 1 < len(name) else 0  # something must follow, the ] at least
