"""What `doctor` asks of repositories: whether each can be worked with, from here and from where the work is done, and what it lost."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from drtool.app.doctor.asking import Known, Part
from drtool.app.immutable.looks import examine_locks
from drtool.engine.adapters import Adapters
from drtool.planning.damaged import spell_damage
from drtool.planning.evidence import damage
from drtool.planning.growing import growing
from drtool.planning.memory import spell_vanished
from drtool.planning.only_taking import spell_append_only
from drtool.ports import Finding, WorkPlace
from drtool.trees.filesystem import FileSystem

_SOON_DAYS: Final = 30


def repositories(known: Known) -> Iterable[Part]:
    """Examine each repository: restic, address, key, locks, space, clock, listing and writing, here and where the work is done."""
    for name in known.repositories:
        examine, places = known.adapters.repositories[name].examine, _work_places(known.adapters, name)
        yield Part(f"repository {name}", partial(examine, places, coming_bytes=_coming(known, name)))


def remembered(known: Known) -> Iterable[Part]:
    """Compare what each repository lists with what this machine knew; one that cannot be listed is told where it is examined."""
    for name in known.repositories:
        yield Part(f"{name}: memory", partial(_remembered, known, name))


def growth(known: Known) -> Iterable[Part]:
    """Ask when a repository on a disk of this machine is full, by how its points grew."""
    for name in known.repositories:
        if known.path_of(name) and known.listings[name].problem is None:
            yield Part(f"{name}: growth", partial(_growth, known, name))


def locks(known: Known) -> Iterable[Part]:
    """Ask the bucket of each repository that promises locks whether it keeps them."""
    for name in known.repositories:
        yield Part(f"{name}: immutable", partial(examine_locks, known.runtime, name))


def forgetting(known: Known) -> Iterable[Part]:
    """Say who forgets in a store that only takes, and for whom this machine does."""
    for name in known.repositories:
        yield Part(f"repository {name}", partial(_forgetting, known, name))


def _forgetting(known: Known, name: str) -> list[Finding]:
    policy = known.policy.repositories[name]
    told = [spell_append_only(name)] if policy.append_only else []
    told += [f"this machine forgets there for {of}: drtool forget {of}" for of in policy.forget_for]
    return [Finding(f"repository {name}", good=True, text=text) for text in told]


def _growth(known: Known, name: str) -> list[Finding]:
    found = growing(known.listings[name].points)
    if found is None:
        return []
    days = FileSystem(known.adapters.local).free_bytes(known.path_of(name)) / found.bytes_a_day
    soon = days < _SOON_DAYS
    text = f"{found.words}; what is free is full in {days:.0f} days, counted before restic compresses"
    remedy = f"make room, or take a larger disk; or keep fewer points (`keep:`), and then: drtool prune {name}" if soon else ""
    return [Finding(f"{name}: growth", good=None if soon else True, text=text, remedy=remedy)]


def _work_places(adapters: Adapters, repository: str) -> tuple[WorkPlace, ...]:
    """Return the other machines whose restic will work on a repository: those of sources that are stored there, or restored from there."""
    found: dict[str, WorkPlace] = {}
    for backup_set in adapters.policy.sets.values():
        if repository not in adapters.policy.repositories_of(backup_set):
            continue
        for name in (protect.source for protect in backup_set.protect):
            runner = adapters.sources[name].runner
            if runner.name != adapters.local.name:
                writes = backup_set.to == repository or (name in found and found[name].writes)
                found[name] = WorkPlace(name, runner, writes, _drill_from(adapters, repository, backup_set.name))
    return tuple(found.values())


def _drill_from(adapters: Adapters, repository: str, set_name: str) -> str:
    drills = adapters.policy.drills.values()
    return next((each.name for each in drills if each.repository == repository and set_name in each.sets), "")


def _coming(known: Known, repository: str) -> int:
    """Return how many bytes the next runs store in a repository at least: what sets hold beyond their newest point there."""
    policy, protected = known.policy, known.protected
    kept = [name for name in protected.sets if repository in policy.repositories_of(policy.sets[name])]
    sets = {name: size for name in kept if (size := protected.bytes_of(name))}
    held: dict[str, int] = {}
    for point in sorted(known.listings[repository].points, key=lambda each: each.instant):
        if point.counts and point.complete:
            held[point.set] = point.bytes
    return sum(max(0, size - held.get(name, 0)) for name, size in sets.items())


def _remembered(known: Known, name: str) -> list[Finding]:
    listing = known.listings[name]
    remedy = f"find out who changed it, and bring back what is lost; if it was meant: drtool rebuild --accept {name}"
    findings = [Finding(f"{name}: memory", good=False, text=text, remedy=remedy) for text in spell_vanished(name, listing.vanished)]
    found = damage(listing)
    if found is not None:
        text = f"{spell_damage(name, found, now=known.adapters.clock.now())}: {found.what}"
        findings.append(Finding(f"{name}: data", good=False, text=text, remedy=f"drtool verify {name}"))
    return findings
