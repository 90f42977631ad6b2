from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.observe import claims_of
from drtool.model.codec import decode
from drtool.model.plan import Done, Release
from drtool.model.workload import LOCAL, NATIVE, Leftover, Snapshot


def release(work: Work, action: Release) -> Done:
    """Release one leftover; already gone is success."""
    leftover = action.leftover
    if action.reserved:
        reserved = work.results.get(action.reserved)
        leftover = decode(Leftover, reserved.data) if isinstance(reserved, Done) else None
    if action.snapshot:
        taken = work.results.get(action.snapshot)
        if isinstance(taken, Snapshot):
            locator = taken.locator or taken.label
            if action.keeps in work.results:
                return Done("it stays until its time is over", {"what": LOCAL, "locator": locator})
            leftover = Leftover(taken.workload.source, LOCAL if action.keeps else "snapshot", locator, work.plan.run, work.plan.policy)
    if leftover is None:
        return Done("there is nothing to release")
    if leftover.what == NATIVE and (stays := _why_it_stays(work, leftover)):
        return Done(stays, {"what": leftover.what, "locator": leftover.locator})
    if leftover.source in work.adapters.sources:
        work.adapters.sources[leftover.source].release(leftover)
    else:
        work.adapters.repositories[leftover.source].discard((leftover.locator,))
    return Done("released", {"what": leftover.what, "locator": leftover.locator})


def _why_it_stays(work: Work, leftover: Leftover) -> str:
    """Look at every manifest once more before something goes that a platform keeps: whatever was planned, what one names stays."""
    claims = claims_of(work.adapters)
    if claims is None:
        return "it stays: whether a manifest names it is not known"
    return "it stays: a manifest names it" if (leftover.store, leftover.locator) in claims else ""
