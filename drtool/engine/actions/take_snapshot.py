from __future__ import annotations

from dataclasses import replace

from drtool import process
from drtool.engine.actions.work import Work
from drtool.model.errors import TimedOut
from drtool.model.plan import TakeSnapshot
from drtool.model.workload import Snapshot


def take_snapshot(work: Work, action: TakeSnapshot) -> Snapshot:
    """Take a snapshot, with the others of its set that the plan takes at the same instant."""
    wanted = frozenset(action.together)
    planned = [step.action for step in work.plan.steps if isinstance(step.action, TakeSnapshot)] if wanted else []
    together = [each.workload for each in planned if each.label == action.label and each.workload.name in wanted]
    taken = work.adapters.sources[action.workload.source].snapshot(
        action.workload, action.label, together=together, keep_until=action.keep_until
    )
    return _as_of_now(work, taken, goes="it goes at its date" if action.keep_until else "it is swept") if action.quiet else taken


def _as_of_now(work: Work, taken: Snapshot, *, goes: str) -> Snapshot:
    """Say as of when what is held still is; one that was taken after the time for that is over is as of nobody knows when."""
    clock, deadline = work.adapters.clock, process.current_scope().deadline
    if deadline is not None and clock.monotonic() > deadline:
        raise TimedOut(
            f"the snapshot of {taken.workload.name} was there only when the time was over for which its set is held still",
            hint=f"say more than `quiesce` of {work.step.set} says now, or ask its platform why snapshots take so long",
            safe=f"{goes}, and everything goes on; earlier points are untouched",
        )
    return replace(taken, instant=taken.instant or clock.now())
