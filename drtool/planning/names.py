"""Which of many ids a person means who types less than one."""

from __future__ import annotations

from collections.abc import Iterable

ELLIPSIS = "…"


def fitting(names: Iterable[str], text: str) -> list[str]:
    """Return the ids that a text may mean: the one it is, else those with that beginning or end, or with both around an ellipsis."""
    known = list(dict.fromkeys(names))
    wanted = text.strip().upper()
    for name in known:
        if name in (text, wanted):  # hostile ids may be in lower case
            return [name]
    if is_shortened(text):
        beginning, _, end = wanted.replace("...", ELLIPSIS).partition(ELLIPSIS)
        return [name for name in known if name.startswith(beginning) and name.endswith(end)]
    return [name for name in known if name.startswith(wanted) or name.endswith(wanted)]


def is_shortened(text: str) -> bool:
    """Tell whether a text is an id as screens shorten it: `01JD…7QK`, also with three dots."""
    return ELLIPSIS in text or "..." in text
