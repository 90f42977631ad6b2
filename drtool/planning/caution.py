"""What keeps a run or a copy from counting as one: a repository that was found damaged, or that lost what was known there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.memory import Damage
from drtool.model.outcome import Outcome
from drtool.model.plan import Skipped
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.planning.holdings import Holding
from drtool.planning.memory import spell_vanished
from drtool.planning.words import spell_duration


def cautions(
    policy: Policy, backup_set: BackupSet, held: Mapping[str, Holding], *, now: datetime, forgets: bool = True
) -> tuple[Skipped, ...]:
    """Say what does not count in the repositories of a set, so that it ends partial at best; `forgets`: points would be forgotten too.

    It is stored and copied there all the same: a little is better than nothing, and what is damaged may be mended.
    """
    found: list[Skipped] = []
    for name in policy.repositories_of(backup_set):
        holding = held[name]
        if holding.damage is not None:
            words = f"{spell_damage(name, holding.damage, now=now)} and nothing has shown since that it is well: drtool verify {name}"
            found.append(_partial(f"counting {name} as a copy of {backup_set.name}", words, backup_set))
        for sentence in spell_vanished(name, holding.listing.vanished, set=backup_set.name):
            what = f"forgetting points of {backup_set.name} in {name}" if forgets else f"{name} as it was known"
            found.append(_partial(what, f"{sentence}: drtool doctor {name}", backup_set))
    return tuple(found)


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


def went_back(
    backup_set: BackupSet, there: RecoveryPoint | None, newest: RecoveryPoint, *, holders: Iterable[str]
) -> list[tuple[str, str]]:
    """Say that copies have newer points of a set than the repository in which each is sealed first, `there` being its newest."""
    if there is None or there.instant >= newest.instant:
        return []
    words = (
        f"{backup_set.to} went back in time, or is newly what {backup_set.name} is written to: {', '.join(sorted(holders))} holds newer"
        f" points of it, and each is sealed in {backup_set.to} first"
    )
    return [(words, f"drtool doctor {backup_set.to}")]


def _partial(what: str, reason: str, backup_set: BackupSet) -> Skipped:
    return Skipped(what=what, reason=reason, outcome=Outcome.PARTIAL.value, set=backup_set.name)
