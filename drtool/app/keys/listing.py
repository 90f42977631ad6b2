from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.key import KeyListing
from drtool.planning.keys import last_proofs


def key_list(runtime: Runtime, repositories: Iterable[str] = ()) -> tuple[KeyListing, ...]:
    """Return the keys of repositories, each with when it was last proven; raises only when not one could be asked."""
    with working(runtime):
        return _list_keys(runtime, tuple(map(runtime.repository_named, repositories)) or tuple(runtime.policy.repositories))


def _list_keys(runtime: Runtime, names: Iterable[str]) -> tuple[KeyListing, ...]:
    listings: list[KeyListing] = []
    last: DrtoolError | None = None
    for name in names:
        try:
            proven = last_proofs(runtime.adapters.repositories[name].list())
            keys = (replace(key, last_proven=proven.get(key.id)) for key in runtime.adapters.key_ring(name).list_keys())
            listings.append(KeyListing(name, tuple(keys)))
        except Interrupted:
            raise
        except DrtoolError as error:
            last = error
            listings.append(KeyListing(name, problem=error.what))
    if last is not None and all(listing.problem for listing in listings):
        raise last
    return tuple(listings)
