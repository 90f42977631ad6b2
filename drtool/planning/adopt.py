"""Taking over what another machine of our name sealed: which machines there are, and what adopting one accepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from drtool.model.errors import NotFound, Refused
from drtool.model.identifier import instant_of
from drtool.model.inventory import Listing
from drtool.model.label import UNKNOWN_MACHINE
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.model.standing import Acceptance, Adopted, Adoption, Ours, Standing
from drtool.model.view import PointView
from drtool.model.workload import Leftover
from drtool.planning.pieces import out_of_service
from drtool.planning.standing import left_here
from drtool.planning.succession import chains, roots
from drtool.planning.words import spell_count, spell_duration, spell_instant, spell_some

FRESH = timedelta(days=1)
"""Who sealed something since then is not taken for gone without being asked about that."""
_SHOWN = 10


def adoptable(listings: Mapping[str, Listing], acceptance: Acceptance, *, rotations: Iterable[Rotation] = ()) -> tuple[Adoption, ...]:
    """Return the machines of our name that are not ours, and signers nobody accepted, each with the points that an adoption would bring.

    Keys of a machine that followed one another are one signer, its first. One whose points bear several other signatures is there once
    for each; no order recommends any of them, as whoever writes a point chooses its date.
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
    return tuple(sorted(found, key=lambda each: (each.machine, -each.points, each.signer)))


def _chains(grouped: Iterable[tuple[str, str]], rotations: tuple[Rotation, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return by machine and first key all its keys that followed one another; one whose successor is disputed stands alone."""
    signers: dict[str, list[str]] = {}
    for machine, signer in grouped:
        signers.setdefault(machine, []).append(signer)
    return {(machine, first): keys for machine, names in signers.items() for first, keys in chains(names, rotations).items()}


def doubt(adoption: Adoption, *, now: datetime) -> str:
    """Say, in words, why a machine may well be alive; empty where nothing tells so."""
    age = max(timedelta(0), now - adoption.newest)
    if age > FRESH or not (adoption.signer or adoption.places):
        return ""
    if not adoption.signer:
        return f"the newest of the runs that left this began {spell_duration(age)} ago, as its label tells: is it really over?"
    return f"its newest point is {spell_duration(age)} old: is it really gone?"


def choose_leftovers(
    leftovers: Iterable[Leftover], name: str, *, ours: Ours, at: datetime, known_runs: frozenset[str] = frozenset()
) -> Adoption:
    """Return what adopting a machine for what it left at the sources accepts: those things, no key, and no point.

    That is what is not known to be ours, and what is under way of a run that has no journal here (`known_runs` have one): of a machine
    of ours whose state was lost, whoever takes that over says that the run is over.

    Raises NotFound when no machine of our name and of that id left anything of the kind.
    """
    left: dict[str, list[Leftover]] = {}
    for each in leftovers:
        if each.by != ours.by or each.spent:
            continue
        if not left_here(each, by=ours.by, machines=ours.machines) or (each.run not in known_runs and out_of_service(each)):
            left.setdefault(each.machine or UNKNOWN_MACHINE, []).append(each)
    if name not in left:
        known = ", ".join(sorted(left))
        hint = f"these left something: {known}" if known else "no other machine of this name left anything at the sources that answered"
        raise NotFound(f"no machine {name} left anything that is not ours already", hint=hint)
    places = tuple(line for each in left[name] for line in (f"{each.what} {each.locator}", *(f"  {words}" for words in each.does)))
    labels = tuple(sorted(filter(None, (each.unproven for each in left[name]))))
    over = tuple(sorted({each.run for each in left[name]} - known_runs))
    begun = sorted(instant_of(each.run) or at for each in left[name])
    return Adoption(name, "", 0, (), begun[0], begun[-1], places=places, labels=labels, over_runs=over)


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
        Refused: its points bear several signatures that no rotation joins and `signer` does not decide, several machines signed with that
            key, or the policy's `signers` exclude it.
    """
    every = tuple(found)
    named = [each for each in every if name in (each.machine, each.signer, *each.keys)]
    signer = signer or (name if any(name in (each.signer, *each.keys) for each in named) else "")
    if not named:
        known = spell_some(tuple(dict.fromkeys(each.machine or each.signer for each in every)), _SHOWN)
        hint = f"there are: {known}" if known else "no other machine sealed anything here in the name of this policy"
        raise NotFound(f"no machine {name} sealed anything that is not ours already", hint=hint, safe="nothing was adopted")
    wanted = [_by_key(each, signer) for each in named if signer in ("", each.signer, *each.keys)]
    if signers and not signer:
        wanted = [each for each in wanted if each.signer in ours.signers] or wanted
    oldest = roots((each.signer for each in wanted), rotations)
    chosen = [each for each in wanted if each.signer in oldest] or wanted
    if len({each.signer for each in chosen}) != 1:
        raise Refused(
            f"the points of {name} bear several signatures, and no key is known to follow another: {_offered(chosen)}",
            hint=f"compare them with the recovery sheet, and name the key that stands there: drtool adopt {name} --signer FINGERPRINT",
            safe="nothing was adopted",
        )
    if len({each.machine for each in chosen}) != 1:
        machines = spell_some([each.machine or "none" for each in chosen], _SHOWN)
        raise Refused(
            f"several machines signed with the key {chosen[0].signer}: {machines}",
            hint=f"name one of them, with --signer {chosen[0].signer}",
            safe="nothing was adopted",
        )
    if signers and chosen[0].signer not in ours.signers:
        raise Refused(
            f"{chosen[0].signer} is not among the `signers:` of the policy, and they decide",
            hint=f"add it there when it is right: signers: [{chosen[0].signer}]",
            safe="nothing was adopted",
        )
    mine = (chosen[0].signer, *chosen[0].keys)
    rivals = (each.signer for each in every if each.machine == chosen[0].machine and each.signer not in mine)
    return replace(chosen[0], rivals=tuple(dict.fromkeys(rivals)))


def _offered(found: list[Adoption]) -> str:
    words = [
        f"{', then by '.join(each.keys or (each.signer,))}: {spell_count(each.points, 'point')} of {spell_some(each.sets, 3)}, dated"
        f" {spell_instant(each.oldest)} to {spell_instant(each.newest)}"
        for each in sorted(found, key=lambda each: (-each.points, each.signer))
    ]
    return spell_some(words, _SHOWN, between="; ")


def _by_key(adoption: Adoption, signer: str) -> Adoption:
    """Accept the key of a chain that a person named: it vouches for what those before it had sealed, and is followed by those after."""
    return replace(adoption, signer=signer) if signer in adoption.keys else adoption


def spell_adopted(adoption: Adoption, *, unsigned: int = 0) -> str:
    """Say what an adoption brought."""
    if not adoption.signer:
        return f"what machine {adoption.machine} left is ours from now on; it brings no points, and no key is accepted"
    brought = f"{spell_count(adoption.points + unsigned, 'point')} of {', '.join(adoption.sets)}"
    return f"{adoption.machine or 'what is signed'} by {adoption.signer} is ours from now on: {brought}"


def newest_of(adoption: Adoption, views: Iterable[PointView]) -> tuple[PointView, ...]:
    """Return of each set the newest point that a machine which is to be adopted signed; `views` are the newest first."""
    newest: dict[str, PointView] = {}
    for view in views:
        if view.point.machine == adoption.machine and view.point.signer in (adoption.signer, *adoption.keys):
            newest.setdefault(view.point.set, view)
    return tuple(newest.values())


def adopted(acceptance: Acceptance, adoption: Adoption, *, unsigned: Iterable[str] = (), at: datetime) -> Acceptance:
    """Return what is known once a machine is adopted; adopted again, nothing changes.

    Who was merely met first and signs in that machine's name, too, is accepted no longer: a person has named another.
    """
    acceptance = replace(acceptance, over_runs=tuple(dict.fromkeys((*acceptance.over_runs, *adoption.over_runs))))
    if adoption.machine in (UNKNOWN_MACHINE, *acceptance.machines) and not adoption.signer:
        return replace(acceptance, labels=tuple(dict.fromkeys((*acceptance.labels, *adoption.labels))))
    record = Adopted(adoption.machine, tuple(filter(None, (adoption.signer,))), at, adoption.points)
    again = any(each.machine == record.machine and each.signers == record.signers for each in acceptance.adopted)
    return replace(
        acceptance,
        first="" if acceptance.first in adoption.rivals else acceptance.first,
        adopted=acceptance.adopted if again else (*acceptance.adopted, record),
        unsigned=tuple(dict.fromkeys((*acceptance.unsigned, *unsigned))),
        labels=tuple(dict.fromkeys((*acceptance.labels, *adoption.labels))),
    )
