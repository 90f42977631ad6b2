"""Exclude patterns, read exactly as restic reads them (its `internal/filter` and Go's `filepath.Match`); a property test compares both.

Names are bytes: a name that is no UTF-8 is matched byte by byte there, and so here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ROOT: Final = b"/"
_INVALID: Final = 0xFFFD
_SPECIAL: Final = re.compile(rb"[\\\[\]*?]")
_ASCII_END: Final = 0x80
_CACHED: Final = 65536

Component = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern in components; None stands for `**`."""

    parts: tuple[Component | None, ...]
    rooted: bool
    negated: bool


def excluded_by(patterns: Sequence[str]) -> Callable[[bytes], bool]:
    """Return a test whether an absolute path is excluded by itself; what lies in an excluded directory is not stored either.

    A later pattern that begins with `!` takes back what an earlier one excluded.
    """
    prepared = tuple(_prepare(pattern) for pattern in patterns if pattern)

    def excluded(path: bytes) -> bool:
        names = _split(path)
        found = False
        for pattern in prepared:
            if pattern.negated:
                found = found and not _matches(pattern.parts, names, rooted=pattern.rooted)
            else:
                found = found or _matches(pattern.parts, names, rooted=pattern.rooted)
        return found

    return excluded


def _prepare(text: str) -> _Pattern:
    negated = text.startswith("!")
    names = _split(_clean(text[1:] if negated else text).encode("utf-8", "surrogateescape"))
    return _Pattern(tuple(None if name in (b"**", b"") else fitting_name(name) for name in names), names[0] == _ROOT, negated)


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned  # POSIX keeps two slashes, Go does not


def _split(path: bytes) -> tuple[bytes, ...]:
    names = path.split(b"/")
    return (_ROOT, *names[1:]) if not names[0] else tuple(names)


def _matches(parts: tuple[Component | None, ...], names: tuple[bytes, ...], *, rooted: bool) -> bool:
    if None in parts:
        return _matches_wide(parts, names, rooted=rooted)
    if not parts:
        return not names
    last = 0 if rooted else len(names) - len(parts)
    first = 0 if rooted or names[0] != _ROOT else 1  # a pattern that is not rooted never matches the root itself
    if len(parts) > len(names):
        return False
    return any(
        all(part is not None and part(name) for part, name in zip(parts, names[offset:], strict=False)) for offset in range(first, last + 1)
    )


def _matches_wide(parts: tuple[Component | None, ...], names: tuple[bytes, ...], *, rooted: bool) -> bool:
    """Match a pattern with `**`: each stands for any number of names, of which restic allows only so many when there are several."""
    seen: set[tuple[int, int, int]] = set()
    spare = len(names) - len(parts)

    def reaches(part: int, place: int, taken: int, wide: int) -> bool:
        if part == len(parts):
            return place > offset
        if (part, place, taken) in seen:
            return False
        seen.add((part, place, taken))
        component = parts[part]
        if component is not None:
            return place < len(names) and component(names[place]) and reaches(part + 1, place + 1, taken, wide)
        most = min(spare + wide + 1 - taken, len(names) - place)
        return any(reaches(part + 1, place + count, taken + count, wide + 1) for count in range(most + 1))

    for offset in (0,) if rooted else range(0 if names[0] != _ROOT else 1, len(names)):
        seen.clear()
        if reaches(0, offset, 0, 0):
            return True
    return False


def fitting_name(pattern: bytes) -> Component:
    """Return a test of one name by the pattern of one name."""
    if not _SPECIAL.search(pattern):
        return pattern.__eq__
    quick = re.compile(_expression(pattern), re.DOTALL).fullmatch

    @lru_cache(maxsize=_CACHED)
    def component(name: bytes) -> bool:
        return bool(quick(name)) if name.isascii() else matches_name(pattern, name)

    return component


def _expression(pattern: bytes) -> bytes:
    """Translate a component into an expression for names of ASCII alone.

    What lies between two stars is looked for once, at the first place it fits, as Go does: many stars cost no more than that.
    """
    parts: list[list[bytes]] = [[]]
    rest = pattern
    while rest:
        character, rest = rest[:1], rest[1:]
        expression = parts[-1]
        if character == b"*":
            parts.append([])
        elif character == b"?":
            expression.append(b".")
        elif character == b"[":
            ranges, negated, rest = _class(rest)
            inside = b"".join(_spelled(low, high) for low, high in ranges if low < _ASCII_END)
            expression.append((b"[^" if negated else b"[") + inside + b"]" if inside else b"." if negated else b"(?!)")
        else:
            if character == b"\\":
                character, rest = rest[:1], rest[1:]
            expression.append(re.escape(character))
    first, *more = map(b"".join, parts)
    return first + b"".join(b"(?>.*?%b)" % part for part in more[:-1] if part) + (b".*" + more[-1] if more else b"")


def _spelled(low: int, high: int) -> bytes:
    if high < low:
        return b""
    return rb"\x%02x-\x%02x" % (low, min(high, _ASCII_END - 1))


def matches_name(pattern: bytes, name: bytes) -> bool:
    """Compare one component with one name as Go's `filepath.Match` does."""
    while pattern:
        star, chunk, pattern = _chunk(pattern)
        if star and not chunk:
            return True
        rest = _match_chunk(chunk, name)
        if rest is not None and (pattern or not rest):
            name = rest
            continue
        if not star:
            return False
        for skipped in range(len(name)):
            rest = _match_chunk(chunk, name[skipped + 1 :])
            if rest is not None and (pattern or not rest):
                name = rest
                break
        else:
            return False
    return not name


def _chunk(pattern: bytes) -> tuple[bool, bytes, bytes]:
    star = pattern.startswith(b"*")
    pattern = pattern.lstrip(b"*")
    inside = False
    place = 0
    while place < len(pattern):
        character = pattern[place : place + 1]
        if character == b"\\":
            place += 1
        elif character in b"[]":
            inside = character == b"["
        elif character == b"*" and not inside:
            break
        place += 1
    return star, pattern[:place], pattern[place:]


def _match_chunk(chunk: bytes, name: bytes) -> bytes | None:
    while chunk:
        if not name:
            return None
        character, chunk = chunk[:1], chunk[1:]
        if character == b"[":
            rune, length = _rune(name)
            name = name[length:]
            ranges, negated, chunk = _class(chunk)
            if any(low <= rune <= high for low, high in ranges) == negated:
                return None
        elif character == b"?":
            name = name[_rune(name)[1] :]
        else:
            if character == b"\\":
                character, chunk = chunk[:1], chunk[1:]
            if character != name[:1]:
                return None
            name = name[1:]
    return name


def _class(rest: bytes) -> tuple[list[tuple[int, int]], bool, bytes]:
    """Read what follows `[`: its ranges, whether they are negated, and what follows `]`."""
    negated = rest.startswith(b"^")
    rest = rest[1:] if negated else rest
    ranges: list[tuple[int, int]] = []
    while rest and not (rest.startswith(b"]") and ranges):
        low, rest = _escaped(rest)
        high = low
        if rest.startswith(b"-"):
            high, rest = _escaped(rest[1:])
        ranges.append((low, high))
    return ranges, negated, rest[1:]


def _escaped(rest: bytes) -> tuple[int, bytes]:
    rest = rest[1:] if rest.startswith(b"\\") else rest
    rune, length = _rune(rest)
    return rune, rest[length:]


def _rune(text: bytes) -> tuple[int, int]:
    """Return the first character and how many bytes it takes; a byte that begins none is one of its own, as in Go."""
    for length in range(1, 5):
        try:
            return ord(text[:length].decode("utf-8")), length
        except (UnicodeDecodeError, TypeError):
            continue
    return _INVALID, 1
