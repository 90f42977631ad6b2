from __future__ import annotations

from collections.abc import Iterable

from drtool.catalog import manifest as manifests
from drtool.engine.actions.work import Work
from drtool.engine.safeguard import LISTED_SECONDS, RECENT_SECONDS, own_points
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.hold import QUARANTINE, Hold, quarantines
from drtool.model.inventory import Listing
from drtool.model.looked import looked_at
from drtool.model.plan import Done, Guard, Seal, Store, Stored
from drtool.model.point import Member
from drtool.model.quarantine import Stop, beyond, in_one, measures, reasons_to_stop
from drtool.model.shrunk import newest_of_each, shrunk
from drtool.ports import Repository


def guard(work: Work, action: Guard) -> Done:
    """Ask whether a set's newest point looks wrong, and if so write a hold that stops its forgetting everywhere it is kept.

    The members are compared here alone: what was sealed before says of each how large it was, and a manifest has to be read for that.
    """
    adapters, plan, of_set = work.adapters, work.plan, work.step.set
    repository = adapters.repositories[action.repository]
    now = adapters.clock.now()
    listing = repository.list(maximum_age_seconds=RECENT_SECONDS)
    standing = quarantines(listing.holds, of_set, now)
    looked = looked_at(listing.holds, of_set, now=now)
    stops = reasons_to_stop(own_points(listing, of_set).values(), action.rules, point=action.point, now=now, looked=looked)
    shrunk_ones, unasked = _shrunk(work, action, listing)
    stops = (*shrunk_ones, *stops)
    told = [f"nothing of it is forgotten: {stop.words}" for stop in stops]
    wrong = [stop for stop in stops if stop.kind != "future"]
    warnings = [f"what {name} has of it could not be compared with the new point: {why}" for name, why in unasked.items() if why]
    if standing:
        hold = standing[0]
        since = f"; and since then {in_one(wrong)}" if wrong else ""
        told = [f"nothing of it is forgotten since {hold.created:%Y-%m-%d %H:%M} UTC: {hold.reason}{since}"]
    elif wrong:
        reason = in_one(wrong)
        hold = Hold(adapters.clock.fresh_id(), of_set, plan.policy, reason, now, kind=QUARANTINE, run=plan.run, machine=adapters.machine)
        repository.append(hold)
    elif stops:
        return Done("a point is dated in the future", {"stops": True, "reason": in_one(stops), "warnings": told})
    else:
        return Done("it looks as usual", {"warnings": warnings, "unasked": [*unasked]})
    for name in action.copies:
        warnings += _write(adapters.repositories[name], hold)
    told.append(f"when you have looked and it is right: drtool hold release {hold.id}")
    return Done("quarantined", {"stops": True, "hold": hold.id, "reason": hold.reason, "warnings": [*told, *warnings]})


def _shrunk(work: Work, action: Guard, listing: Listing) -> tuple[tuple[Stop, ...], dict[str, str]]:
    """Compare the members that this run stored with those of the points before, wherever these lie; return also what could not be asked.

    A repository that is new, or was made anew, has none of them: its copies do. What a plan did not store it does not compare. Of what
    could not be listed nothing is said here: the copying tells it.
    """
    stored, may_be_empty = _stored(work, action)
    if action.rules.shrinks_below is None or not stored:
        return (), {}
    listings, unasked = _listings(work, action, listing)
    of_set, now = work.step.set, work.adapters.clock.now()
    points = own_points(listing, of_set)
    further = beyond(points, action.point, {each.repository: own_points(each, of_set) for each in listings[1:]})
    looked = looked_at(tuple(hold for each in listings for hold in each.holds), of_set, now=now)
    known = (*points.values(), *(point for _name, point in further.values()))
    for earlier in measures(known, point=action.point, now=now, looked=looked):
        name = further[earlier.point][0] if earlier.point in further else action.repository
        try:
            before = manifests.read(work.adapters.repositories[name].read(earlier.manifest), digest=earlier.digest)
        except Interrupted:
            raise
        except DrtoolError as error:
            if name == action.repository:
                raise
            unasked[name] = error.what
            continue
        stops = shrunk(before, stored, action.rules, point=action.point, may_be_empty=may_be_empty)
        if stops:
            return stops, unasked
        stored = newest_of_each(stored, before)
    return (), unasked


def _listings(work: Work, action: Guard, listing: Listing) -> tuple[list[Listing], dict[str, str]]:
    """Return what is listed where the run stored, and in each copy that can be asked; the others by name."""
    found, unasked = [listing], dict[str, str]()
    for name in action.copies:
        try:
            found.append(work.adapters.repositories[name].list(maximum_age_seconds=LISTED_SECONDS))
        except Interrupted:
            raise
        except DrtoolError:
            unasked[name] = ""
    return found, unasked


def _stored(work: Work, action: Guard) -> tuple[list[Member], frozenset[str]]:
    """Return what this run stored for the point, and the names of that which may be empty."""
    seals = [step.action for step in work.plan.steps if isinstance(step.action, Seal) and step.action.point == action.point]
    stores = {step for seal in seals for step in seal.stores.values()}
    members = [result.member for step in stores if isinstance(result := work.results.get(step), Stored)]
    workloads: Iterable[Store] = (step.action for step in work.plan.steps if step.id in stores and isinstance(step.action, Store))
    return members, frozenset(each.workload.name for each in workloads if each.workload.may_be_empty)


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
