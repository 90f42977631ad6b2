from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.errors import Conflict, NotFound
from drtool.model.inventory import Listing
from drtool.model.point import FUTURE_TOLERANCE, RecoveryPoint
from drtool.planning.names import fitting
from drtool.planning.words import spell_instant

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ChosenPoint:
    """The point to restore, the repositories that hold it in order of preference, and what a listing tells of it."""

    point: str
    copies: tuple[str, ...]
    recovery_point: RecoveryPoint


def choose_point(
    listings: Mapping[str, Listing],
    *,
    set: str,  # noqa: A002 - the vocabulary's word
    by: str = "",
    point: str | None = None,
    at: datetime | None = None,
    now: datetime,
    workloads: Iterable[str] = (),
) -> ChosenPoint:
    """Choose the point of a set to restore: the newest that is complete, whole somewhere, and not dated in the future.

    The order of `listings` is the order of preference; those that could not be read, or do not hold the point whole, come last. `point` is
    an id, its beginning, its end, or both around an ellipsis; `at` asks for the newest at or before it. A point that is partial, or whole
    nowhere, is chosen only by name, or when a repository lists all the `workloads` asked for. An empty `by` takes points of any policy.
    Raises NotFound with what there is, Conflict when two repositories tell different things of one point.
    """
    readable_first = sorted(listings.items(), key=lambda item: item[1].problem is not None)
    places: dict[str, dict[str, RecoveryPoint]] = {}
    for repository, listing in readable_first:
        for found in listing.points:
            if found.set == set and by in ("", found.by):
                places.setdefault(found.point, {}).setdefault(repository, found)
    asked = frozenset(workloads)
    # What can be restored from a repository is what this listing has of it, not what the manifest tells.
    places = {name: dict(sorted(held.items(), key=lambda item: _rank(item[1], asked))) for name, held in places.items()}
    every = sorted((next(iter(held.values())) for held in places.values()), key=_age, reverse=True)
    if not every:
        raise NotFound(f"there is no recovery point of {set}", hint=_nothing_there(listings, set, by=by))
    chosen = _by_name(every, point, set_name=set) if point else _newest(every, set_name=set, at=at, now=now, workloads=asked)
    held = places[chosen.point]
    if len({(found.digest, found.instant, found.complete) for found in held.values()}) > 1:
        raise Conflict(
            f"{' and '.join(held)} tell different things of the point {chosen.point}",
            hint=f"restore from the one you trust: `drtool restore {set} --point {chosen.point} --repository NAME`",
            safe="nothing was restored",
        )
    return ChosenPoint(point=chosen.point, copies=tuple(held), recovery_point=chosen)


def _rank(held: RecoveryPoint, workloads: frozenset[str]) -> tuple[bool, bool, int]:
    return (not held.whole, not _holds_all(held, workloads), held.lacking)


def _age(point: RecoveryPoint) -> tuple[datetime, str]:
    return (point.instant, point.point)


def _nothing_there(listings: Mapping[str, Listing], set_name: str, *, by: str) -> str:
    unread = [name for name, listing in listings.items() if listing.problem is not None]
    if unread:
        return f"{', '.join(unread)} could not be read: `drtool doctor`"
    others = sorted({found.by for listing in listings.values() for found in listing.points if found.set == set_name})
    if others:
        return f"there are points of {set_name} by {', '.join(others)}, this policy is named {by}"
    names = sorted({found.set for listing in listings.values() for found in listing.points})
    return f"there are points of {', '.join(names)}" if names else f"`drtool run {set_name}` makes the first one"


def _by_name(every: list[RecoveryPoint], text: str, *, set_name: str) -> RecoveryPoint:
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
        words = f", and {len(broken)} of them not whole: data is gone" if broken else ""
        raise NotFound(
            f"{set_name} has only partial points{words}" if len(broken) < len(past) else f"{set_name} has only points that are not whole",
            hint=f"`drtool restore {set_name} --point {past[0].point}` takes what is in the newest: {_shown(past)}",
        )
    raise NotFound(
        f"every point of {set_name} is dated in the future",
        hint=f"look at the clock of this machine, or name one with --point: {_shown(every)}",
    )


def _holds_all(found: RecoveryPoint, workloads: frozenset[str]) -> bool:
    return bool(workloads) and workloads <= {item.workload for item in found.data}
