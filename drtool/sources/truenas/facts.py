from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.kind import KindFacts


def matches(name: str, pattern: str) -> bool:
    """Compare part by part: `*` stands for (a part of) one name and never for several levels."""
    names, patterns = name.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatch.fnmatchcase, names, patterns))


def above(name: str) -> tuple[str, ...]:
    """Return the datasets above one."""
    parts = name.split("/")
    return tuple("/".join(parts[:count]) for count in range(1, len(parts)))


def _protects(selector: Mapping[str, Any], name: str) -> bool:
    """Tell it by the names alone: what a dataset's properties say only the NAS knows."""
    if selector.get("system"):
        return name == "system"
    names = (name, *above(name))
    pattern = str(selector.get("dataset") or "")
    if any(matches(each, item) for item in selector.get("exclude", ()) for each in names):
        return False
    return any(matches(each, pattern) for each in (names if selector.get("recursive") else names[:1]))


FACTS: Final = KindFacts(connects={"url": "the address", "ssh": "the machine"}, protects=_protects, keeps_snapshots=True)
