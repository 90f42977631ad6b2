"""What may stand where a name is asked for, as far as it is known here: nobody is asked, no key is read, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

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
    return _LISTED[kind](listings)


def _workloads(listings: Iterable[Listing]) -> dict[str, str]:
    found = {name: point.set for listing in listings for point in listing.points for name in point.workloads}
    return {name: f"of {where}" for name, where in sorted(found.items())[:MOST] if name.isprintable()}


def _machines(listings: Iterable[Listing]) -> dict[str, str]:
    found = (point.machine for listing in listings for point in listing.others)
    return {name: "machine" for name in sorted(set(found)) if name and name.isprintable()}


def _evidence(listings: Iterable[Listing]) -> dict[str, str]:
    found = {each.id: each for listing in listings for each in listing.evidence}
    newest = sorted(found.values(), key=lambda each: each.ended, reverse=True)[:MOST]
    return {each.id: f"{each.subject}, {spell_instant(each.ended)}" for each in newest}


def _points(listings: Iterable[Listing]) -> dict[str, str]:
    found = {point.point: point for listing in listings for point in listing.points}
    newest = sorted(found.values(), key=lambda point: point.instant, reverse=True)[:MOST]
    return {point.point: f"{point.set}, {spell_instant(point.instant)}" for point in newest}


def _holds(listings: Iterable[Listing]) -> dict[str, str]:
    return {hold.id: hold.reason for listing in listings for hold in listing.holds}


_LISTED: Final[Mapping[str, Callable[[Iterable[Listing]], dict[str, str]]]] = {
    "POINT": _points,
    "HOLD": _holds,
    "WORKLOAD": _workloads,
    "MACHINE": _machines,
    "EVIDENCE": _evidence,
}
"""What stands in what the repositories were last heard to hold."""
