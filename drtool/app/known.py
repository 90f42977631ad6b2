"""What may stand where a name is asked for, as far as it is known here: nobody is asked, no key is read, nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from drtool.app.runtime import Runtime
from drtool.catalog.index import Index
from drtool.catalog.runs import Runs
from drtool.model.inventory import Listing
from drtool.planning.words import spell_instant

MOST = 50
"""Of what there may be thousands of, the newest are named."""


def known_names(runtime: Runtime, kind: str) -> dict[str, str]:
    """Return the names of one kind (`SET`, `POINT`, `RUN` and so on, as the help of verbs writes them), each with what it is."""
    policy = runtime.policy
    plain: Mapping[str, Iterable[str]] = {
        "SET": policy.sets,
        "DRILL": policy.drills,
        "REPOSITORY": policy.repositories,
        "SOURCE": policy.sources,
        "SANDBOX": policy.sandboxes,
    }
    if kind in plain:
        return dict.fromkeys(plain[kind], kind.lower())
    if kind == "RUN":
        return {each.run: "run" for each in islice(Runs(runtime.state_directory).all(), MOST)}
    listings = Index(runtime.state_directory, policy.repositories).load().values()
    return _points(listings) if kind == "POINT" else _holds(listings)


def _points(listings: Iterable[Listing]) -> dict[str, str]:
    found = {point.point: point for listing in listings for point in listing.points}
    newest = sorted(found.values(), key=lambda point: point.instant, reverse=True)[:MOST]
    return {point.point: f"{point.set}, {spell_instant(point.instant)}" for point in newest}


def _holds(listings: Iterable[Listing]) -> dict[str, str]:
    return {hold.id: hold.reason for listing in listings for hold in listing.holds}
