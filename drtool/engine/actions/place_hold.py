from __future__ import annotations

import contextlib
from dataclasses import replace

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import release_of, soon
from drtool.model.codec import encode
from drtool.model.errors import DrtoolError, Interrupted, NotFound, TimedOut, Unavailable
from drtool.model.hold import PIN, Hold
from drtool.model.plan import Done, PlaceHold


def place_hold(work: Work, action: PlaceHold) -> Done:
    """Write a pin and look again whether the point still exists.

    When it cannot be written (a key that may only read, a full disk, no answer) that is told and the restore goes on; NotFound
    when the point was forgotten meanwhile.
    """
    adapters, plan, of_set = work.adapters, work.plan, work.step.set
    repository = adapters.repositories[action.repository]
    hold = Hold(action.id, of_set, plan.policy, action.reason, adapters.clock.now(), action.until, action.point, kind=PIN, run=plan.run)
    hold = replace(hold, machine=adapters.machine)
    written = False
    try:
        with soon(adapters):
            repository.append(hold)
            written = True
            listing = repository.list()
    except Interrupted:
        raise
    except DrtoolError as error:
        warning = f"{action.repository} could not be frozen, another machine may forget or prune meanwhile: {error.what}"
        doubtful = not written and isinstance(error, (TimedOut, Unavailable))  # it may be there although no answer came
        return Done("not frozen", {"hold": encode(hold) if written else None, "doubtful": doubtful, "warnings": [warning]})
    if all(point.point != action.point for point in listing.every_point):
        with contextlib.suppress(DrtoolError), soon(adapters):
            repository.append(release_of(hold, adapters))
        raise NotFound(
            f"the point {action.point} was forgotten in {action.repository} before it could be held",
            hint=f"choose again: drtool points {of_set} --refresh",
            safe="nothing was restored",
        )
    return Done("frozen", {"hold": encode(hold)})
