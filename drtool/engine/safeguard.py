"""What may be taken away: pins of restores, quarantines, and the forgetting and pruning that respect them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from drtool import process
from drtool.engine.adapters import Adapters
from drtool.model.errors import Refused
from drtool.model.hold import Hold, ending
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.planning.memory import spell_vanished

RECENT_SECONDS = 5.0
LISTED_SECONDS = 3600.0
"""Old enough for what was there before this run, as its plan listed it."""
HOLD_SECONDS = 20.0
"""A record is a courtesy to others: in an incident nobody waits longer for it."""


def require_unchanged(listing: Listing, done: str) -> None:
    """Refuse to take anything away while something that should be there is not listed: a stale listing makes good data look unclaimed."""
    told = spell_vanished(listing.repository, listing.vanished)
    if told:
        raise Refused(
            f"{told[0]}; {done}",
            hint=f"drtool doctor {listing.repository}",
            safe="nothing was removed",
        )


def own_points(listing: Listing, set: str) -> dict[str, RecoveryPoint]:  # noqa: A002 - the vocabulary's word
    """Return the points of a set that count, by their names."""
    return {point.point: point for point in listing.points if point.set == set}


def release_of(hold: Hold, adapters: Adapters) -> Hold:
    """Return the record that ends a hold now."""
    return ending(hold, id=adapters.clock.fresh_id(), created=adapters.clock.now(), machine=adapters.machine)


@contextlib.contextmanager
def soon(adapters: Adapters) -> Iterator[None]:
    """Let what runs in here end soon, whatever the step's own deadline."""
    current = process.current_scope()
    limit = adapters.clock.monotonic() + HOLD_SECONDS
    with process.scope(replace(current, deadline=limit if current.deadline is None else min(limit, current.deadline))):
        yield
