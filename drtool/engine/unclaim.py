"""Giving up what a platform keeps of points that are forgotten: first the store forgets what drtool made, then the claim goes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.engine.adapters import Adapters
from drtool.engine.natives import store_named
from drtool.engine.observe import list_repository
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.hold import active_holds
from drtool.model.inventory import Listing
from drtool.model.native import Claims, NativePlace
from drtool.model.point import RecoveryPoint

_STAYS = "drtool run tries again"


def unclaim(adapters: Adapters, repository: str, points: Iterable[RecoveryPoint], *, by: datetime) -> dict[str, str]:
    """Let stores forget what only these points name, oldest first; returns the points that must stay, each with the reason.

    What another manifest names stays at its store, and what a user's own job made as well: only the claim goes. Where that cannot be told,
    or a store does not forget, the claim stays too, so that nothing of ours is ever left without one. Nothing frees the space later: what
    a store forgets is gone at once, so every repository is listed again first, and a hold in any of them keeps it that is not
    over by the date `by`.
    """
    kept: dict[str, str] = {}
    given_up: set[str] = set()
    listings: tuple[Listing, ...] = ()
    for point in sorted((each for each in points if each.natives), key=lambda each: (each.instant, each.point)):
        places = adapters.natives.places(point, adapters.repositories[repository])
        if places is None:
            kept[point.point] = f"its manifest cannot be read, and names what a platform keeps: {_STAYS}"
            continue
        given_up.add(point.manifest)
        made = [place for place in places if place.made]
        if not made:
            continue
        listings = listings or tuple(list_repository(adapters, name) for name in adapters.repositories)
        claims = adapters.natives.claims(listings, adapters.repositories, but=given_up)
        reason = _held(listings, point, by=by) or _forget(adapters, made, claims, listings)
        if reason:
            given_up.discard(point.manifest)
            kept[point.point] = reason
    return kept


def _held(listings: Iterable[Listing], point: RecoveryPoint, *, by: datetime) -> str:
    holds = (hold for each in listings for hold in active_holds(each.holds, by))
    return next((hold.reason for hold in holds if hold.set == point.set and hold.point in ("", point.point)), "")


def _forget(adapters: Adapters, places: Iterable[NativePlace], claims: Claims | None, listings: Iterable[Listing]) -> str:
    """Let stores forget what nothing else names; returns why one did not, or may not."""
    if claims is None:
        unread = [each.repository for each in listings if each.problem is not None or each.vanished]
        return f"whether {' and '.join(unread) or 'another point'} names what a platform keeps of it is not known: {_STAYS}"
    for place in places:
        if place.identity in claims:
            continue
        try:
            store_named(adapters.stores, place).forget(place)
        except Interrupted:
            raise
        except DrtoolError as error:
            return f"{place.store} does not forget {place.locator}: {error.what}"
    return ""
