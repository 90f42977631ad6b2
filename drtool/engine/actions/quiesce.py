from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.model.codec import encode
from drtool.model.plan import Done, Quiesce


def quiesce(work: Work, action: Quiesce) -> Done:
    """Hold workloads of one source still; from when on is told before it is asked for, since nobody knows when it was done."""
    since = work.adapters.clock.monotonic()
    held = work.adapters.sources[action.source].quiesce(action.workloads, action.label, seconds=action.seconds)
    return Done("held still", {"held": encode(held), "since": since})
