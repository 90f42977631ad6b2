"""Taking over what another machine of our name sealed: which machines there are, and what adopting one accepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.model.standing import Acceptance, Adopted, Adoption, Ours, Standing
from drtool.model.workload import Leftover
from drtool.planning.succession import at_once, follow, roots
from drtool.planning.words import spell_duration

FRESH = timedelta(days=1)
"""Who sealed something since then is not taken for gone without being asked about that."""


def adoptable(listings: Mapping[str, Listing], acceptance: Acceptance, *, rotations: Iterable[Rotation] = ()) -> tuple[Adoption, ...]:
    """Return the machines of our name that are not ours, and signers nobody accepted, each with the points that an adoption would bring.

    Keys of a machine that followed one another are one signer, its first. One whose points bear several other signatures is there once
    for each; first the signer of the oldest chain, then whose points are older.
    """
    every = tuple(rotations)
    grouped: dict[tuple[str, str], dict[str, RecoveryPoint]] = {}
    for listing in listings.values():
        for point in listing.others:
            if point.signer and point.standing in (Standing.ANOTHER_MACHINE, Standing.STRANGER):
                grouped.setdefault((point.machine, point.signer), {}).setdefault(point.point, point)
    found = []
    for (machine, signer), keys in _chains(grouped, every).items():
        points = {name: point for key in keys for name, point in grouped[machine, key].items()}
        instants = sorted(point.instant for point in points.values())
        found.append(
            Adoption(
                machine=machine,
                signer=signer,
                points=len(points),
                sets=tuple(sorted({point.set for point in points.values()})),
                oldest=instants[0],
                newest=instants[-1],
                first=acceptance.first in keys,
                keys=keys,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.machine, not each.first, each.oldest, each.signer)))


def _chains(grouped: Iterable[tuple[str, str]], rotations: tuple[Rotation, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return by machine and first key all its keys that followed one another; one whose successor is disputed stands alone."""
    signers: dict[str, list[str]] = {}
    for machine, signer in grouped:
        signers.setdefault(machine, []).append(signer)
    chains: dict[tuple[str, str], tuple[str, ...]] = {}
    for machine, names in signers.items():
        known = at_once(rotations)
        first = roots(names, known)
        for signer in sorted(first) or names:
            line = (signer, *(each.new for each in follow(frozenset({signer}), known).followed))
            chains[machine, signer] = tuple(key for key in dict.fromkeys(line) if key in names)
        left = [name for name in names if all(name not in keys for (of, _first), keys in chains.items() if of == machine)]
        chains |= {(machine, name): (name,) for name in left}
    return chains


def doubt(adoption: Adoption, *, now: datetime) -> str:
    """Say, in words, why a machine may well be alive; empty where nothing tells so."""
    age = max(timedelta(0), now - adoption.newest)
    if not adoption.signer or age > FRESH:
        return ""
    return f"its newest point is {spell_duration(age)} old: is it really gone?"


def choose_leftovers(leftovers: Iterable[Leftover], name: str, *, ours: Ours, at: datetime) -> Adoption:
    """Return what adopting a machine for what it left at the sources accepts: no key, and no point.

    Raises NotFound when no machine of our name and of that id left anything.
    """
    machines = {each.machine for each in leftovers if each.by == ours.by and each.machine and each.machine not in ours.machines}
    if name not in machines:
        known = ", ".join(sorted(machines))
        hint = f"these left something: {known}" if known else "no other machine of this name left anything at the sources that answered"
        raise NotFound(f"no machine {name} left anything that is not ours already", hint=hint)
    return Adoption(name, "", 0, (), at, at)


def choose_adoption(
    found: Iterable[Adoption],
    name: str,
    *,
    signer: str = "",
    ours: Ours,
    signers: tuple[str, ...],
    rotations: Iterable[Rotation] = (),
) -> Adoption:
    """Return what adopting `name` (a machine's id, or a fingerprint) accepts; of keys that follow one another the first.

    Raises:
        NotFound: no such machine sealed anything here in our name.
        Refused: its points bear several signatures and neither `signer` nor the oldest chain decides, or the policy's `signers` exclude it.
    """
    every = tuple(found)
    named = [each for each in every if name in (each.machine, each.signer, *each.keys)]
    signer = signer or (name if any(name in (each.signer, *each.keys) for each in named) else "")
    if not named:
        known = ", ".join(dict.fromkeys(each.machine or each.signer for each in every))
        hint = f"there are: {known}" if known else "no other machine sealed anything here in the name of this policy"
        raise NotFound(f"no machine {name} sealed anything that is not ours already", hint=hint, safe="nothing was adopted")
    wanted = [_by_key(each, signer) for each in named if signer in ("", each.signer, *each.keys)]
    first = [each for each in wanted if each.first]
    oldest = roots((each.signer for each in wanted), rotations)
    chosen = first or [each for each in wanted if each.signer in oldest] or wanted
    if len({each.signer for each in chosen}) != 1:
        keys = " or ".join(dict.fromkeys(each.signer for each in named))
        raise Refused(
            f"the points of {name} bear several signatures",
            hint=f"compare with its recovery sheet which key is its own, then: drtool adopt {name} --signer {keys}",
            safe="nothing was adopted",
        )
    if signers and chosen[0].signer not in ours.signers:
        raise Refused(
            f"{chosen[0].signer} is not among the `signers:` of the policy, and they decide",
            hint=f"add it there when it is right: signers: [{chosen[0].signer}]",
            safe="nothing was adopted",
        )
    return chosen[0]


def _by_key(adoption: Adoption, signer: str) -> Adoption:
    """Accept the key of a chain that a person named: it vouches for what those before it had sealed, and is followed by those after."""
    return replace(adoption, signer=signer) if signer in adoption.keys else adoption


def adopted(acceptance: Acceptance, adoption: Adoption, *, unsigned: Iterable[str] = (), at: datetime) -> Acceptance:
    """Return what is known once a machine is adopted; adopted again, nothing changes."""
    record = Adopted(adoption.machine, tuple(filter(None, (adoption.signer,))), at, adoption.points)
    again = any(each.machine == record.machine and each.signers == record.signers for each in acceptance.adopted)
    return replace(
        acceptance,
        adopted=acceptance.adopted if again else (*acceptance.adopted, record),
        unsigned=tuple(dict.fromkeys((*acceptance.unsigned, *unsigned))),
    )
