"""What keeps a run or a copy from counting as one: a repository that was found damaged, or that lost what was known there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from drtool.model.outcome import Outcome
from drtool.model.plan import Skipped
from drtool.model.policy import BackupSet, Policy
from drtool.planning.damaged import spell_damage
from drtool.planning.memory import spell_vanished
from drtool.planning.repository_view import RepositoryView


def cautions(
    policy: Policy, backup_set: BackupSet, held: Mapping[str, RepositoryView], *, now: datetime, forgets: bool = True
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


def _partial(what: str, reason: str, backup_set: BackupSet) -> Skipped:
    return Skipped(what=what, reason=reason, outcome=Outcome.PARTIAL.value, set=backup_set.name)
