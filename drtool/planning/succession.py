"""Which keys follow those that are accepted, which were replaced, and what is claimed of that and does not count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.errors import Refused
from drtool.model.rotation import LAST_WORDS_MOST, Dispute, Retired, Rotation

MOST_STEPS = 64
"""How many rotations one after the other are followed."""
MOST_OF_A_KEY = LAST_WORDS_MOST
"""So many successors of a key, and last words of each, are remembered: two are enough to doubt both, and one rotation says no more."""


@dataclass(frozen=True, slots=True)
class Succession:
    """The signers that count, those of them that were replaced and by which last words, and what is claimed otherwise, in words."""

    signers: frozenset[str]
    retired: Retired
    disputed: tuple[str, ...] = ()
    followed: tuple[Rotation, ...] = ()
    """The first words that count."""


@dataclass(slots=True)
class _Said:
    """What is said of the successors of one key, in the order in which it was learnt."""

    first: dict[str, Rotation] = field(default_factory=dict)
    last: dict[str, list[Rotation]] = field(default_factory=dict)
    settled: str = ""
    """Whose last word was known before anybody else was claimed."""

    def counted(self, direct: AbstractSet[str], *, own: bool, decided: bool) -> tuple[str, ...]:
        """Return the successors that count: those accepted by themselves, else the settled one, else the only one."""
        named = tuple(new for new in self.first if new in direct)
        if named or own or decided:
            return named
        if self.settled:
            return (self.settled,)
        return tuple(self.first) if len(self.first) == 1 else ()


def follow(
    direct: frozenset[str], rotations: Iterable[Rotation], *, own: frozenset[str] = frozenset(), decided: bool = False
) -> Succession:
    """Follow from the signers that are accepted by themselves to those that replaced them.

    The rotations are in the order in which they were learnt: whose last word is known is followed by nobody else whom a copy of the old
    key claims later. `own` are this machine's: it knows its own rotations, so that a successor it never had is told and does not
    count. `decided`: the policy lists who counts, and no record adds to that. Of two successors of one key that nothing tells apart
    neither counts, and the key is retired since the first claim.
    """
    said = _gathered(rotations)
    signers, retired, disputed, followed = set(direct), {}, [], []
    frontier, seen = sorted(direct), set(direct)
    for _step in range(MOST_STEPS):
        further = []
        for old in (each for each in frontier if each in said and said[each].first):
            words = said[old]
            counted = words.counted(direct, own=old in own, decided=decided)
            ends: tuple[Rotation | Dispute, ...] = tuple(word for new in counted for word in words.last.get(new, ()))
            if not counted and not decided and old not in own:
                ends = (Dispute(_earliest(words)),)
            if ends:
                retired[old] = ends
            if len(counted) < len(words.first):
                disputed.append(_words(old, words, counted, own=old in own, decided=decided))
            followed += [words.first[new] for new in counted]
            signers.update(counted)
            further += [new for new in counted if new not in seen]
            seen.update(counted)
        frontier = further
        if not frontier:
            break
    return Succession(frozenset(signers), retired, tuple(disputed), tuple(followed))


def with_former(found: Succession, rotations: Iterable[Rotation]) -> Succession:
    """Add the keys that those which count replaced: whoever accepts a key takes its word for what was sealed before it, and for no more.

    A key that was itself replaced vouches for nobody: who has a copy of it could name any key as the one before.
    """
    signers, retired, disputed, followed = set(found.signers), dict(found.retired), list(found.disputed), list(found.followed)
    current = found.signers - retired.keys()
    for old, words in sorted(_gathered(rotations).items()):
        after = tuple(new for new in words.first if new in current)
        ends = tuple(word for new in after for word in words.last.get(new, ()))
        if old in found.signers or not ends:
            continue
        signers.add(old)
        retired[old] = ends
        followed += [words.first[new] for new in after]
        if len(after) < len(words.first):
            disputed.append(_words(old, words, after, own=False, decided=False))
    return Succession(frozenset(signers), retired, tuple(disputed), tuple(followed))


def learnt(
    known: tuple[Rotation, ...],
    found: Iterable[Rotation],
    *,
    direct: frozenset[str],
    own: frozenset[str] = frozenset(),
    decided: bool = False,
    before: AbstractSet[Rotation] | None = None,
) -> tuple[Rotation, ...]:
    """Return the rotations worth remembering, in the order in which they were learnt: those of keys that `follow` reaches.

    So are those that say which key one that counts now has replaced.

    There is room for each such key by itself, so that strangers use up nobody's. `before` is what other calls of drtool learnt, by now:
    what this one reads in several repositories it learns at once, and a first word that came late to one of them is no later claim,
    unless somebody else knows a last word about that key already.
    """
    there = frozenset(known)
    fixed = there if before is None else before
    waiting = sorted((each for each in dict.fromkeys(found) if each not in there), key=lambda each: (each.at, each.id))
    said = _gathered(known)
    first: list[Rotation] = []
    last: list[Rotation] = []
    grown = True
    while grown:
        grown = False
        found_now = follow(direct, (*_placed(known, first, fixed), *last), own=own, decided=decided)
        reached, current = found_now.signers, frozenset() if decided else found_now.signers - found_now.retired.keys()
        for each in waiting:
            words = said.setdefault(each.old, _Said())
            if each.final or each.new in words.first:
                continue
            if each.old not in reached and not (each.new in current and _has_room(each.new, said)):
                continue
            if each.new in direct or len(words.first) < MOST_OF_A_KEY:  # whom a person accepts always finds room
                words.first[each.new] = each
                first.append(each)
                grown = True
    for each in waiting:
        words = said.setdefault(each.old, _Said())
        if each.final and each.new in words.first and len(words.last.setdefault(each.new, [])) < MOST_OF_A_KEY:
            words.last[each.new].append(each)
            last.append(each)
    return (*_placed(known, first, fixed), *last)


def _placed(known: tuple[Rotation, ...], first: Iterable[Rotation], fixed: AbstractSet[Rotation]) -> tuple[Rotation, ...]:
    """Put each first word before the last words about its key that were learnt with it, and behind those that were fixed before."""
    placed = list(known)
    for each in first:
        end = len(placed)
        for index in range(end - 1, -1, -1):
            word = placed[index]
            if word.old == each.old and word.final:
                if word in fixed:
                    break
                end = index
        placed.insert(end, each)
    return tuple(placed)


def require_sole(key: str, rotations: Iterable[Rotation], *, but: AbstractSet[str], ended: bool = False) -> None:
    """Refuse to go on with a key of this machine which says elsewhere, by its own signature, that another than `but` follows it.

    `ended`: only where the last word is said, too. Whether this state is older than that, or a thief said it, no record tells.
    """
    words = _gathered(each for each in rotations if each.old == key).get(key, _Said())
    others = [each for new, each in words.first.items() if new not in but and (words.last.get(new) or not ended)]
    if not others:
        return
    said = " and ".join(f"{each.new} since {each.at:%Y-%m-%d}" for each in others)
    raise Refused(
        f"the key that signs here, {key}, signed that another one follows it ({said}), and this state directory does not know that:"
        " elsewhere what it signs now may count for nothing",
        hint="if the state directory was restored from before that, put the newer key back as `evidence/key` (or what `evidence:` of the"
        " policy names); if that is lost, move `evidence/key` away: a new key is made, which others adopt. If nobody of yours did it, the"
        f' key was stolen: decide that in the policy, wherever it is used:  signers: ["{key}"]',
        safe="earlier points are untouched, and nothing was said of another key",
    )


def at_once(rotations: Iterable[Rotation]) -> tuple[Rotation, ...]:
    """Return rotations as who remembers none finds them: nothing of them is known to be older than the rest."""
    return tuple(sorted(dict.fromkeys(rotations), key=lambda each: each.final))


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
    return _roots(frozenset(signers), _successors(rotations))


def chains(signers: Iterable[str], rotations: Iterable[Rotation]) -> dict[str, tuple[str, ...]]:
    """Return by first key those of some signers that followed one another; one whose successor is disputed stands alone.

    Each stands in one chain. A repository's key is enough to name thousands of signers, so it looks at each once.
    """
    names = dict.fromkeys(signers)
    after = _successors(rotations)
    found: dict[str, tuple[str, ...]] = {}
    placed: set[str] = set()
    for signer in sorted(_roots(frozenset(names), after)):
        line, key = [], signer
        while key and key not in placed:
            placed.add(key)
            if key in names:
                line.append(key)
            key = after.get(key, "")
        found[signer] = tuple(line)
    return found | {each: (each,) for each in names if each not in placed}


def _successors(rotations: Iterable[Rotation]) -> dict[str, str]:
    """Return by key the one that follows it, as who remembers nothing finds it; none where that is disputed."""
    counted = ((old, words.counted(frozenset(), own=False, decided=False)) for old, words in _gathered(at_once(rotations)).items())
    return {old: after[0] for old, after in counted if after}


def _roots(names: frozenset[str], after: Mapping[str, str]) -> frozenset[str]:
    reached: set[str] = set()
    for name in names:
        key = after.get(name, "")
        while key and key != name:
            onward = after.get(key, "")
            if key in reached and (not onward or onward in reached):
                break
            reached.add(key)
            key = onward
    return names - reached


def unfinished(
    signers: tuple[str, ...],
    rotations: Iterable[Rotation],
    *,
    kept: Iterable[Rotation],
    there: Iterable[Rotation],
    repository: str,
    waiting: bool,
    named: bool = False,
) -> tuple[str, ...]:
    """Say what of a machine's own rotations is not done.

    `signers` are its keys, oldest first; `rotations` what it knows, `kept` what it said itself, `there` what a repository tells.
    `waiting`: a key lies beside the one that signs. `named`: the policy names the key that signs.
    """
    newest = signers[-1] if signers else ""
    own = [each for each in dict.fromkeys((*rotations, *kept)) if {each.old, each.new} <= set(signers)]
    ended = {(each.old, each.new) for each in own if each.final}
    begun = [each for each in own if not each.final and each.new == newest and (each.old, each.new) not in ended]
    told = [
        f"the signing key is being changed from {each.old} to {each.new}, and that is not finished: until it is, whatever the old key"
        " signs counts everywhere" + ("; with the new key in the policy, end it with --to and its reference" if named else "")
        for each in begun
    ]
    if waiting and not told:
        told.append("a new signing key lies ready, and nobody was told of it: the change was ended before anything was said")
    lacking = frozenset(kept) - frozenset(there)
    if not told and any({each.old, each.new} <= set(signers) for each in lacking):
        told.append(f"{repository} does not tell that the signing key was replaced: who reads there alone believes the old one")
    return tuple(told)


def _has_room(new: str, said: Mapping[str, _Said]) -> bool:
    return sum(1 for words in said.values() if new in words.first) < MOST_OF_A_KEY


def _gathered(rotations: Iterable[Rotation]) -> dict[str, _Said]:
    found: dict[str, _Said] = {}
    for each in rotations:
        words = found.setdefault(each.old, _Said())
        if each.final:
            words.last.setdefault(each.new, []).append(each)
            if not words.settled and words.first.keys() == {each.new}:
                words.settled = each.new
        else:
            words.first.setdefault(each.new, each)
    return found


def _earliest(words: _Said) -> datetime:
    every = (*words.first.values(), *(each for new in words.first for each in words.last.get(new, ())))
    return min(each.at for each in every)


def _words(old: str, words: _Said, counted: tuple[str, ...], *, own: bool, decided: bool) -> str:
    claimed = " and ".join(sorted(new for new in words.first if new not in counted))
    if counted:
        known = " and ".join(counted)
        return f"besides {known} it is claimed that {claimed} follows the key {old}, signed by that key: whoever did that has a copy of it"
    if own:
        return (
            f"it is claimed that {claimed} follows the key {old}, which is this machine's own, and it was not done here: it does not count"
        )
    if decided:
        return f"it is claimed that {claimed} follows the key {old}, and `signers:` of the policy lists only that: it does not count"
    return (
        f"the key {old} has {len(words.first)} successors, {claimed}: none of them counts, and nothing that {old} signs since"
        f" {_earliest(words):%Y-%m-%d %H:%M} UTC"
    )
