"""What restores kept aside, as a person should see it before it is removed: how old and large, and what of it is nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.app.listings import choose
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.engine.observe import observe
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.identifier import instant_of
from drtool.model.lying import lies_in
from drtool.model.workload import Leftover
from drtool.planning.standing import left_here
from drtool.trees.contents import Facts, contents, held_facts
from drtool.trees.filesystem import FileSystem


@dataclass(frozen=True, slots=True)
class KeptThing:
    """One thing that goes with `sweep --kept`; `unheld` is what of it the newest whole `point` does not hold.

    None where nothing is known of its content, and of a label (`placed`) that only tells what a restore put where nothing was.
    """

    leftover: Leftover
    age_seconds: float | None
    files: int | None = None
    bytes: int | None = None
    unheld_files: int | None = None
    unheld_bytes: int | None = None
    point: str = ""
    gone: bool = False
    """Whether it is not there any more: somebody removed it, and only its label was left."""


def kept(runtime: Runtime) -> tuple[KeptThing, ...]:
    """Look at everything that is kept aside; by path, kind, size and time of change, and whatever is not known counts as not held.

    The ways back of restores that put something where nothing was go with it, and are told after it.
    """
    with working(runtime):
        found = observe(runtime.adapters, leftovers=True)
        machines, now = runtime.notary.ours().machines, runtime.clock.now()
        mine = (each for each in found.leftovers if left_here(each, by=runtime.policy.name, machines=machines))
        ours = [leftover for leftover in mine if not leftover.inside]
        aside = [_look(runtime, leftover, now) for leftover in ours if leftover.what == "kept"]
        return (*aside, *(KeptThing(leftover, _age(leftover, now)) for leftover in ours if leftover.what == "placed"))


def _age(leftover: Leftover, now: datetime) -> float | None:
    since = instant_of(leftover.run)
    return (now - since).total_seconds() if since is not None else None


def _look(runtime: Runtime, leftover: Leftover, now: datetime) -> KeptThing:
    age = _age(leftover, now)
    there, gone = None, False
    if leftover.locator.startswith("/"):
        runner = runtime.adapters.sources[leftover.source].runner
        try:
            place = leftover.removing or leftover.locator
            there = contents(runner, place)
            gone = there is None and not FileSystem(runner).exists(place)
        except Interrupted:
            raise
        except DrtoolError:
            there = None
    if there is None:
        return KeptThing(leftover, age, gone=gone)
    point, held = _held(runtime, leftover)
    unheld = [facts for path, facts in there.items() if path not in held or not facts.tells_the_same_as(held[path])]
    sizes = sum(facts.bytes for facts in there.values())
    return KeptThing(leftover, age, len(there), sizes, len(unheld), sum(facts.bytes for facts in unheld), point)


def _held(runtime: Runtime, leftover: Leftover) -> tuple[str, dict[bytes, Facts]]:
    """Return the newest whole point that holds where it was in service, and what it holds there."""
    for name, backup_set in runtime.policy.sets.items():
        if all(protect.source != leftover.source for protect in backup_set.protect):
            continue
        try:
            chosen, manifest = choose(runtime, name, runtime.policy.repositories_of(backup_set))
            for member in manifest.members:
                for artifact in member.artifacts:
                    inside = lies_in(leftover.target, artifact.path)
                    if member.source != leftover.source or artifact.form != "tree" or not inside:
                        continue
                    entries = runtime.adapters.repositories[chosen.copies[0]].browse(
                        artifact, manifest.point, member.workload, leftover.target
                    )
                    return manifest.point, held_facts(entries, leftover.target)
        except Interrupted:
            raise
        except DrtoolError:
            continue
    return "", {}
