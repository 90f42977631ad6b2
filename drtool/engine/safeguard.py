"""What may be taken away: freezes of restores, quarantines, and the forgetting and pruning that respect them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from drtool import process
from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.codec import decode, encode
from drtool.model.errors import Conflict, DrtoolError, Interrupted, Locked, NotFound, Refused
from drtool.model.hold import FREEZE, QUARANTINE, Hold, active_holds, ending, frozen_by, looked_at, quarantines
from drtool.model.inventory import Listing
from drtool.model.plan import Done, Forgotten, Plan, Result, Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.quarantine import reasons_to_stop
from drtool.planning.evidence import damage, verified_points
from drtool.planning.memory import spell_vanished
from drtool.planning.retention import verdicts
from drtool.ports import Repository

RECENT_SECONDS = 5.0
HOLD_SECONDS = 20.0
"""A record is a courtesy to others: in an incident nobody waits longer for it."""


def place_hold(hands: Hands, plan: Plan, action: actions.PlaceHold, *, set: str) -> Done:  # noqa: A002 - the vocabulary's word
    """Write a freeze and look again whether the point still exists.

    When it cannot be written (a key that may only read, a full disk, no answer) that is told and the restore goes on; NotFound
    when the point was forgotten meanwhile.
    """
    repository = hands.repositories[action.repository]
    hold = Hold(action.id, set, plan.policy, action.reason, hands.clock.now(), action.until, action.point, kind=FREEZE, run=plan.run)
    hold = replace(hold, machine=hands.machine)
    written = False
    try:
        with _soon(hands):
            repository.append(hold)
            written = True
            listing = repository.list()
    except Interrupted:
        raise
    except DrtoolError as error:
        warning = f"{action.repository} could not be frozen, another machine may forget or prune meanwhile: {error.what}"
        return Done("not frozen", {"hold": encode(hold) if written else None, "warnings": [warning]})
    if all(point.point != action.point for point in listing.every_point):
        with contextlib.suppress(DrtoolError), _soon(hands):
            repository.append(_release_of(hold, hands))
        raise NotFound(
            f"the point {action.point} was forgotten in {action.repository} before it could be held",
            hint=f"choose again: drtool points {set} --refresh",
            safe="nothing was restored",
        )
    return Done("frozen", {"hold": encode(hold)})


def end_hold(hands: Hands, plan: Plan, action: actions.EndHold, *, placed: Result | None) -> Done:
    """Write the release record of a hold; one that cannot be written is told, as the hold ends by itself."""
    del plan
    hold = action.hold
    if isinstance(placed, Done) and placed.data.get("hold"):
        hold = decode(Hold, placed.data["hold"])
    if hold is None:
        return Done("there is nothing to release")
    try:
        with _soon(hands):
            hands.repositories[action.repository].append(_release_of(hold, hands))
    except Interrupted:
        raise
    except DrtoolError as error:
        until = f"at {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else "when it is released"
        warning = f"the hold {hold.id} in {action.repository} could not be released and ends {until}: {error.what}"
        return Done("not released", {"warnings": [warning]})
    return Done("released", {"hold": hold.id})


def guard(hands: Hands, plan: Plan, action: actions.Guard, *, set: str) -> Done:  # noqa: A002 - the vocabulary's word
    """Ask whether a set's newest point looks wrong, and if so write a hold that stops its forgetting everywhere it is kept."""
    repository = hands.repositories[action.repository]
    now = hands.clock.now()
    listing = repository.list(maximum_age_seconds=RECENT_SECONDS)
    standing = quarantines(listing.holds, set, now)
    stops = reasons_to_stop(_own(listing, set).values(), action.rules, point=action.point, now=now, looked=looked_at(listing.holds, set))
    told = [f"nothing of it is forgotten: {stop.words}" for stop in stops]
    wrong = [stop for stop in stops if stop.kind != "future"]
    warnings: list[str] = []
    if standing:
        hold = standing[0]
        told = [f"nothing of it is forgotten since {hold.created:%Y-%m-%d %H:%M} UTC: {hold.reason}"]
    elif wrong:
        reason = "; ".join(stop.words for stop in wrong)
        hold = Hold(hands.clock.fresh_id(), set, plan.policy, reason, now, kind=QUARANTINE, run=plan.run, machine=hands.machine)
        warnings += _write(repository, hold)
    else:
        return Done("it looks as usual" if not stops else "a point is dated in the future", {"warnings": told})
    for name in action.copies:
        warnings += _write(hands.repositories[name], hold)
    told.append(f"when you have looked and it is right: drtool hold release {hold.id}")
    return Done("quarantined", {"hold": hold.id, "reason": hold.reason, "warnings": [*told, *warnings]})


def forget(hands: Hands, action: actions.Forget, *, set: str) -> Forgotten:  # noqa: A002 - the vocabulary's word
    """Remove points by their ids, after a listing taken now: what is held, or looks wrong, stays; Refused when that misses something."""
    repository = hands.repositories[action.repository]
    now = hands.clock.now()
    listing = repository.list()
    _require_unchanged(listing, "nothing is forgotten there")
    points = {point.point: point for point in listing.points}
    if action.expected and action.expected not in points:
        raise Conflict(f"the point {action.expected} is not sealed in {action.repository}, so nothing is forgotten there")
    stops = reasons_to_stop(_own(listing, set).values(), action.rules, point=action.expected, now=now, looked=looked_at(listing.holds, set))
    if stops:
        return Forgotten((), dict.fromkeys(action.points, stops[0].words))
    holds = active_holds(listing.holds, now)
    kept = {name: hold.reason for name in action.points for hold in holds if hold.set == set and hold.point in ("", name)}
    # The plan took the new point for complete and whole, and other points for what they were then.
    kept |= {each.point: ", ".join(each.reasons) for each in _judged(hands, listing, set) if each.reasons and each.point in action.points}
    forgotten = tuple(name for name in action.points if name in points and name not in kept)
    if forgotten:
        repository.forget(forgotten)
    return Forgotten(forgotten, kept)


def prune(hands: Hands, action: actions.Prune) -> Done:
    """Free space, unless a restore reads from there: it takes no lock, so what is moved under it would be missing.

    Refused while a point of ours is not whole there: nothing claims the data that vanished, and pruning is what destroys it.
    """
    repository = hands.repositories[action.repository]
    listing = repository.list()
    _require_unchanged(listing, "it is not pruned")
    frozen = frozen_by(listing.holds, hands.clock.now())
    if frozen:
        hold = frozen[0]
        raise Locked(
            f"the repository {action.repository} is not pruned: {hold.reason}",
            hint=f"wait for it; if it is over: drtool hold release {hold.id}",
            safe="nothing was removed",
        )
    broken = [point for point in listing.points if not point.whole]
    if broken:
        told = f"{broken[0].point} of {broken[0].set}" + (f" and {len(broken) - 1} more" if len(broken) > 1 else "")
        raise Refused(
            f"the repository {action.repository} is not pruned: data of {told} is not listed, and what may be left of it would go for good",
            hint=f"bring it again: drtool copy {broken[0].set}; once you hold it lost: restic forget {broken[0].manifest[:8]}"
            f" and drtool rebuild --accept {action.repository}",
            safe="nothing was removed",
        )
    repository.prune()
    return Done("pruned")


def _judged(hands: Hands, listing: Listing, set: str) -> tuple[Verdict, ...]:  # noqa: A002 - the vocabulary's word
    backup_set = hands.policy.sets.get(set)
    if backup_set is None:
        return ()
    return verdicts(
        _own(listing, set).values(),
        hands.policy.retention_in(backup_set, listing.repository),
        repository=listing.repository,
        set=set,
        now=hands.clock.now(),
        verified=verified_points(listing),
        damaged=damage(listing) is not None,
    )


def _require_unchanged(listing: Listing, done: str) -> None:
    """Refuse to take anything away while something that should be there is not listed: a stale listing makes good data look unclaimed."""
    told = spell_vanished(listing.repository, listing.vanished)
    if told:
        raise Refused(
            f"{told[0]}; {done}",
            hint=f"drtool doctor {listing.repository}",
            safe="nothing was removed",
        )


def _own(listing: Listing, set: str) -> dict[str, RecoveryPoint]:  # noqa: A002 - the vocabulary's word
    return {point.point: point for point in listing.points if point.set == set}


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


def _release_of(hold: Hold, hands: Hands) -> Hold:
    return ending(hold, id=hands.clock.fresh_id(), created=hands.clock.now(), machine=hands.machine)


@contextlib.contextmanager
def _soon(hands: Hands) -> Iterator[None]:
    """Let what runs in here end soon, whatever the step's own deadline."""
    current = process.current_scope()
    limit = hands.clock.monotonic() + HOLD_SECONDS
    with process.scope(replace(current, deadline=limit if current.deadline is None else min(limit, current.deadline))):
        yield
