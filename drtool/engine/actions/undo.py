from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.model.plan import Done, Undo


def undo(work: Work, action: Undo) -> Done:
    """Take back one exchange of a restore."""
    return Done(work.adapters.sources[action.leftover.source].undo(action.leftover, work.plan.run))
