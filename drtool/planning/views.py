"""What a person sees of the points in several repositories together, and which of them a name means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.errors import NotFound
from drtool.model.hold import Hold, active_holds
from drtool.model.inventory import Listing
from drtool.model.nearest import nearest
from drtool.model.point import RecoveryPoint
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.model.view import PointView
from drtool.planning.evidence import verified_points
from drtool.planning.names import LATEST, counted_back, fitting
from drtool.planning.others import others_called, refused_as_not_ours
from drtool.planning.words import spell_count


def view_points(listings: Mapping[str, Listing], *, now: datetime) -> tuple[PointView, ...]:
    """Return our points, newest first, each with the repositories that hold it."""
    points: dict[str, RecoveryPoint] = {}
    places: dict[str, list[str]] = {}
    broken: dict[str, list[str]] = {}
    unasked = {point.point for listing in listings.values() for point in listing.points if point.stored and point.unasked}
    read = {name: verified_points(listing, by=("verify",)) for name, listing in listings.items()}
    drilled = {name: verified_points(listing, by=("drill",)) for name, listing in listings.items()}
    for name, listing in listings.items():
        for point in listing.points:
            if point.point not in places:  # of two the one that is whole tells more
                points[point.point] = point
            (places if point.whole else broken).setdefault(point.point, []).append(name)
    active = holds_in_force(listings, now=now)
    ordered = sorted(points.values(), key=lambda point: (point.instant, point.point), reverse=True)
    return tuple(
        PointView(
            point,
            tuple(places.get(point.point, ())),
            tuple(name for name, points in read.items() if point.point in points),
            tuple(hold for hold in active if hold.set == point.set and hold.point in ("", point.point)),
            tuple(broken.get(point.point, ())),
            tuple(name for name, points in drilled.items() if point.point in points),
            unasked=point.point in unasked and point.point not in places,
        )
        for point in ordered
    )


def holds_in_force(listings: Mapping[str, Listing], *, now: datetime) -> tuple[Hold, ...]:
    """Return the holds in force in any repository: a release may not have reached all of them."""
    found = (hold for listing in listings.values() for hold in active_holds(listing.holds, now))
    return tuple({hold.id: hold for hold in sorted(found, key=lambda hold: hold.counts)}.values())  # of two with one id that of ours


def find_hold(name: str, listings: Mapping[str, Listing], *, now: datetime) -> Hold:
    """Return the hold in force of that id, or of a unique beginning of it; NotFound when there is none, or more than one."""
    holds = holds_in_force(listings, now=now)
    matches = [hold for hold in holds if hold.id == name] or [hold for hold in holds if hold.id.startswith(name)]
    if len(matches) != 1:
        told = f"{len(matches)} holds are called {name}" if matches else f"no hold is called {name}"
        raise NotFound(told, hint="drtool hold list")
    return matches[0]


def find_point(name: str, listings: Mapping[str, Listing], *, now: datetime) -> PointView:
    """Return a point by its id, the beginning or end of it, the name of its set (the newest complete one), or `latest`.

    `latest~1` is the complete one before that, `SET~2` the second before the newest of a set.
    Raises NotFound when there is none, or more than one, or when it is not ours.
    """
    views = view_points(listings, now=now)
    sets = {view.point.set for view in views}
    base, back = (name, 0) if name in sets else counted_back(name)
    if base in sets or base == LATEST:
        return _newest([view for view in views if base in (view.point.set, LATEST)], base, back=back, now=now)
    if not name:
        raise NotFound("an empty name names no point", hint="drtool points")
    names = set(fitting((view.point.point for view in views), name))
    matches = [view for view in views if view.point.point in names]
    others = () if matches else others_called(name, listings)
    if others:
        raise refused_as_not_ours(others)
    if len(matches) != 1:
        count = "no point is" if not matches else f"{len(matches)} points are"
        unread = [repository for repository, listing in listings.items() if listing.problem is not None]
        told = f"{', '.join(unread)} could not be read: drtool doctor" if unread else _nearest(name, sets)
        raise NotFound(f"{count} called {name}", hint=told)
    return matches[0]


def set_of_point(name: str, listings: Mapping[str, Listing], *, now: datetime) -> str:
    """Return the set of the point that a name means as in `find_point`, or of one in our name that is not ours and is named by its id."""
    try:
        return find_point(name, listings, now=now).point.set
    except NotFound:
        others = {view.point.set for view in others_called(name, listings)}
        if len(others) != 1 or fitting((view.point.point for view in view_points(listings, now=now)), name):
            raise
        return others.pop()


def newest_before(instant: datetime, set_name: str, listings: Mapping[str, Listing], *, now: datetime) -> PointView | None:
    """Return the newest complete point of a set before an instant; None when there is none."""
    before = (
        view for view in view_points(listings, now=now) if view.point.set == set_name and view.counts and view.point.instant < instant
    )
    return next(before, None)


def _newest(views: list[PointView], name: str, *, back: int, now: datetime) -> PointView:
    usable = [view for view in views if view.point.complete and view.point.instant <= now + FUTURE_TOLERANCE]
    if not usable:
        raise NotFound(f"there is no complete point for {name}", hint="drtool points shows what there is; name one by its id")
    if back >= len(usable):
        there = spell_count(len(usable), "complete point")
        raise NotFound(f"{name}~{back} names no point: there {'is' if len(usable) == 1 else 'are'} {there}", hint="drtool points")
    return usable[back]


def _nearest(name: str, sets: Iterable[str]) -> str:
    known = [*sets, LATEST]
    return f"drtool points lists them; a set's name or `{LATEST}` means its newest ({nearest(name, known, what='there are')})"
