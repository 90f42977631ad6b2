from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import RECENT_SECONDS, own_points
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.hold import QUARANTINE, Hold, looked_at, quarantines
from drtool.model.plan import Done, Guard
from drtool.model.quarantine import reasons_to_stop
from drtool.ports import Repository


def guard(work: Work, action: Guard) -> Done:
    """Ask whether a set's newest point looks wrong, and if so write a hold that stops its forgetting everywhere it is kept."""
    adapters, plan, of_set = work.adapters, work.plan, work.step.set
    repository = adapters.repositories[action.repository]
    now = adapters.clock.now()
    listing = repository.list(maximum_age_seconds=RECENT_SECONDS)
    standing = quarantines(listing.holds, of_set, now)
    stops = reasons_to_stop(
        own_points(listing, of_set).values(), action.rules, point=action.point, now=now, looked=looked_at(listing.holds, of_set)
    )
    told = [f"nothing of it is forgotten: {stop.words}" for stop in stops]
    wrong = [stop for stop in stops if stop.kind != "future"]
    warnings: list[str] = []
    if standing:
        hold = standing[0]
        told = [f"nothing of it is forgotten since {hold.created:%Y-%m-%d %H:%M} UTC: {hold.reason}"]
    elif wrong:
        reason = "; ".join(stop.words for stop in wrong)
        hold = Hold(adapters.clock.fresh_id(), of_set, plan.policy, reason, now, kind=QUARANTINE, run=plan.run, machine=adapters.machine)
        warnings += _write(repository, hold)
    else:
        return Done("it looks as usual" if not stops else "a point is dated in the future", {"warnings": told})
    for name in action.copies:
        warnings += _write(adapters.repositories[name], hold)
    told.append(f"when you have looked and it is right: drtool hold release {hold.id}")
    return Done("quarantined", {"hold": hold.id, "reason": hold.reason, "warnings": [*told, *warnings]})


def _write(repository: Repository, hold: Hold) -> list[str]:
    """Write a hold where it is not known yet; what stands in the way is told, as every forgetting asks the same questions again."""
    try:
        if all(known.id != hold.id for known in repository.list(maximum_age_seconds=RECENT_SECONDS).holds):
            repository.append(hold)
    except Interrupted:
        raise
    except DrtoolError as error:
        return [f"the hold could not be written to {repository.name}: {error.what}"]
    return []
