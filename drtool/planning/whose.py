"""Whose points a bare machine takes: it was told no name, so a person says one, unless one key signs for all that lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from drtool.model.errors import Conflict, NotFound
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.planning.names import LATEST, counted_back, fitting
from drtool.planning.succession import at_once, chains, follow
from drtool.planning.words import spell_count, spell_instant, spell_some

UNSIGNED = "unsigned"
"""What `--machine` says for what nobody signed."""
_SAFE = "nothing was changed"
_SHOWN = 10
_SETS_SHOWN = 5
_PART = 4
"""A word as short as a part of an id may be by chance is a set's name where anybody has such a set."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps points in a repository: a policy's name, a machine (empty: none is told), who signed them (empty: nobody)."""

    by: str
    machine: str
    signer: str
    points: tuple[RecoveryPoint, ...]
    """Newest first."""
    keys: tuple[str, ...] = ()
    """The keys that followed one another, the first of which is the signer."""
    former: bool = False
    """Whether these are as a release left them that signed nothing and told no machines apart."""

    @property
    def plausible(self) -> bool:
        """Whether a release of drtool made such points: each that names a machine signs, too."""
        return self.former or bool(self.signer and self.machine)

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets of its points."""
        return tuple(sorted({point.set for point in self.points}))

    @property
    def words(self) -> str:
        """What a person has to know to choose; whoever writes a point chooses its date."""
        machine = f" on {self.machine}" if self.machine else ""
        signed = f"signed by {', then by '.join(self.keys or (self.signer,))}" if self.signer else "signed by nobody"
        count = f"{spell_count(len(self.points), 'point')} of {spell_some(self.sets, _SETS_SHOWN)}"
        dated = f"dated {spell_instant(self.points[-1].instant)} to {spell_instant(self.points[0].instant)}"
        return f"{self.by}{machine}: {count}, {dated}, the newest {self.points[0].point}, {signed}"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose points are taken: a name, and the machine if one was chosen; beside them whose are left aside though nothing told them so."""

    by: str
    machine: str = ""
    signer: str = ""
    """The key that counts: the one that was named, else the only one, or the first of those that followed one another."""
    left_aside: tuple[Keeper, ...] = ()
    said: str = ""
    """What says the same by name, where others keep points here as well; empty: nobody else does."""
    unsigned: bool = False
    """Whether what nobody signed is meant though others sign here."""


def _none(_by: str) -> tuple[Rotation, ...]:
    return ()


def whose(
    points: Iterable[RecoveryPoint],
    *,
    machine: str = "",
    asked: Sequence[str] = (),
    rotations: Callable[[str], Iterable[Rotation]] = _none,
) -> Whose:
    """Choose among those who keep points in a repository.

    `machine` is a signer's fingerprint, a machine's id, a policy's name or `unsigned`; `asked` are names of sets and points: the whole id
    of a point decides, a set's name only among those for whom one key signs; `rotations` tells by a policy's name which of its keys
    follow which. Whoever has the repository's key can write any name, set, machine and date, and remove what bears the same, so that of
    two signers whom no rotation joins, and of what is signed and what is not, none is taken unless it is meant. What no release made so
    is left aside.

    Raises:
        NotFound: nobody is called `machine`.
        Conflict: several are left; it offers them.
    """
    every = _keepers(points, rotations)
    if not every:
        return Whose("")
    signed = any(each.signer for each in every)
    candidates = [each for each in every if each.plausible] if signed else every
    candidates = candidates or every
    meant, ways = _called(every, machine) if machine else (_holding(candidates, asked, among=every), 1)
    if _several(meant):
        meant = _holding(meant, asked, among=meant)
    if _several(meant):
        raise _conflict(meant, machine, ways, rotations)
    chosen = next((each for each in meant if each.signer), meant[0])
    left = tuple(each for each in every if each.by != chosen.by and not each.plausible and signed)
    named = machine if machine in chosen.keys else chosen.signer
    said = _said(chosen, named, every) if len(every) > 1 else ""
    return Whose(chosen.by, chosen.machine if chosen.signer else "", named, left, said, signed and not chosen.signer)


def signed_by(points: Iterable[RecoveryPoint]) -> tuple[str, ...]:
    """Say whose signatures are believed, where nothing but a repository is known: whoever has its key can write under any name."""
    found: dict[str, list[str]] = {}
    for point in points:
        found.setdefault(point.signer, []).append(point.set)
    return tuple(
        f"{', '.join(sets)}: signed by {signer}; compare it with the recovery sheet"
        if signer
        else f"{', '.join(sets)}: signed by nobody; whoever can write into this repository can have made it"
        for signer, sets in found.items()
    )


def _said(chosen: Keeper, signer: str, every: list[Keeper]) -> str:
    """Name somebody by what nobody else can choose: the key, unless several machines share it."""
    if not chosen.signer:
        return UNSIGNED if chosen.former and sum(1 for each in every if each.former) == 1 else chosen.by
    return signer if sum(1 for each in every if signer in each.keys) == 1 else chosen.machine


def _several(meant: list[Keeper]) -> bool:
    signers = {(each.machine, each.signer) for each in meant if each.signer}
    return len({each.by for each in meant}) > 1 or len(signers) > 1 or (bool(signers) and any(each.former for each in meant))


def _conflict(meant: list[Keeper], machine: str, ways: int, rotations: Callable[[str], Iterable[Rotation]]) -> Conflict:
    names, by = {each.by for each in meant}, meant[0].by
    signers = {each.signer for each in meant if each.signer}
    point = ""
    if ways > 1:
        what = f"{machine} is a machine's id and a policy's name here, and means more than one in two ways"
    elif len(names) > 1:
        what, point = f"what lies here bears {len(names)} names", "; or name a point by its whole id"
    elif len({each.machine for each in meant if each.signer}) > 1:
        what, point = f"several machines named {by} keep their points here", "; or name a point by its whole id"
    elif len(signers) > 1:
        what = f"the points of {by} on {meant[0].machine} bear several signatures, and no key is known to follow another"
    else:
        what = f"only some points of {by} are signed, and the others are as a release left them that signed nothing"
    words = "; ".join((f"{what}: {_offered(meant)}", *_disputes(meant, rotations)))
    if not signers:
        return Conflict(words, hint=f"nobody signed these; say whose you want by the policy's name: --machine NAME{point}", safe=_SAFE)
    unsigned = f", or --machine {UNSIGNED} for what nobody signed" if any(not each.signer for each in meant) else ""
    hint = f"compare the fingerprints with the recovery sheet, and name the one that stands there: --machine FINGERPRINT{unsigned}{point}"
    if len({each.machine for each in meant}) > 1 and len(signers) == 1 and not unsigned:
        hint = f"one key signs for all of them; say which you want by the machine's id: --machine ID{point}"
    return Conflict(words, hint=hint, safe=_SAFE)


def _disputes(meant: list[Keeper], rotations: Callable[[str], Iterable[Rotation]]) -> tuple[str, ...]:
    """Return in words what is claimed of the keys that are offered; of many whose date is anybody's choice only some."""
    told = [
        words
        for each in _shown(meant)
        for key in each.keys[-1:]
        for words in follow(frozenset({key}), at_once(rotations(each.by))).disputed
    ]
    return tuple(dict.fromkeys(told))[:3]


def _keepers(points: Iterable[RecoveryPoint], rotations: Callable[[str], Iterable[Rotation]]) -> list[Keeper]:
    grouped: dict[tuple[str, str, bool], dict[str, list[RecoveryPoint]]] = {}
    for point in points:
        former = bool(point.unsigned and not point.signer and not point.machine)
        grouped.setdefault((point.by, point.machine, former), {}).setdefault(point.signer, []).append(point)
    found = []
    for (by, machine, former), held in sorted(grouped.items()):
        for signer, keys in (chains(held, rotations(by)) if len(held) > 1 else {each: (each,) for each in held}).items():
            every = (point for key in keys for point in held[key])
            newest_first = tuple(sorted(every, key=lambda point: (point.instant, point.point), reverse=True))
            found.append(Keeper(by, machine, signer, newest_first, keys if signer else (), former))
    return found


def _called(every: list[Keeper], name: str) -> tuple[list[Keeper], int]:
    """Return who is called so, and in how many ways one may be.

    A fingerprint, and the word for what nobody signed, go before names, which anybody can choose.
    """
    found = [each for each in every if name in each.keys]
    if not found and name == UNSIGNED:
        unsigned = [each for each in every if not each.signer]
        found = [each for each in unsigned if each.former] or unsigned
        if not found:
            raise NotFound("everything here is signed", hint=f"there are: {_offered(every)}", safe=_SAFE)
    if found:
        return found, 1
    found = [each for each in every if name in (each.machine, each.by)]
    found = [each for each in found if each.plausible] or found
    if not found:
        there = [each for each in every if each.plausible] or every
        raise NotFound(f"no machine {name} keeps points here", hint=f"there are: {_offered(there)}", safe=_SAFE)
    return found, any(each.machine == name for each in found) + any(each.by == name for each in found)


def _holding(meant: list[Keeper], asked: Sequence[str], *, among: list[Keeper]) -> list[Keeper]:
    """Return those of `meant` that hold all that was asked for; a point that only others (`among`) hold was named, so they are meant.

    The whole id of a point decides. A set's name, and a part of an id, can be anybody's who writes here: they decide only among those for
    whom one key signs, or where nobody signs at all.
    """
    for word in asked:
        if counted_back(word.strip().lower())[0] == LATEST:
            continue  # it is everybody's, whatever somebody calls a set or point of his
        named = _having(meant, word)
        if not any(word in each.sets for each in among):
            whole = [each for each in among if any(point.point == word for point in each.points)]
            if whole:
                meant = [each for each in meant if each in whole] or whole
                continue
        if len({each.signer for each in meant}) == 1:
            meant = named or meant  # what nobody has decides nothing
    return meant


def _having(keepers: list[Keeper], word: str) -> list[Keeper]:
    """Return who has a set of that name or a point that is called so, else one that may be: a word that fits in both ways means both."""
    sets = [word in each.sets for each in keepers]
    ids = [any(point.point in (word, word.strip().upper()) for point in each.points) for each in keepers]
    if not any(ids) and not (any(sets) and len(word) < _PART):
        ids = [bool(fitting((point.point for point in each.points), word)) for each in keepers]
    return [each for each, *fits in zip(keepers, sets, ids, strict=True) if any(fits)]


def _shown(keepers: list[Keeper]) -> list[Keeper]:
    """Return the most plausible of them first: those who sign, and whose points are many, as each costs who makes them up."""
    return sorted(keepers, key=lambda each: (not each.plausible, not each.signer, -len(each.points), each.by, each.machine, each.signer))[
        :_SHOWN
    ]


def _offered(keepers: list[Keeper]) -> str:
    more = f"; and {len(keepers) - _SHOWN} more" if len(keepers) > _SHOWN else ""
    return "; ".join(each.words for each in _shown(keepers)) + more
