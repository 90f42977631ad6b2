from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.errors import Conflict, NotFound
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Standing
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.names import LATEST, counted_back, fitting
from drtool.planning.words import spell_instant

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ChosenPoint:
    """The point to restore, the repositories that hold it in order of preference, and what a listing tells of it."""

    point: str
    copies: tuple[str, ...]
    recovery_point: RecoveryPoint
    passed_over: tuple[RecoveryPoint, ...] = ()
    """Newer ones in our name that do not count here, newest first: a person may want to know of them."""
    complete: RecoveryPoint | None = None
    """The newest complete one of the past, where this one is partial."""
    unlisted: tuple[str, ...] = ()
    """What may be newer, in words: one for each repository that was asked and could not be listed."""

    @property
    def standing(self) -> str:
        """What the point is to us when it is not ours; empty: it is."""
        return self.recovery_point.standing


def choose_point(
    listings: Mapping[str, Listing],
    *,
    set: str,  # noqa: A002 - the vocabulary's word
    by: str = "",
    point: str | None = None,
    at: datetime | None = None,
    now: datetime,
    workloads: Iterable[str] = (),
    signers: frozenset[str] = frozenset(),
) -> ChosenPoint:
    """Choose the point of a set to restore: the newest that is complete, whole somewhere, and not dated in the future.

    The order of `listings` is the order of preference; those that could not be read, or do not hold the point whole, come last. `point` is
    an id, its beginning, its end, or both around an ellipsis, or `latest`, `latest~1` and so on; `at` asks for the newest at or before it.
    A point that is partial, or whole nowhere, is chosen only by name, or when a repository lists all the `workloads` asked for. Only what
    counts here is chosen, and with `signers` what these sealed on any machine of our name; by name also what another machine or a stranger
    sealed in the name `by`.
    Raises NotFound with what there is, Conflict when two repositories tell different things of one point.
    """
    readable_first = sorted(listings.items(), key=lambda item: item[1].problem is not None)
    asked = frozenset(workloads)
    places = _places(set, [(name, (*listing.points, *_of(listing, by, signers))) for name, listing in readable_first], asked)
    every = _newest_first(places)
    left_aside = _places(set, [(name, _of(listing, by)) for name, listing in readable_first], asked)
    left_aside = {name: held for name, held in left_aside.items() if name not in places}
    if point and not fitting((found.point for found in every), point) and fitting(left_aside, point):
        places, every = left_aside, _newest_first(left_aside)
    if not every:
        raise NotFound(f"there is no recovery point of {set}", hint=_nothing_there(listings, set, by=by))
    chosen = _by_name(every, point, set_name=set, now=now) if point else _newest(every, set_name=set, at=at, now=now, workloads=asked)
    held = places[chosen.point]
    if len({(found.digest, found.instant, found.complete) for found in held.values()}) > 1:
        raise Conflict(
            f"{' and '.join(held)} tell different things of the point {chosen.point}",
            hint=f"restore from the one you trust: `drtool restore {set} --point {chosen.point} --repository NAME`",
            safe="nothing was restored",
        )
    newer = tuple(each for each in _newest_first(left_aside) if _age(each) > _age(chosen)) if point is None and at is None else ()
    whole = None if chosen.complete else next((each for each in every if each.counts and each.instant <= now + FUTURE_TOLERANCE), None)
    return ChosenPoint(point=chosen.point, copies=tuple(held), recovery_point=chosen, passed_over=newer, complete=whole)


def name_older(point: RecoveryPoint, listings: Mapping[str, Listing]) -> str:
    """Say how the point before one that cannot be read is taken; empty when there is none."""
    every = (each for listing in listings.values() for each in listing.points)
    older = [each for each in every if each.set == point.set and each.counts and _age(each) < _age(point)]
    found = max(older, key=_age, default=None)
    return f"or the point before it, of {spell_instant(found.instant)}: --point {found.point}" if found is not None else ""


def _of(listing: Listing, by: str, signers: frozenset[str] | None = None) -> list[RecoveryPoint]:
    """Return what is in our name and not ours; of `signers` only."""
    wanted = (each for each in listing.others if each.by == by)
    return [each for each in wanted if signers is None or (each.signer in signers and each.standing != Standing.RETIRED)]


def _places(
    set_name: str, listed: Iterable[tuple[str, Iterable[RecoveryPoint]]], asked: frozenset[str]
) -> dict[str, dict[str, RecoveryPoint]]:
    places: dict[str, dict[str, RecoveryPoint]] = {}
    for repository, points in listed:
        for found in points:
            if found.set == set_name:
                places.setdefault(found.point, {}).setdefault(repository, found)
    # What can be restored from a repository is what this listing has of it, not what the manifest tells.
    return {name: dict(sorted(held.items(), key=lambda item: _rank(item[1], asked))) for name, held in places.items()}


def _newest_first(places: Mapping[str, Mapping[str, RecoveryPoint]]) -> list[RecoveryPoint]:
    return sorted((next(iter(held.values())) for held in places.values()), key=_age, reverse=True)


def _rank(held: RecoveryPoint, workloads: frozenset[str]) -> tuple[bool, bool, int]:
    return (not held.whole, not _holds_all(held, workloads), held.lacking)


def _age(point: RecoveryPoint) -> tuple[datetime, str]:
    return (point.instant, point.point)


def _nothing_there(listings: Mapping[str, Listing], set_name: str, *, by: str) -> str:
    unread = [name for name, listing in listings.items() if listing.problem is not None]
    if unread:
        return f"{', '.join(unread)} could not be read: `drtool doctor`"
    others = [found for listing in listings.values() for found in listing.others if found.set == set_name]
    machines = sorted({found.machine for found in others if found.by == by and found.standing == Standing.ANOTHER_MACHINE})
    if machines:
        return f"another machine made points of it, {', '.join(machines)}: if it is gone, `drtool adopt {machines[0]}` takes them over"
    if any(found.by == by for found in others):
        return f"there are points of it that nobody of ours sealed: `drtool points {set_name}` shows them, `--point` takes one"
    names = sorted({found.by for found in others})
    if names:
        return f"there are points of {set_name} by {', '.join(names)}, this policy is named {by}"
    names = sorted({found.set for listing in listings.values() for found in listing.points})
    return f"there are points of {', '.join(names)}" if names else f"`drtool run {set_name}` makes the first one"


def _by_name(every: list[RecoveryPoint], text: str, *, set_name: str, now: datetime) -> RecoveryPoint:
    base, back = counted_back(text)
    usable = [found for found in every if found.counts and found.instant <= now + FUTURE_TOLERANCE]
    if base in (LATEST, set_name) and back < len(usable):
        return usable[back]
    names = set(fitting((found.point for found in every), text))
    matches = [found for found in every if found.point in names]
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(found.point for found in matches[:_SHOWN])
        raise NotFound(f"`{text}` fits {len(matches)} points of {set_name}", hint=f"name one of them: {shown}")
    raise NotFound(f"{set_name} has no point `{text}`", hint=f"the newest are {_shown(every)}")


def _shown(points: list[RecoveryPoint]) -> str:
    return ", ".join(f"{found.point} of {spell_instant(found.instant)}" for found in points[:_SHOWN])


def _newest(every: list[RecoveryPoint], *, set_name: str, at: datetime | None, now: datetime, workloads: frozenset[str]) -> RecoveryPoint:
    past = [found for found in every if found.instant <= now + FUTURE_TOLERANCE]
    usable = [found for found in past if found.counts or _holds_all(found, workloads)]
    early_enough = [found for found in usable if at is None or found.instant <= at]
    if early_enough:
        return early_enough[0]
    if usable and at is not None:
        oldest = usable[-1]
        raise NotFound(
            f"{set_name} has no complete point at or before {spell_instant(at)}",
            hint=f"the oldest is {oldest.point} of {spell_instant(oldest.instant)}",
        )
    if past:
        broken = [found for found in past if not found.whole]
        unasked = all(found.stored and found.unasked and not found.native.gone for found in broken)
        why = "a platform that keeps a part was not there to be asked" if unasked else "data is gone"
        words = f", and {len(broken)} of them not whole: {why}" if broken else ""
        only = f"{set_name} has only points that are not whole{f': {why}' if unasked else ''}"
        raise NotFound(
            f"{set_name} has only partial points{words}" if len(broken) < len(past) else only,
            hint=f"`drtool restore {set_name} --point {past[0].point}` takes what is in the newest: {_shown(past)}",
        )
    raise NotFound(
        f"every point of {set_name} is dated in the future",
        hint=f"look at the clock of this machine, or name one with --point: {_shown(every)}",
    )


def _holds_all(found: RecoveryPoint, workloads: frozenset[str]) -> bool:
    return bool(workloads) and workloads <= {*found.workloads} - {*found.native.lacking}
