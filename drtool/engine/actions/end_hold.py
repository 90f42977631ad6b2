from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import release_of, soon
from drtool.model.codec import decode
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.hold import Hold
from drtool.model.plan import Done, EndHold


def end_hold(work: Work, action: EndHold) -> Done:
    """Write the release record of a hold; one that cannot be written is told, as the hold ends by itself."""
    adapters = work.adapters
    placed = work.results.get(action.placed)
    hold = action.hold
    if isinstance(placed, Done) and placed.data.get("hold"):
        hold = decode(Hold, placed.data["hold"])
    if hold is None:
        return Done("there is nothing to release")
    try:
        with soon(adapters):
            adapters.repositories[action.repository].append(release_of(hold, adapters))
    except Interrupted:
        raise
    except DrtoolError as error:
        until = f"at {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else "when it is released"
        warning = f"the hold {hold.id} in {action.repository} could not be released and ends {until}: {error.what}"
        return Done("not released", {"warnings": [warning]})
    return Done("released", {"hold": hold.id})
