"""What is told of points in our name that are not ours: another machine's, or sealed by nobody of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.errors import NotFound
from drtool.model.hold import Hold, still_kept
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Standing
from drtool.model.summary import MachineSummary, OthersSummary
from drtool.model.view import PointView
from drtool.planning.choose import ChosenPoint
from drtool.planning.names import fitting
from drtool.planning.told import Told, tell_of_others
from drtool.planning.words import spell_instant

_SHOWN = 3
_RESTLESS = 2
"""So many machines of one run each are more likely one whose state does not last."""


def others_of(listings: Iterable[Listing], set_name: str, *, by: str, now: datetime) -> tuple[Told, ...]:
    """Say which points of a set are in our name and not ours, and whose drills nobody accepted; they count for nothing here."""
    return tell_of_others(summarise_others(listings, (set_name,), by=by, now=now)[set_name], set_name, by=by, now=now)


def summarise_others(listings: Iterable[Listing], sets: Iterable[str], *, by: str, now: datetime) -> dict[str, OthersSummary]:
    """Return what lies in our name and is not ours, by set, in one pass over the listings; a copy of a point is that point once more."""
    known, names = tuple(listings), tuple(sets)
    points: dict[str, dict[tuple[str, str], RecoveryPoint]] = {name: {} for name in names}
    for listing in known:
        for point in listing.others:
            if point.by == by and point.set in points:
                points[point.set][point.point, point.digest] = point
    elsewhere = {each.machine for listing in known for each in listing.others if each.standing == Standing.ANOTHER_MACHINE}
    disputed = tuple(dict.fromkeys(words for listing in known for words in listing.disputed))
    open_rotations = tuple(dict.fromkeys(words for listing in known for words in listing.unfinished))
    late, signers = _unaccepted(known, names, by=by, elsewhere=elsewhere)
    holds = _still_kept(known, by=by, now=now)
    found = {}
    for name, own in points.items():
        standings = Counter(point.standing for point in own.values())
        found[name] = OthersSummary(
            machines=_by_machine(own.values()),
            strangers=standings[Standing.STRANGER],
            retired=standings[Standing.RETIRED],
            disputed=disputed,
            unfinished=open_rotations,
            retired_drills=len(late[name]),
            drills={signer: len(records) for signer, records in sorted(signers[name].items())},
            holds=holds.get(name, ()),
        )
    return found


def _by_machine(points: Iterable[RecoveryPoint]) -> dict[str, MachineSummary]:
    made: dict[str, MachineSummary] = {}
    for point in points:
        if point.standing == Standing.ANOTHER_MACHINE:
            known = made.get(point.machine)
            newest = point.instant if known is None else max(known.newest, point.instant)
            made[point.machine] = MachineSummary(1 if known is None else known.points + 1, newest)
    return dict(sorted(made.items()))


def _unaccepted(
    listings: tuple[Listing, ...], sets: tuple[str, ...], *, by: str, elsewhere: set[str]
) -> tuple[dict[str, set[str]], dict[str, dict[str, set[str]]]]:
    """Return by set the drills signed with a replaced key, and by signer those that nobody accepted."""
    late: dict[str, set[str]] = {name: set() for name in sets}
    signers: dict[str, dict[str, set[str]]] = {name: {} for name in sets}
    for listing in listings:
        for each in listing.evidence:
            if each.subject != "drill" or each.by != by or each.set not in late or each.tested in elsewhere:
                continue
            if each.retired:
                late[each.set].add(each.id)
            elif not each.counts and not each.untold and each.tags_signer == each.signer and each.signer:
                signers[each.set].setdefault(each.signer, set()).add(each.id)
    return late, signers


def _still_kept(listings: tuple[Listing, ...], *, by: str, now: datetime) -> dict[str, tuple[Hold, ...]]:
    """Return by set the holds that are kept although somebody wrote that they are over, with what was written."""
    records: dict[str, dict[Hold, None]] = {}
    for listing in listings:
        for hold in listing.holds:
            if hold.by == by:
                records.setdefault(hold.set, {})[hold] = None
    found = {}
    for name, own in records.items():
        kept = {hold.id for hold in still_kept(tuple(own), now)}
        if kept:
            found[name] = tuple(hold for hold in own if hold.id in kept or hold.releases in kept)
    return found


def about_choice(choice: ChosenPoint, *, in_place: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a restore's plan tells of the point it chose, and what a person must say yes to before it goes in place."""
    notes = list(choice.unlisted)
    notes += [
        f"{point.point} of {spell_instant(point.instant)} is newer and left aside: {_whose(point)}; `--point {point.point}` takes it"
        for point in choice.passed_over[:_SHOWN]
    ]
    if len(choice.passed_over) > _SHOWN:
        notes.append(f"and {len(choice.passed_over) - _SHOWN} more newer ones that are not ours: drtool points {choice.recovery_point.set}")
    if choice.complete is not None:
        found = choice.complete
        notes.append(
            f"{choice.point} is partial; the newest complete point of {found.set} is {found.point} of {spell_instant(found.instant)}: "
            f"`--point {found.point}` takes it"
        )
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


def others_called(name: str, listings: Mapping[str, Listing]) -> tuple[PointView, ...]:
    """Return what is in our name and not ours and has that id, or an id that begins or ends so."""
    views = views_of_others(listings)
    names = set(fitting((view.point.point for view in views), name))
    return tuple(view for view in views if view.point.point in names)


def refused_as_not_ours(views: tuple[PointView, ...]) -> NotFound:
    """Return the refusal of a point that is not ours: whose it is, and how it is taken all the same."""
    point = views[0].point
    if len({view.point.point for view in views}) > 1:
        return NotFound("several points that are not ours are called so", hint=f"name one by its whole id: drtool points {point.set}")
    adopt = f"drtool adopt {point.machine}".rstrip()
    first = (
        f"if that machine is gone: {adopt}; to take it as it is" if point.standing == Standing.ANOTHER_MACHINE else "to take it as it is"
    )
    return NotFound(
        f"{point.point} is not ours: {_whose(point)}",
        hint=f"{first}: drtool restore {point.set} --point {point.point} --to directory PATH",
    )
