"""What may be newer than a point that was chosen, as it lies where nobody answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.planning.names import LATEST, counted_back
from drtool.planning.words import spell_duration, spell_instant


def tell_unlisted(
    listings: Mapping[str, Listing], remembered: Mapping[str, Listing], chosen: RecoveryPoint, *, until: datetime
) -> tuple[str, ...]:
    """Name each repository that could not be listed, and the newest point of the set that was known there if it is newer than `chosen`.

    `remembered` are the listings before these; of what they tell nothing after `until` counts. Where the newest known there is not newer,
    one may have come since: that is said.
    """
    silent = ((name, listing.problem.what) for name, listing in listings.items() if listing.problem is not None)
    return tuple(_told(name, why, _newest(remembered.get(name), chosen.set, until), chosen) for name, why in silent)


def counts_from_newest(name: str | None, set_name: str) -> bool:
    """Tell whether a name means what is newest, or one counted back from that: another point is meant once a newer one is known."""
    return name is None or counted_back(name)[0] in (LATEST, set_name)


def _told(name: str, why: str, newest: RecoveryPoint | None, chosen: RecoveryPoint) -> str:
    silent = f"{name} could not be listed ({why})"
    if newest is None or newest.instant <= chosen.instant:
        return f"{silent}: whether it holds a newer point of {chosen.set} than {chosen.point} is not known; drtool doctor {name}"
    newer = spell_duration(newest.instant - chosen.instant)
    return (
        f"{silent}, and its newest known point of {chosen.set}, {newest.point} of {spell_instant(newest.instant)}, is {newer} newer than "
        f"{chosen.point}: bring {name} back (mount its disk; drtool doctor {name}) and type the same again, or go on with the older one"
    )


def _newest(remembered: Listing | None, set_name: str, until: datetime) -> RecoveryPoint | None:
    points: Iterable[RecoveryPoint] = () if remembered is None else remembered.points
    usable = (each for each in points if each.set == set_name and each.counts and each.instant <= until)
    return max(usable, key=lambda each: (each.instant, each.point), default=None)
