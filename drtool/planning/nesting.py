"""Which places lie in which: what is restored around others is put in place first, and what lies in it after that."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drtool.model.errors import Refused
from drtool.model.policy import Policy
from drtool.planning.selection import Selected


@dataclass(frozen=True, slots=True)
class NestedPath:
    """A path of one platform that a member is put at; two sources of one kind and the same settings are one platform."""

    set: str
    workload: str
    platform: tuple[Any, ...]
    path: str

    def lies_in(self, other: NestedPath) -> bool:
        """Tell whether this place lies in another, or is the same."""
        return self.platform == other.platform and f"{self.path}/".startswith(f"{other.path.rstrip('/')}/")


class Places:
    """The places of everything that is restored at once, of all its sets."""

    def __init__(self, policy: Policy, selected: Mapping[str, tuple[Selected, ...]], *, in_place: bool) -> None:
        self._in_place = in_place
        self._every = [
            place for name, items in selected.items() for item in items for place in _places(policy, name, item, in_place=in_place)
        ]

    def around(self, set_name: str, workload: str) -> tuple[tuple[str, str], ...]:
        """Return the members, as set and workload, in whose place one lies."""
        own = [place for place in self._every if (place.set, place.workload) == (set_name, workload)]
        others = (place for place in self._every if (place.set, place.workload) != (set_name, workload))
        return tuple(dict.fromkeys((other.set, other.workload) for other in others if any(place.lies_in(other) for place in own)))

    def surrounds(self, set_name: str, workload: str) -> bool:
        """Tell whether another member lies in one."""
        return any((set_name, workload) in self.around(place.set, place.workload) for place in self._every)

    def levels(self, set_name: str, items: Iterable[Selected]) -> list[tuple[Selected, ...]]:
        """Return the members of a set in groups, each to be in place before the next begins, which lies in it."""
        groups: dict[int, list[Selected]] = {}
        for item in items:
            depth = sum(1 for outer, _workload in self.around(set_name, item.member.workload) if outer == set_name)
            groups.setdefault(depth, []).append(item)
        return [tuple(groups[depth]) for depth in sorted(groups)]

    def order(self, policy: Policy, sets: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sets such that none stands before one in whose places it lies; else as they were.

        Raises Refused where two members are the same place, or where the order that the policy asks for would put something in place that
        then is moved away with what lies around it.
        """
        if self._in_place:
            self._refuse_equal()
        waits: dict[str, dict[str, None]] = {name: {} for name in sets}
        for place in self._every:
            for outer, _workload in self.around(place.set, place.workload):
                if outer != place.set:
                    waits[place.set][outer] = None
        for name in sets:
            for need in _needed(policy, name) & waits.keys():
                waits[name][need] = None
        ordered: dict[str, None] = {}
        while len(ordered) < len(sets):
            ready = next((name for name in sets if name not in ordered and not waits[name].keys() - ordered.keys()), None)
            if ready is None:
                stuck = [name for name in sets if name not in ordered]
                raise Refused(
                    f"places of {' and '.join(stuck)} lie in one another, and no order puts each in place for good",
                    hint=f"restore them one after the other, first what lies around the rest: drtool restore {stuck[0]}",
                    safe="nothing was restored",
                )
            ordered[ready] = None
        return tuple(ordered)

    def _refuse_equal(self) -> None:
        seen: dict[tuple[tuple[Any, ...], str], NestedPath] = {}
        for place in self._every:
            other = seen.setdefault((place.platform, place.path), place)
            if (other.set, other.workload) != (place.set, place.workload):
                raise Refused(
                    f"{other.workload} of {other.set} and {place.workload} of {place.set} are the same place: {place.path}",
                    hint=f"restore one of them: drtool restore {other.set}; or both with: --to directory PATH",
                    safe="nothing was restored",
                )


def _places(policy: Policy, set_name: str, item: Selected, *, in_place: bool) -> list[NestedPath]:
    member = item.member
    named = all(artifact.form == "tree" and member.workload == f"{member.source}:{artifact.path}" for artifact in member.artifacts)
    if member.by_hand or member.selector.get("nests") or not named:
        return []  # its platform knows what lies in what, or it is no path
    source = policy.sources.get(member.source)
    one_of_its_own = source is None or not in_place  # elsewhere each source has a folder of its own
    platform = (member.source,) if one_of_its_own or source is None else (source.kind, repr(sorted(source.settings.items())))
    paths = item.paths or tuple(artifact.path for artifact in member.artifacts)
    return [NestedPath(set_name, member.workload, platform, posixpath.normpath(path)) for path in paths]


def _needed(policy: Policy, name: str) -> set[str]:
    """Return every set that one needs, directly or through others."""
    found: set[str] = set()
    pending = [name]
    while pending:
        backup_set = policy.sets.get(pending.pop())
        fresh = set(backup_set.needs) - found if backup_set is not None else set()
        found |= fresh
        pending.extend(fresh)
    return found
