"""Whose points a bare machine takes: it was told no name, so a person says one, or what is asked for decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from drtool.model.errors import Conflict, NotFound
from drtool.model.point import RecoveryPoint
from drtool.planning.names import fitting
from drtool.planning.words import spell_count, spell_instant

_SAFE = "nothing was changed"
_OLDEST = "(the oldest chain here)"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps points in a repository: a policy's name, a machine (empty: none is told), who signed them (empty: nobody)."""

    by: str
    machine: str
    signer: str
    points: tuple[RecoveryPoint, ...]
    """Newest first."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets of its points."""
        return tuple(sorted({point.set for point in self.points}))

    @property
    def words(self) -> str:
        """What a person has to know to choose."""
        machine = f" on {self.machine}" if self.machine else ""
        signed = f"signed by {self.signer}" if self.signer else "signed by nobody"
        count = spell_count(len(self.points), "point")
        since = spell_instant(self.points[-1].instant)
        return f"{self.by}{machine}: {count} of {', '.join(self.sets)} since {since}, the newest {self.points[0].point}, {signed}"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose points are taken: a name, and the machine if one was chosen; beside them whose are left aside though nothing told them so."""

    by: str
    machine: str = ""
    signer: str = ""
    """The key that was named instead of a machine; empty: its machine's own decides."""
    left_aside: tuple[Keeper, ...] = ()
    said: str = ""
    """What says the same by name, where others keep points here as well; empty: nobody else does."""
    signer_asked: str = ""
    """Who signed the point that was asked for by its whole id; empty: none was."""


def whose(points: Iterable[RecoveryPoint], *, machine: str = "", asked: Sequence[str] = ()) -> Whose:
    """Choose among those who keep points in a repository.

    `machine` is a machine's id, a signer's fingerprint or a policy's name; `asked` are names of sets and points, and one that only one of
    them has decides. What nobody signed is left aside where anything is signed, unless it is meant: whoever has the key can write it.

    Raises:
        NotFound: nobody is called `machine`.
        Conflict: several are left; it offers them.
    """
    every = _keepers(points)
    if not every:
        return Whose("")
    signed = [each for each in every if each.signer]
    meant = _called(every, machine) if machine else _holding(signed or every, asked, among=every)
    if len({each.by for each in meant}) > 1:
        meant = _holding(meant, asked, among=meant)
    names = list(dict.fromkeys(each.by for each in meant))
    if len(names) > 1:
        raise Conflict(
            f"what lies here bears {len(names)} names: {_offered(meant)}",
            hint=f"say whose you want, and compare its fingerprint with the recovery sheet: --machine {names[0]} {_OLDEST}; "
            "or name a set or point that only one of them has",
            safe=_SAFE,
        )
    by = names[0]
    own = [each for each in meant if each.machine and each.signer]
    machines = list(dict.fromkeys(each.machine for each in own))
    if len(machines) > 1:
        own = _holding(own, asked, among=own)
        machines = list(dict.fromkeys(each.machine for each in own))
    if len(machines) > 1:
        raise Conflict(
            f"several machines named {by} keep their points here: {_offered(own)}",
            hint=f"say whose you want, and compare its fingerprint with the recovery sheet: --machine {machines[0]} {_OLDEST}; "
            "or name a point that only one of them has",
            safe=_SAFE,
        )
    left = tuple(each for each in every if each.by != by and not each.signer and signed)
    signer = machine if any(each.signer == machine for each in meant) else ""
    chosen = machines[0] if machines else ""
    return Whose(by, chosen, signer, left, (signer or chosen or by) if len(every) > 1 else "", _signer_of(meant, asked))


def _signer_of(keepers: list[Keeper], asked: Sequence[str]) -> str:
    found = {each.signer for each in keepers for point in each.points if point.point in asked}
    return found.pop() if len(found) == 1 else ""


def _keepers(points: Iterable[RecoveryPoint]) -> list[Keeper]:
    """Group points by who keeps them: first the oldest chain, of two as old the longer one."""
    grouped: dict[tuple[str, str, str], list[RecoveryPoint]] = {}
    for point in points:
        grouped.setdefault((point.by, point.machine, point.signer), []).append(point)
    found = (
        Keeper(*who, points=tuple(sorted(held, key=lambda point: (point.instant, point.point), reverse=True)))
        for who, held in sorted(grouped.items())
    )
    return sorted(found, key=lambda each: (each.points[-1].instant, -len(each.points)))


def _called(every: list[Keeper], name: str) -> list[Keeper]:
    """Return who is called so: a fingerprint goes before a machine's id, and that before a policy's name, which anybody can choose."""
    ways: tuple[Callable[[Keeper], str], ...] = (lambda each: each.signer, lambda each: each.machine, lambda each: each.by)
    for way in ways:
        found = [each for each in every if way(each) == name]
        if found:
            return [each for each in found if each.signer] or found
    signed = [each for each in every if each.signer] or every
    raise NotFound(f"no machine {name} keeps points here", hint=f"there are: {_offered(signed)}", safe=_SAFE)


def _holding(meant: list[Keeper], asked: Sequence[str], *, among: list[Keeper]) -> list[Keeper]:
    """Return those of `meant` that hold all that was asked for; a point that only others (`among`) hold was named, so they are meant."""
    for word in asked:
        named = _having(meant, word)
        if not named and not any(word in each.sets for each in among):
            named = [each for each in _having(among, word) if any(point.point == word for point in each.points)]
        meant = named or meant  # what nobody has, such as `latest`, decides nothing
    return meant


def _having(keepers: list[Keeper], word: str) -> list[Keeper]:
    """Return who has a set of that name, else a point that may be called so."""
    found = [each for each in keepers if word in each.sets]
    return found or [each for each in keepers if fitting((point.point for point in each.points), word)]


def _offered(keepers: list[Keeper]) -> str:
    return "; ".join(each.words for each in keepers)
