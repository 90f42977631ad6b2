"""What a look is told: what the listings amount to, from the small file where it is known, and worked out of them where it is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from drtool.app.runtime import Runtime
from drtool.catalog.summary import SummaryFile
from drtool.model.summary import Summary

if TYPE_CHECKING:
    from drtool.model.inventory import Listing, Problem


def known_summary(runtime: Runtime) -> Summary | None:
    """Return what was worked out earlier, where it is still so; on a bare machine nobody knows for whom that was."""
    if runtime.is_bare:
        return None
    known, now = SummaryFile(runtime.state_directory, runtime.policy, os.environ).load(), runtime.clock.now()
    if known is None or now < known.taken or (known.until is not None and now >= known.until):
        return None
    return known


def new_summary(
    runtime: Runtime, *, ask: Callable[[], Mapping[str, Listing]] = dict, refresh: bool = False
) -> tuple[Summary, Mapping[str, Problem]]:
    """Work out what the listings amount to, and which repositories were not read; what the index does not know `ask` tells, or all.

    It is kept when the index told all of it: what was asked a moment ago is told by the index from then on.
    """
    from drtool.app.forecasts import Forecasts  # noqa: PLC0415 - plans a restore of everything, which what is known spares
    from drtool.planning.summary import unread_in  # noqa: PLC0415 - nouns of listings, likewise

    policy = runtime.policy
    file = SummaryFile(runtime.state_directory, policy, os.environ)
    basis = file.basis()
    listings: Mapping[str, Listing] = {} if refresh else runtime.index.load()
    known = len(listings) == len(policy.repositories)
    if not known:
        listings = ask()
    summary = Forecasts(runtime).summary(listings, now=runtime.clock.now())
    if known:
        file.save(summary, basis=basis)
    return summary, unread_in(policy, listings)
