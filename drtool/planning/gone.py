from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from drtool.model.gone_set import GoneSet
from drtool.model.inventory import Listing
from drtool.model.policy import Policy


def gone_sets(policy: Policy, listings: Mapping[str, Listing]) -> tuple[GoneSet, ...]:
    """Return the sets of this policy's name that have points and are not in it any more."""
    found: dict[str, dict[str, datetime]] = {}
    for listing in listings.values():
        for point in listing.points:
            if point.by == policy.name and point.set not in policy.sets:
                found.setdefault(point.set, {})[point.point] = point.instant
    return tuple(GoneSet(name, len(points), max(points.values())) for name, points in sorted(found.items()))
