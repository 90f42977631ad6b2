"""What is told of points in our name that are not ours: another machine's, or sealed by nobody of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.hold import still_kept
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Standing
from drtool.model.view import PointView
from drtool.planning.choose import ChosenPoint
from drtool.planning.words import spell_count, spell_duration, spell_instant

_SHOWN = 3
_RESTLESS = 2
"""So many machines of one run each are more likely one whose state does not last."""
DECIDE = (
    "compare the fingerprints with the recovery sheet, then in the policy: signers: [the old key, its right successor] (the old key alone,"
    " if none is right), or: drtool adopt"
)
"""What to type where it is disputed which key follows another; `signers:` ends it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to be told, and what to type about it."""

    words: str
    next: str


def others_of(listings: Iterable[Listing], set_name: str, *, by: str, now: datetime) -> tuple[Told, ...]:
    """Say which points of a set are in our name and not ours, and whose drills nobody accepted; they count for nothing here."""
    known = tuple(listings)
    points = {(each.point, each.digest): each for listing in known for each in listing.others if each.by == by and each.set == set_name}
    machines: dict[str, list[RecoveryPoint]] = {}
    strangers, late = [], []
    for point in points.values():
        if point.standing == Standing.ANOTHER_MACHINE:
            machines.setdefault(point.machine, []).append(point)
        elif point.standing == Standing.STRANGER:
            strangers.append(point)
        elif point.standing == Standing.RETIRED:
            late.append(point)
    told = [_of_machine(machine, made, set_name, by=by, now=now) for machine, made in sorted(machines.items())]
    if strangers:
        count = spell_count(len(strangers), "point")
        words = f"{count} of {set_name} in the name of {by} sealed by nobody of ours: left alone, and counted for nothing"
        told.append(Told(words, f"drtool points {set_name}"))
    if late:
        words = (
            f"{spell_count(len(late), 'point')} of {set_name} signed with a key that had been replaced: left alone, and counted for nothing"
        )
        told.append(Told(f"{words}; whoever still has that key can write into the repository", f"drtool points {set_name}"))
    disputed = dict.fromkeys(words for listing in known for words in listing.disputed)
    told += [Told(f"{words}; {DECIDE}", "drtool adopt") for words in disputed]
    unfinished = dict.fromkeys(words for listing in known for words in listing.unfinished)
    told += [Told(f"{words}; to finish it: drtool evidence rotate", "drtool evidence rotate") for words in unfinished]
    return (*told, *_unaccepted(known, set_name, by=by), *_still_kept(known, set_name, by=by, now=now))


def _still_kept(listings: tuple[Listing, ...], set_name: str, *, by: str, now: datetime) -> tuple[Told, ...]:
    records = tuple(dict.fromkeys(hold for listing in listings for hold in listing.holds if (hold.by, hold.set) == (by, set_name)))
    kept = {hold.id for hold in still_kept(records, now)}
    if not kept:
        return ()
    still = "it still keeps" if len(kept) == 1 else "they still keep"
    return (Told(f"{spell_count(len(kept), 'hold')} of {set_name} released by nobody of ours: {still}", "drtool hold list"),)


def _of_machine(machine: str, made: list[RecoveryPoint], set_name: str, *, by: str, now: datetime) -> Told:
    newest = max(point.instant for point in made)
    age = spell_duration(max(0.0, (now - newest).total_seconds()))
    command = f"drtool adopt {machine}".rstrip()
    whose = f"another machine of the name {by}, {machine or 'without an id'}"
    return Told(
        f"{spell_count(len(made), 'point')} of {set_name} made by {whose}, the newest {age} ago: they count there;"
        f" if it is gone, adopt it ({command}), else give one of the two a `name:` of its own",
        f"{command} (only if it is gone), else another `name:` in one of the two policies",
    )


def _unaccepted(listings: tuple[Listing, ...], set_name: str, *, by: str) -> tuple[Told, ...]:
    elsewhere = {each.machine for listing in listings for each in listing.others if each.standing == Standing.ANOTHER_MACHINE}
    signers: dict[str, set[str]] = {}
    late: set[str] = set()
    for listing in listings:
        for each in listing.evidence:
            ours = each.subject == "drill" and (each.by, each.set) == (by, set_name) and each.tested not in elsewhere
            if ours and each.retired:
                late.add(each.id)
            elif ours and not each.counts and not each.untold and each.tags_signer == each.signer:
                signers.setdefault(each.signer, set()).add(each.id)
    words = f"{spell_count(len(late), 'drill')} of {set_name} signed with a key that had been replaced, and not known from before: no proof"
    return (*((Told(words, "drtool evidence verify"),) if late else ()), *_by_strangers(signers, set_name))


def _by_strangers(signers: Mapping[str, set[str]], set_name: str) -> tuple[Told, ...]:
    return tuple(
        Told(
            f"{spell_count(len(records), 'drill')} of {set_name} signed by {signer}, whom nobody accepted here: no proof;"
            " if that is your pipeline's key, add it to `signers:` of the policy",
            "drtool evidence list",
        )
        for signer, records in sorted(signers.items())
        if signer
    )


def about_choice(choice: ChosenPoint, *, in_place: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a restore's plan tells of the point it chose, and what a person must say yes to before it goes in place."""
    notes = [
        f"{point.point} of {spell_instant(point.instant)} is newer and left aside: {_whose(point)}; `--point {point.point}` takes it"
        for point in choice.passed_over[:_SHOWN]
    ]
    if len(choice.passed_over) > _SHOWN:
        notes.append(f"and {len(choice.passed_over) - _SHOWN} more newer ones that are not ours: drtool points {choice.recovery_point.set}")
    if not choice.standing:
        return tuple(notes), ()
    words = f"{choice.point} is not ours: {_whose(choice.recovery_point)}"
    return (*notes, words), (words,) if in_place else ()


def _whose(point: RecoveryPoint) -> str:
    if point.standing == Standing.ANOTHER_MACHINE:
        return f"another machine, {point.machine or 'without an id'}, made it"
    if point.standing == Standing.RETIRED:
        return f"it is signed by {point.signer}, and was not there when that key was replaced"
    if point.signer:
        return f"it is signed by {point.signer}, whom nobody accepted here"
    return "it bears no signature" if point.unsigned else "its signature does not fit its tags"


def restless(listings: Iterable[Listing], *, by: str) -> int:
    """Return how many machines of our name made points in one run each, when that looks like one machine whose id changes; else 0."""
    runs: dict[str, set[str]] = {}
    for listing in listings:
        for point in listing.others:
            if point.by == by and point.standing == Standing.ANOTHER_MACHINE:
                runs.setdefault(point.machine, set()).add(point.run)
    once = sum(1 for made in runs.values() if len(made) == 1)
    return once if once >= _RESTLESS else 0


def views_of_others(listings: Mapping[str, Listing]) -> tuple[PointView, ...]:
    """Return what is in our name and not ours, newest first, each with the repositories that list it."""
    points: dict[tuple[str, str], RecoveryPoint] = {}
    places: dict[tuple[str, str], list[str]] = {}
    for name, listing in listings.items():
        for point in listing.others:
            if point.standing != Standing.ANOTHER_NAME:
                points.setdefault((point.point, point.digest), point)
                places.setdefault((point.point, point.digest), []).append(name)
    newest_first = sorted(points.items(), key=lambda item: (item[1].instant, item[1].point), reverse=True)
    return tuple(PointView(point, tuple(places[key])) for key, point in newest_first)
