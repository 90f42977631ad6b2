from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.mount import make, require_place, take_down
from drtool.model.errors import Interrupted, TimedOut
from drtool.model.plan import Done, Mount
from drtool.ports import MountRequest


def mount(work: Work, action: Mount) -> Done:
    """Show a point until somebody ends the run, unmounts the directory, or the lease is over."""
    adapters = work.adapters
    if action.made:
        make(action.directory)
    require_place(action)
    seconds = max(1.0, (action.expires - adapters.clock.now()).total_seconds())
    words = "unmounted"
    try:
        adapters.repositories[action.repository].mount(MountRequest(action.directory, action.point, seconds))
    except Interrupted:
        words = "ended"
    except TimedOut:
        words = "its lease is over"
    finally:
        take_down(adapters.local, action)
    return Done(words, {"directory": action.directory})
