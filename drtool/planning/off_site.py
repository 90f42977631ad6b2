"""What lies outside of the failure domain of its sources: a point is as off-site as its worst artifact."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.model.policy import BackupSet, Policy


def home_of(policy: Policy, backup_set: BackupSet) -> frozenset[str]:
    """Return the failure domains of a set's sources."""
    return frozenset(policy.sources[each.source].site for each in backup_set.protect if each.source in policy.sources)


def off_site_copies(policy: Policy, backup_set: BackupSet, holders: Iterable[str]) -> tuple[str, ...]:
    """Return the repositories among `holders` that lie elsewhere than all of a set's sources, in the policy's order."""
    there, home = set(holders), home_of(policy, backup_set)
    return tuple(name for name in policy.repositories_of(backup_set) if name in there and policy.repositories[name].site not in home)


def is_off_site(sites: Iterable[Iterable[str]], *, home: frozenset[str]) -> bool:
    """Tell whether each native artifact, by the `sites` it is present in, lies somewhere else than at home; with none it does.

    A place of which nobody said where it lies is taken to be at home.
    """
    return all(any(site and site not in home for site in each) for each in sites)
