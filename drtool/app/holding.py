"""Writing a hold wherever it has to stand."""

from __future__ import annotations

from collections.abc import Mapping

from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.model.hold import Hold
from drtool.model.inventory import Listing


def append_hold(runtime: Runtime, hold: Hold, known: Mapping[str, Listing]) -> tuple[str, ...]:
    """Write a hold wherever its set is kept and it is not listed yet, its end wherever it is listed, too.

    Returns the repositories that could not be asked.
    """
    listed = (name for name, listing in known.items() if hold.releases and any(each.id == hold.releases for each in listing.holds))
    names = tuple(dict.fromkeys((*runtime.kept_in(hold.set), *listed)))
    with working(runtime):  # it locks: killed, it must be known whose that lock was
        for name in names:
            if known[name].problem is None and all(each.id != hold.id for each in known[name].holds):
                runtime.adapters.repositories[name].append(hold)
    return tuple(name for name in names if known[name].problem is not None)
