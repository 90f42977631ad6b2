"""A reading of a repository with a record that was written since: nobody lists again for what restic said it stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drtool.model.policy import RepositoryPolicy
from drtool.ports import Notary
from drtool.repositories.restic.rows import TranslatedListing
from drtool.repositories.restic.translate import read_snapshots


def with_record(
    known: TranslatedListing,
    entry: Mapping[str, Any],
    *,
    policy: RepositoryPolicy,
    notary: Notary | None,
) -> TranslatedListing | None:
    """Return a reading with one more record, through the same door as every other; None when it is none that can be added."""
    signer_of = None if notary is None else notary.signer_of
    told = read_snapshots([entry], repository=policy.name, taken=known.listing.taken, signer_of=signer_of)
    more = told.listing
    if len(told.rows) != 1 or not (more.holds or more.evidence):
        return None
    listing = replace(known.listing, holds=(*known.listing.holds, *more.holds), evidence=(*known.listing.evidence, *more.evidence))
    if notary is not None:
        listing = notary.judge(listing)
    return replace(known, listing=listing, rows=(*known.rows, *told.rows))
