"""What `doctor` asks of the copies of a set: is there more than one, and on more than the disk that it protects against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from drtool.app.doctor.asking import Known, Part
from drtool.app.doctor.disks import disks_of
from drtool.model.policy import BackupSet
from drtool.planning.off_site import off_site_copies
from drtool.planning.words import spell_count
from drtool.ports import Finding


def copies(known: Known) -> Iterable[Part]:
    """Ask of each set what is left of its points when one repository, one disk or one place is lost."""
    for name in known.sets:
        yield Part(f"set {name}: copies", partial(_copies, known, known.policy.sets[name]))


def protected_paths(known: Known, backup_set: BackupSet) -> Iterator[str]:
    """Return the folders of this machine that a set protects."""
    for protect in backup_set.protect:
        if known.is_here(protect.source):
            yield from (path for path in map(str, protect.selector.get("paths", ())) if path.startswith("/"))


def _copies(known: Known, backup_set: BackupSet) -> list[Finding]:
    name, policy = backup_set.name, known.policy
    subject = f"set {name}: copies"
    kept_in = policy.repositories_of(backup_set)
    away = off_site_copies(policy, backup_set, kept_in)
    if len(kept_in) == 1:
        text = f"its points lie in {kept_in[0]} alone: what happens to that happens to all of them"
        remedy = f"name a second repository elsewhere, and copies: [ITS NAME] in {name}; then: drtool init, drtool copy {name}"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    shared = _shared_disks(known, backup_set, kept_in)
    if len(shared) == len(kept_in):
        disks = " and ".join(sorted(set().union(*shared.values())))
        text = f"all {spell_count(len(kept_in), 'copy')} lie on the disk of what it protects ({disks}): its end is theirs"
        remedy = f"move one of them to another disk or machine, correct its address in the policy, then: drtool doctor {kept_in[-1]}"
        return [Finding(subject, good=None, text=text + _called_away(away), remedy=remedy)]
    near = [each for each in away if each in shared]
    if near:
        text = f"{near[0]} is called off-site (site: {policy.repositories[near[0]].site}), and lies on the disk of what {name} protects"
        remedy = f"take `site:` out of {near[0]}, or move it to where that site is, and correct its address"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    if not away:
        text = f"{spell_count(len(kept_in), 'copy')}, and none is off-site: fire or theft there takes them all"
        remedy = f"give one of {', '.join(kept_in)} that is elsewhere its own `site:`, or name a repository that is, and copies: in {name}"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    return [Finding(subject, good=True, text=f"{spell_count(len(kept_in), 'copy')}, off-site: {' '.join(away)}")]


def _called_away(away: tuple[str, ...]) -> str:
    return f"; {' and '.join(away)} {'is' if len(away) == 1 else 'are'} called off-site all the same" if away else ""


def _shared_disks(known: Known, backup_set: BackupSet, kept_in: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return, by repository on a path of this machine, the disks that it shares with what the set protects here."""
    own: frozenset[str] = frozenset().union(*map(disks_of, protected_paths(known, backup_set)))
    found = {name: disks_of(path) & own for name in kept_in if (path := known.path_of(name))}
    return {name: disks for name, disks in found.items() if disks}
