"""What is remembered of a repository after it was listed, and what of it is missed: decided on paper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from drtool.model.damage import Damage
from drtool.model.evidence import newest_heads
from drtool.model.inventory import Listing
from drtool.model.memory import Acceptance, KnownHead, KnownPoint, Memory, Vanished
from drtool.model.point import RecoveryPoint
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.evidence import stands
from drtool.planning.words import spell_count

MOST_POINTS = 16
"""The newest of each set that are remembered; as many again of those that others made."""
MOST_MISSING = 64
"""The newest of each set that are missed."""
MOST_IN_ALL = 8192
MOST_HEADS = 64
MOST_DAMAGE = 16
MOST_ACCEPTED = 16
_WORDS = 300
_WHOLE = "all of it"
"""Given up last, when the repository itself is."""


def remember(before: Memory, known: Memory, listing: Listing, *, by: str, others_forget: bool = False) -> Memory:
    """Return what is known once a repository was listed, with what is missed marked.

    `before` was known when the listing began and `known` is known now: only what both expect is missed, since others write and
    forget meanwhile. What this machine sealed or copied there is missed whenever it is gone. What was only seen there belongs to
    others too, whose retention never removes the newest: it is missed while nothing newer of its set is listed. Where `others_forget`
    for this machine, that is so of its own.
    """
    listed = {point.point: point for point in listing.points if point.by == by}
    newest = _newest(listed.values())
    expected = {each.point for each in before.points if not each.given_up}
    points: list[KnownPoint] = []
    for each in known.points:
        found = listed.get(each.point)
        if found is not None and each.digest in ("", found.digest):
            points.append(replace(each, digest=found.digest, missing_since=None))
        elif each.given_up:
            continue
        elif each.point not in expected:  # written down while the listing was taken
            points.append(each)
        elif (each.ours and not others_forget) or each.missing_since is not None or newest.get(each.set, each.instant) <= each.instant:
            points.append(replace(each, missing_since=each.missing_since or listing.taken))
    have = {each.point for each in known.points}
    points += [_seen(each) for each in listed.values() if each.point not in have and each.instant <= listing.taken + FUTURE_TOLERANCE]
    return replace(
        known,
        points=_bounded(points),
        heads=_heads(before, known, listing),
        damage=tuple(each for each in known.damage if stands(each, listing)),
    )


def sealed(memory: Memory, points: Iterable[RecoveryPoint | KnownPoint]) -> Memory:
    """Remember points that this machine has just written there."""
    written = {each.point: KnownPoint(each.point, each.set, each.instant, each.digest, ours=True) for each in points}
    return replace(memory, points=_bounded([*(each for each in memory.points if each.point not in written), *written.values()]))


def given_up(memory: Memory, points: Iterable[str], *, there: Iterable[str]) -> Memory:
    """Write down that points are about to be forgotten; what an earlier forgetting gave up and left `there` is missed again if it goes."""
    wanted, left = frozenset(points), frozenset(there)
    sets = {each.set for each in memory.points if each.point in wanted}
    known = tuple(
        replace(each, given_up=each.point in wanted) if each.point in wanted or (each.set in sets and each.point in left) else each
        for each in memory.points
    )
    return replace(memory, points=known)


def forgotten(memory: Memory, points: Iterable[str]) -> Memory:
    """Leave out points that were forgotten."""
    gone = frozenset(points)
    return replace(memory, points=tuple(each for each in memory.points if each.point not in gone))


def identified(memory: Memory, identity: str, *, at: datetime) -> Memory:
    """Compare the repository's id with the one that is known, or learn it."""
    if not identity:
        return memory
    if memory.identity in ("", identity):
        return replace(memory, identity=identity, other_identity="", other_since=None)
    return replace(memory, other_identity=identity, other_since=memory.other_since or at)


def moved_apart(memory: Memory, identity: str, *, twin: str) -> Memory:
    """Take what stands there for right once it is another than its `twin`: what was known of the twin was never of this one."""
    if identity in ("", twin) or memory.identity != twin:
        return memory
    return replace(memory, identity=identity, other_identity="", other_since=None)


def damaged(memory: Memory, found: Damage) -> Memory:
    """Write down damage that was seen; the same once more says when it was last seen."""
    found = replace(found, what=found.what[:_WORDS])
    others = [each for each in memory.damage if (each.set, each.point) != (found.set, found.point)]
    return replace(memory, damage=(*others, found)[-MOST_DAMAGE:])


def read_well(memory: Memory, *, since: datetime, point: str = "") -> Memory:
    """Take back what was seen before everything, or all of a point, was read and found good."""
    return replace(memory, damage=tuple(each for each in memory.damage if each.at > since or (point and each.point != point)))


def accepted(memory: Memory, listing: Listing, *, by: str, identity: str) -> Memory:
    """Take a repository as it is listed now for right, and write down what is no longer missed."""
    lost = tuple(f"{each.kind} {each.name}" for each in memory.vanished)
    fresh = remember(Memory(memory.repository), Memory(memory.repository), listing, by=by)
    ours = {each.point for each in memory.points if each.ours}
    return replace(
        fresh,
        identity=identity or memory.other_identity or memory.identity,
        points=tuple(replace(each, ours=each.point in ours) for each in fresh.points),
        damage=memory.damage,
        accepted=(*memory.accepted, Acceptance(listing.taken, lost[-MOST_MISSING:]))[-MOST_ACCEPTED:],
    )


def knows(memory: Memory, *, met: bool) -> bool:
    """Tell whether a repository stood at its address before, for all this machine knows; `met`: one was listed there under any name."""
    if memory.identity or memory.points or memory.heads:
        return True
    return met and not any(each.given_up[-1:] == (_WHOLE,) for each in memory.accepted)


def gone_for_good(memory: Memory, *, at: datetime) -> Memory:
    """Miss nothing of a repository any more, and not itself either: a person says that it is gone for good; that is written down."""
    lost = [f"point {each.point}" for each in memory.points][-MOST_MISSING:]
    given_up = (*lost, *([f"repository {memory.identity}"] if memory.identity else []), _WHOLE)
    return Memory(memory.repository, accepted=(*memory.accepted, Acceptance(at, given_up))[-MOST_ACCEPTED:])


def spell_vanished(repository: str, vanished: Iterable[Vanished], *, set: str | None = None) -> tuple[str, ...]:  # noqa: A002
    """Say what is missed in a repository, a sentence each; with `set` only what concerns that set."""
    every = tuple(vanished)
    points: defaultdict[str, list[Vanished]] = defaultdict(list)
    for each in every:
        if each.kind == "point" and set in (None, each.set):
            points[each.set].append(each)
    sentences = [
        f"another repository stands at the address of {repository}: its id is {each.name[:8]}, it was {each.before[:8]}"
        for each in every
        if each.kind == "repository"
    ]
    sentences += [_spell_points(repository, name, lost) for name, lost in points.items()]
    sentences += [
        f"{repository} went back in time: evidence that {each.name} signed, up to number {each.before}, was there and is gone"
        for each in every
        if each.kind == "evidence"
    ]
    written = [each for each in every if each.kind == "written"]
    if written:
        sentences.append(f"{repository} does not list {written[0].name}, which was written there a moment ago: its listing is missing data")
    return tuple(sentences)


def _spell_points(repository: str, name: str, lost: list[Vanished]) -> str:
    last = max(lost, key=lambda each: (each.instant is not None, each.instant, each.name))
    dated = f" of {last.instant:%Y-%m-%d %H:%M} UTC" if last.instant is not None else ""
    verb, named = ("is", f"{last.name}{dated}") if len(lost) == 1 else ("are", f"the newest {last.name}{dated}")
    return f"{repository} went back in time: {spell_count(len(lost), 'point')} of {name} {verb} gone that drtool did not forget ({named})"


def _newest(points: Iterable[RecoveryPoint]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for point in points:
        newest[point.set] = max(point.instant, newest.get(point.set, point.instant))
    return newest


def _seen(point: RecoveryPoint) -> KnownPoint:
    return KnownPoint(point.point, point.set, point.instant, point.digest)


def _bounded(points: Iterable[KnownPoint]) -> tuple[KnownPoint, ...]:
    """Keep the newest of each set, those of ours apart: a flood of others' must not push out what is missed if it goes."""
    room: defaultdict[tuple[str, str], int] = defaultdict(int)
    kept: list[KnownPoint] = []
    for each in sorted(points, key=lambda each: (each.instant, each.point), reverse=True):
        kind = "missing" if each.missing_since is not None else "ours" if each.ours else "seen"
        room[each.set, kind] += 1
        if each.given_up or room[each.set, kind] <= (MOST_MISSING if kind == "missing" else MOST_POINTS):
            kept.append(each)
    return tuple(kept[:MOST_IN_ALL])


def _heads(before: Memory, known: Memory, listing: Listing) -> tuple[KnownHead, ...]:
    listed = newest_heads(listing.evidence)
    expected = {each.signer for each in before.heads}
    heads: dict[str, KnownHead] = {}
    for each in known.heads:
        found = listed.get(each.signer)
        if found is not None and (found.number > each.number or (found.number, found.digest) == (each.number, each.digest)):
            heads[each.signer] = KnownHead(each.signer, found.number, found.digest)
        elif each.signer in expected and each in before.heads:
            heads[each.signer] = replace(each, missing_since=each.missing_since or listing.taken)
        else:
            heads[each.signer] = each
    for signer, head in listed.items():
        heads.setdefault(signer, KnownHead(signer, head.number, head.digest))
    return tuple(heads.values())[:MOST_HEADS]
