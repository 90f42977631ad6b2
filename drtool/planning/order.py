from __future__ import annotations

from collections.abc import Iterable, Iterator

from drtool.model.errors import Refused
from drtool.model.nearest import named
from drtool.model.policy import BackupSet, Policy


def set_of(policy: Policy, name: str) -> BackupSet:
    """Return a set by name; raises UnknownName for one the policy does not have."""
    return policy.sets[named(name, policy.sets, "set")]


def recovery_order(policy: Policy, sets: Iterable[str]) -> tuple[str, ...]:
    """Return the sets in the order they are restored: what a set needs, directly or through others, comes before it.

    Otherwise the given order stays. Raises UnknownName for a name the policy does not have, Refused when sets need each other.
    """
    wanted = tuple(dict.fromkeys(sets))
    asked = frozenset(wanted)
    finished: dict[str, None] = {}
    open_names: dict[str, None] = {}
    stack = [(name, False) for name in reversed(wanted)]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            del open_names[name]
            finished[name] = None
            continue
        if name in finished:
            continue
        if name in open_names:
            circle = " > ".join((*open_names, name))
            raise Refused(f"sets need each other: {circle}", hint="remove one of these `needs:` from the policy")
        needs = set_of(policy, name).needs
        open_names[name] = None
        stack.append((name, True))
        stack.extend((need, False) for need in reversed(needs) if need not in finished)
    return tuple(name for name in finished if name in asked)


def nearest_needs(policy: Policy, name: str, selected: frozenset[str]) -> tuple[str, ...]:
    """Return the selected sets that a set waits for, looking through those that are not selected."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    pending = list(reversed(set_of(policy, name).needs))
    while pending:
        need = pending.pop()
        if need in seen:
            continue
        seen.add(need)
        if need in selected:
            found[need] = None
        else:
            pending.extend(reversed(set_of(policy, need).needs))
    return tuple(found)


class Nesting:
    """Which names lie inside which: `nas:tank/a/b` inside `nas:tank/a`, also when nothing between them is named."""

    def __init__(self, names: Iterable[str]) -> None:
        known = frozenset(names)
        self._nearest: dict[str, str] = {}
        self._inside: dict[str, list[str]] = {}
        for name in sorted(known):
            outer = name.rpartition("/")[0]
            while outer and outer not in known:
                outer = outer.rpartition("/")[0]
            if outer:
                self._nearest[name] = outer
                self._inside.setdefault(outer, []).append(name)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the names whose nearest one around them this is."""
        return tuple(self._inside.get(name, ()))

    def depth(self, name: str) -> int:
        """Return how many lie around one."""
        return sum(1 for _outer in self.around(name))

    def around(self, name: str) -> Iterator[str]:
        """Return every name around one, the nearest first."""
        while name in self._nearest:
            name = self._nearest[name]
            yield name
