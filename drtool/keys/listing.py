from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drtool.engine.hands import Hands
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.key import KeyListing
from drtool.planning.keys import last_proofs


def list_keys(hands: Hands, names: Iterable[str]) -> tuple[KeyListing, ...]:
    """Return the keys of repositories, each with when it was last proven; raises only when not one could be asked."""
    listings: list[KeyListing] = []
    last: DrtoolError | None = None
    for name in names:
        try:
            proven = last_proofs(hands.repositories[name].list())
            keys = (replace(key, last_proven=proven.get(key.id)) for key in hands.key_rings[name].list_keys())
            listings.append(KeyListing(name, tuple(keys)))
        except Interrupted:
            raise
        except DrtoolError as error:
            last = error
            listings.append(KeyListing(name, problem=error.what))
    if last is not None and all(listing.problem for listing in listings):
        raise last
    return tuple(listings)
