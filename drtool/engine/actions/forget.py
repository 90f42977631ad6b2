from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import own_points, require_unchanged
from drtool.engine.unclaim import unclaim
from drtool.model.errors import Conflict
from drtool.model.hold import spent_pins
from drtool.model.inventory import Listing
from drtool.model.looked import looked_at
from drtool.model.plan import Done, Forget, Forgotten, Guard, Verdict
from drtool.model.quarantine import reasons_to_stop
from drtool.planning.believed import believed, standing_holds
from drtool.planning.evidence import damage, verified_points
from drtool.planning.late import verdicts_for_another
from drtool.planning.retention import verdicts


def forget(work: Work, action: Forget) -> Forgotten:
    """Remove points by their ids, after a listing taken now: what is held, or looks wrong, stays; Refused when that misses something."""
    adapters, of_set = work.adapters, work.step.set
    repository = adapters.repositories[action.repository]
    now = adapters.clock.now()
    listing = repository.list()
    require_unchanged(listing, "nothing is forgotten there")
    points = {point.point: point for point in listing.points}
    if action.expected and action.expected not in points:
        raise Conflict(f"the point {action.expected} is not sealed in {action.repository}, so nothing is forgotten there")
    stops = reasons_to_stop(
        own_points(listing, of_set).values(), action.rules, point=action.expected, now=now, looked=looked_at(listing.holds, of_set, now=now)
    )
    why = stops[0].words if stops else _why_guarded(work, action.repository)
    if why:
        return Forgotten((), dict.fromkeys(action.points, why))
    own = own_points(listing, of_set).values()
    holds = standing_holds(listing.holds, own, now=now)
    kept = {name: hold.reason for name in action.points for hold in holds if hold.set == of_set and hold.point in ("", name)}
    # The plan took the new point for complete and whole, and other points for what they were then.
    kept |= {each.point: ", ".join(each.reasons) for each in _judged(work, action, listing) if each.reasons and each.point in action.points}
    # What a platform keeps goes before the claim on it: killed in between, the next run forgets the rest.
    native = unclaim(
        adapters,
        action.repository,
        (points[name] for name in action.points if name in points and name not in kept),
        by=believed(own, now=now),
    )
    kept |= native
    forgotten = tuple(name for name in action.points if name in points and name not in kept)
    if forgotten:
        pins = spent_pins(listing.holds, now, by=work.plan.policy, machine=adapters.machine)
        repository.forget(forgotten, pins=pins)
    return Forgotten(forgotten, kept, tuple(f"{name} stays in {action.repository}: {reason}" for name, reason in native.items()))


def _why_guarded(work: Work, repository: str) -> str:
    """Return what this run's own look at the new point says against forgetting: it alone compares members, and no hold has to arrive."""
    for step in work.plan.steps:
        if isinstance(step.action, Guard) and step.set == work.step.set:
            seen = work.results.get(step.id)
            if not isinstance(seen, Done):
                return "the new point could not be compared with those before it"
            if seen.data.get("stops"):
                return str(seen.data["reason"])
            if repository in seen.data.get("unasked", ()):
                return "what it has could not be compared with the new point"
    return ""


def _judged(work: Work, action: Forget, listing: Listing) -> tuple[Verdict, ...]:
    adapters, of_set = work.adapters, work.step.set
    backup_set, own = adapters.policy.sets.get(of_set), own_points(listing, of_set)
    if backup_set is None:
        return ()
    keep, now = adapters.policy.retention_in(backup_set, listing.repository), adapters.clock.now()
    if action.late is not None:  # what came since the plan was made may have come late as well
        late = {*action.late, *(own.keys() - {each.point for each in work.plan.verdicts})}
        return verdicts_for_another(own.values(), keep, listing=listing, set=of_set, now=now, late=late)
    return verdicts(
        own.values(),
        keep,
        repository=listing.repository,
        set=of_set,
        now=now,
        verified=verified_points(listing),
        damaged=damage(listing) is not None,
    )
