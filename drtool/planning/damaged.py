"""What is said of a repository that was found damaged, or that went back in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.damage import Damage
from drtool.model.policy import BackupSet
from drtool.planning.words import spell_duration


def spell_damage(name: str, found: Damage, *, now: datetime) -> str:
    """Say since when a repository is known to be damaged."""
    where = f" in the point {found.point}" if found.point else ""
    return f"{name} was found damaged{where} {spell_duration(max(0.0, (now - found.at).total_seconds()))} ago"


def advice_on_damage(repositories: Iterable[str], damaged: Mapping[str, Damage], *, now: datetime) -> list[tuple[str, str]]:
    """Say which repositories are damaged, and what to type about each."""
    return [
        (f"{spell_damage(name, damaged[name], now=now)}: nothing is forgotten there", f"drtool verify {name}")
        for name in repositories
        if name in damaged
    ]


def went_back(backup_set: BackupSet, there: datetime | None, newest: datetime, *, holders: Iterable[str]) -> list[tuple[str, str]]:
    """Say that copies have newer points of a set than the repository in which each is sealed first, `there` being its newest."""
    if there is None or there >= newest:
        return []
    words = (
        f"{backup_set.to} went back in time, or is newly what {backup_set.name} is written to: {', '.join(sorted(holders))} holds newer"
        f" points of it, and each is sealed in {backup_set.to} first"
    )
    return [(words, f"drtool doctor {backup_set.to}")]
