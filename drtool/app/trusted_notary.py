"""Whose points count for a trusted side that forgets for another machine: what the policy lists, and nobody's word beside it."""

from __future__ import annotations

from dataclasses import replace

from drtool.app.notary import Notary
from drtool.catalog.arrivals import ArrivalsFile
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Ours, Standing
from drtool.planning.late import is_ahead


class TrustedNotary(Notary):
    """Accepts the machines and keys that `forget_for:` lists; only what this side signed itself ends a hold here.

    Whoever took the other machine over has its key: he writes ends of quarantines, and manifests under ids that are there already. Such an
    id is told twice, once among the others, so that nobody goes by the later one alone. What a person set aside is among the others while
    it is dated in the future.
    """

    def ours(self) -> Ours:
        """Say who counts here."""
        by, (place,) = self._policy.name, self._policy.repositories.values()
        trusted = place.forget_for[by]
        return Ours(by=by, machines=frozenset(trusted.machines), signers=frozenset(trusted.signers))

    def judge(self, listing: Listing, location: str = "") -> Listing:
        """Sort a listing into what is the other machine's and what is nobody's, with every manifest of an id that has several."""
        found = super().judge(listing, location)
        aside = self._aside()
        waiting = {point.point for point in found.points if point.point in aside and is_ahead(point, listing.taken)}
        found = replace(found, points=tuple(each for each in found.points if each.point not in waiting))
        there = {_key(point) for point in (*found.points, *found.others)}
        left = (replace(each, standing=Standing.STRANGER) for each in (*listing.points, *listing.others) if _key(each) not in there)
        own = frozenset(self.acceptance.signers)
        holds = tuple(replace(each, counts=each.signer in own) for each in found.holds)
        return replace(found, others=(*found.others, *left), holds=holds)

    def _aside(self) -> frozenset[str]:
        known = ArrivalsFile(self._state_directory).load()
        return frozenset(known.aside if known else ())


def _key(point: RecoveryPoint) -> tuple[str, str]:
    return (point.point, point.manifest)
