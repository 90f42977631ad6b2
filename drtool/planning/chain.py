"""Which point's chain of streams the next one of a set may go on with: never one that could not be restored."""

from __future__ import annotations

from dataclasses import dataclass

from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.point import Manifest, Member, RecoveryPoint
from drtool.model.workload import Workload
from drtool.planning.evidence import believable, damage


@dataclass(frozen=True, slots=True)
class Extendable:
    """The point that may be gone on with; None: none, and `reason` says why, where a person would not expect it."""

    point: RecoveryPoint | None = None
    reason: str = ""


def extendable(listing: Listing, *, set_name: str, machine: str) -> Extendable:
    """Choose the newest point of a set, if it is this machine's own and whole, and nothing is known to be wrong there."""
    newest = max((each for each in listing.points if each.set == set_name), key=lambda each: each.instant, default=None)
    if newest is None:
        return Extendable()
    found = damage(listing)
    if found is not None:
        return Extendable(reason=f"data of {listing.repository} was found damaged, and nothing has shown since that it is well")
    drill = max(
        (each for each in believable(listing) if (each.subject, each.set) == ("drill", set_name)), key=lambda each: each.ended, default=None
    )
    if drill is not None and drill.outcome == Outcome.DATA_WRONG.value:
        return Extendable(reason=f"the last drill of {set_name} found its data wrong")
    if not newest.whole:
        return Extendable(reason=f"the point {newest.point} is not whole in {listing.repository}")
    if newest.machine != machine:
        return Extendable(reason=f"the point {newest.point} was made by another machine")
    return Extendable(newest)


def member_of(manifest: Manifest, workload: Workload) -> Member | None:
    """Return what a point has of a workload, if that was stored completely."""
    found = (
        each for each in manifest.members if (each.workload, each.source, each.kind) == (workload.name, workload.source, workload.kind)
    )
    return next((each for each in found if each.complete), None)
