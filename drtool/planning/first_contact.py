"""What a repository tells when it is met for the first time: later nothing is believed on its word alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from drtool.model.inventory import Listing
from drtool.model.rotation import Rotation
from drtool.model.standing import Acceptance
from drtool.planning.succession import roots
from drtool.planning.words import spell_some

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Met:
    """What a repository tells at first contact: who alone signed there, or which several, and digests of unsigned tags to be believed."""

    first: str = ""
    several: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


def met(listing: Listing, *, by: str, rotations: Iterable[Rotation] = ()) -> Met:
    """Return what a repository tells at first contact.

    Who signed points counts, and who signed evidence only where nobody signed a point. Of several whom no rotation joins none is taken:
    a date is what its writer chose. Unsigned ones are of a release that did not sign; where anything in our name is signed, whoever
    needs them adopts that machine.
    """
    signed = {each.signer for each in listing.points if each.by == by and each.signer}
    signed = signed or {each.signer for each in listing.evidence if each.by == by and each.signer and each.tags_signer == each.signer}
    if signed:
        found = sorted(roots(signed, rotations) or signed)
        return Met(first=found[0]) if len(found) == 1 else Met(several=tuple(found))
    points = [each.unsigned for each in listing.points if each.by == by and each.unsigned]
    evidence = [each.unsigned for each in listing.evidence if each.by == by and each.unsigned]
    return Met(unsigned=(*points, *evidence))


def spell_met(
    listing: Listing, found: Met, known: Acceptance, *, own: Collection[str], decided: bool, by_name: bool = False
) -> tuple[str, ...]:
    """Say what was decided by that.

    `own` are this machine's own keys. `decided`: the policy says which signers count. `by_name`: the only signer was told already.
    """
    there = sum(1 for point in listing.points if point.unsigned in found.unsigned and point.unsigned)
    told = []
    if there and set(found.unsigned) - set(known.unsigned):
        told.append(f"{listing.repository}: {there} points of a release that did not sign are taken for ours, this once")
    if found.first and not known.first and found.first not in own and not by_name:
        told.append(
            f"{listing.repository}: what lies there in our name is signed by {found.first} alone; compare it with the recovery sheet"
        )
    strangers = [each for each in found.several if each not in own]
    if strangers and not decided:
        told.append(
            f"{listing.repository}: in our name {spell_some(strangers, _SHOWN, between=' and ')} sign there, and none of them is"
            " accepted: no rotation joins them, and a date says nothing. Compare them with the recovery sheet, then in the policy:"
            " signers: [the right one], or: drtool adopt"
        )
    return tuple(told)
