"""Which keys follow those that are accepted, which were replaced, and what is claimed of that and does not count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drtool.model.rotation import Retired, Rotation

MOST_STEPS = 64
"""How many rotations one after the other are followed."""
MOST_KNOWN = 128
_MOST_OF_A_KEY = 4
"""Two successors of one key are enough to doubt both."""


@dataclass(frozen=True, slots=True)
class Succession:
    """The signers that count, those of them that were replaced and by which last words, and what is disputed, in words."""

    signers: frozenset[str]
    retired: Retired
    disputed: tuple[str, ...] = ()


def follow(
    direct: frozenset[str], rotations: Iterable[Rotation], *, own: frozenset[str] = frozenset(), decided: bool = False
) -> Succession:
    """Follow from the signers that are accepted by themselves to those that replaced them.

    `own` are this machine's: it knows its own rotations, so that a successor it never had is told and does not count, whoever stole
    the key. `decided`: the policy lists who counts, and no record adds to that. Of two successors of one key neither counts, but one
    that is accepted by itself.
    """
    every = tuple(rotations)
    successors: dict[str, dict[str, Rotation]] = {}
    last: dict[tuple[str, str], list[Rotation]] = {}
    for each in every:
        if each.final:
            last.setdefault((each.old, each.new), []).append(each)
        else:
            successors.setdefault(each.old, {}).setdefault(each.new, each)
    signers, retired, disputed = set(direct), {}, []
    frontier, seen = sorted(direct), set(direct)
    for _step in range(MOST_STEPS):
        further = []
        for old in frontier:
            following = successors.get(old, {})
            chosen = _chosen(following, direct, own=old in own)
            if following and (len(following) > 1 or (not chosen and not decided)):
                disputed.append(_words(old, following, chosen))
            if not chosen or (decided and chosen not in direct):
                continue
            signers.add(chosen)
            if (old, chosen) in last:
                retired[old] = tuple(last[old, chosen])
            if chosen not in seen:
                seen.add(chosen)
                further.append(chosen)
        frontier = further
        if not frontier:
            break
    return Succession(frozenset(signers), retired, tuple(disputed))


def learnt(known: tuple[Rotation, ...], found: Iterable[Rotation], *, direct: frozenset[str]) -> tuple[Rotation, ...]:
    """Return the rotations worth remembering: those of keys that are accepted, or follow one that is; bounded, the first ones stay."""
    first = [each for each in known if not each.final]
    last = [each for each in known if each.final]
    waiting = sorted((each for each in dict.fromkeys(found) if each not in known), key=lambda each: (each.at, each.id))
    grown = True
    while grown:
        grown = False
        reached = {*direct, *(each.new for each in first)}
        for each in waiting:
            if not each.final and each.old in reached and _is_news(each, first, direct):
                first.append(each)
                grown = True
    pairs = {(each.old, each.new) for each in first}
    for each in waiting:
        beside = sum(1 for known in last if (known.old, known.new) == (each.old, each.new))
        if each.final and (each.old, each.new) in pairs and beside < _MOST_OF_A_KEY and len(last) < MOST_KNOWN:
            last.append(each)
    return (*first, *last)


def _is_news(rotation: Rotation, known: list[Rotation], direct: frozenset[str]) -> bool:
    """Tell whether a rotation says something new that there is room for: what casts doubt on a known one always finds some."""
    beside = {each.new for each in known if each.old == rotation.old}
    if rotation.new in beside:
        return False
    return rotation.new in direct or (len(beside) < _MOST_OF_A_KEY if beside else len(known) < MOST_KNOWN)


def lineage(current: str, rotations: Iterable[Rotation]) -> tuple[Rotation, ...]:
    """Return the rotations that lead to a key, and the last words of each."""
    every = tuple(rotations)
    line = {current}
    for _step in range(MOST_STEPS):
        before = {each.old for each in every if not each.final and each.new in line}
        if before <= line:
            break
        line |= before
    return tuple(each for each in every if {each.old, each.new} <= line)


def roots(signers: Iterable[str], rotations: Iterable[Rotation]) -> frozenset[str]:
    """Return those of some signers that follow none of the others."""
    names, every = frozenset(signers), tuple(rotations)
    followed = {each: follow(frozenset({each}), every).signers - {each} for each in names}
    return names - frozenset().union(*followed.values()) if followed else names


def _chosen(following: Mapping[str, Rotation], direct: frozenset[str], *, own: bool) -> str:
    named = [new for new in following if new in direct]
    if len(named) == 1:
        return named[0]
    return next(iter(following)) if len(following) == 1 and not own else ""


def _words(old: str, following: Mapping[str, Rotation], chosen: str) -> str:
    claimed = " and ".join(sorted(new for new in following if new != chosen))
    if chosen:
        return f"besides {chosen} it is claimed that {claimed} follows the key {old}, signed by that key: whoever did that has a copy of it"
    if len(following) > 1:
        return f"the key {old} has {len(following)} successors, {claimed}: none of them counts"
    return f"it is claimed that {claimed} follows the key {old}, which is this machine's own, and it was not done here: it does not count"
