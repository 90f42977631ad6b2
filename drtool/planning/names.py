"""Which of many ids a person means who types less than one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

ELLIPSIS = "…"
LATEST: Final = "latest"
"""What names the newest complete point, of whatever set."""
_BACK: Final = re.compile(r"(.+)~(\d{1,4})")


def counted_back(text: str) -> tuple[str, int]:
    """Return what a name counts from and how many points back: `latest~1` is the one before the latest, any other name none back."""
    found = _BACK.fullmatch(text)
    return (found[1], int(found[2])) if found else (text, 0)


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
