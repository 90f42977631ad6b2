from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import release_of, soon
from drtool.model.codec import decode
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.event import EventKind
from drtool.model.hold import Hold, active_holds
from drtool.model.plan import Done, EndHold, PlaceHold


def end_hold(work: Work, action: EndHold) -> Done:
    """Write the release record of a hold; one that cannot be written is told, as the hold ends by itself."""
    adapters = work.adapters
    hold = action.hold
    try:
        with soon(adapters):
            hold = hold or _placed(work, action)
            if hold is None:
                return Done("there is nothing to release")
            adapters.repositories[action.repository].append(release_of(hold, adapters))
    except Interrupted:
        raise
    except DrtoolError as error:
        return Done("not released", {"warnings": [_left(hold, action.repository, error)]})
    return Done("released", {"hold": hold.id})


def _placed(work: Work, action: EndHold) -> Hold | None:
    """Return the hold that a step placed, as it told, or as it lies there: a step that was stopped may have written it all the same."""
    placed = work.results.get(action.placed)
    if isinstance(placed, Done) and placed.data.get("hold"):
        return decode(Hold, placed.data["hold"])
    doubtful = placed.data.get("doubtful") if isinstance(placed, Done) else _was_begun(work, action.placed)
    if not doubtful:
        return None
    meant = next((step.action for step in work.plan.steps if step.id == action.placed), None)
    if not isinstance(meant, PlaceHold):
        return None
    adapters = work.adapters
    active = active_holds(adapters.repositories[action.repository].list().holds, adapters.clock.now())
    return next((hold for hold in active if (hold.id, hold.run) == (meant.id, work.plan.run)), None)


def _was_begun(work: Work, step: str) -> bool:
    return any(event.kind is EventKind.STEP_STARTED and event.step == step for event in work.events())


def _left(hold: Hold | None, repository: str, error: DrtoolError) -> str:
    if hold is None:
        return f"whether {repository} was left with a hold of this run is not known ({error.what}): drtool sweep ends it"
    until = f"at {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else "when it is released"
    return f"the hold {hold.id} in {repository} could not be released and ends {until}: {error.what}"
