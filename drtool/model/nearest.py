from __future__ import annotations

from collections.abc import Iterable

from drtool.model.errors import UnknownName

_CLOSE = 0.7
"""How like a word must be to be taken for a slip: `timeout` and `mounts` have 0.62."""


def named(name: str, known: Iterable[str], noun: str) -> str:
    """Return a name that the policy has; raises UnknownName with the nearest of those it has, or with all of them."""
    names = tuple(known)
    if name not in names:
        raise UnknownName(f"the policy has no {noun} `{name}`", hint=nearest(name, names, what="there are"))
    return name


def nearest(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """Return what to type instead of a word nobody knows: the nearest right one, or all there are."""
    import difflib  # noqa: PLC0415 - only a slip needs it

    candidates = sorted(set(known))
    folded = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if not candidates:
        return f"{what}: none"
    return f"{what}: {', '.join(candidates[:12])}{' …' if len(candidates) > 12 else ''}"  # noqa: PLR2004 - one line
