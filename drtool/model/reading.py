"""Reading a repository in slices: what still counts as read when stored data was moved in between."""

from __future__ import annotations

from collections.abc import Sequence

Packs = Sequence[frozenset[str]]
"""The names of what stores a repository's bytes, by slice."""

NAME_CHARACTERS = 8
"""How much of a name is remembered."""


def still_read(done: Sequence[int], *, before: Packs, now: Packs) -> tuple[int, ...]:
    """Return which of the slices read until `before` was listed still stand for every byte that was stored when they were read.

    While nothing was removed, whatever is new was added by a backup or a copy and belongs to later points. Once something was,
    data may have moved under a new name: a slice with a new name in it has to be read again.
    """
    if len(before) != len(now):
        return ()
    if all(old <= new for old, new in zip(before, now, strict=True)):
        return tuple(done)
    return tuple(number for number in done if now[number - 1] <= before[number - 1])


def pack_text(packs: Packs) -> tuple[str, ...]:
    """Spell the names of each slice in one text, in order."""
    return tuple("".join(sorted(name[:NAME_CHARACTERS] for name in names)) for names in packs)


def packs_of(texts: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Read what `pack_text` wrote."""
    step = NAME_CHARACTERS
    return tuple(frozenset(text[start : start + step] for start in range(0, len(text), step)) for text in texts)
