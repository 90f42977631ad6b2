from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from drtool.model.locks_found import LocksFound
from drtool.planning.words import spell_duration

_OLD_LOOK: Final = timedelta(days=8)


def tell_of_locks(name: str, promised: timedelta, found: LocksFound | None, *, now: datetime) -> str:
    """Say in one sentence what is amiss with the locks of a repository, by what was last found; empty where nothing is."""
    if found is None:
        return f"{name}: immutable: {spell_duration(promised)} is promised, and nobody looked whether it is so"
    if found.trouble:
        return f"{name}: {found.trouble[0]}"
    left = found.left(now)
    if found.needed and left is not None and left < promised:
        return f"{name}: the first lock runs out in {spell_duration(max(left, timedelta()))}, and {spell_duration(promised)} are promised"
    if now - found.taken > max(_OLD_LOOK, promised / 4):
        return f"{name}: nobody looked at its locks for {spell_duration(now - found.taken)}"
    return ""
