"""Which paths the members of sets cover: what lies at or below one, is not excluded there, and is reached by it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from drtool.model.lying import lies_in
from drtool.model.workload import Workload
from drtool.trees.patterns import excluded_by

_ANY: Final = "drtoolmadeup"
"""A name that nobody gives: where even that is excluded, all is."""


@dataclass(frozen=True)
class Covering:
    """A path that a set protects, with the rules of its workload.

    `mounts` are all places of its machine where something is mounted; None: nobody knows. `barred` is what this user cannot read of it.
    """

    set: str
    path: str
    excludes: tuple[str, ...] = ()
    one_file_system: bool = False
    mounts: tuple[str, ...] | None = None
    barred: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Tell whether all of `path` is read with it, as far as paper tells."""
        if not lies_in(path, self.path) or any(lies_in(path, each) or lies_in(each, path) for each in self.barred):
            return False
        if self.one_file_system and not self._is_on_it(path):
            return False
        return not any(self._leaves_out(each) for each in (path, f"{path.rstrip('/')}/{_ANY}", f"{path.rstrip('/')}/{_ANY}/{_ANY}"))

    @property
    def is_empty(self) -> bool:
        """Tell whether its own rules leave out all of it."""
        taken_back = any(each.startswith("!") for each in self.excludes)
        return self._leaves_out(self.path) or (not taken_back and self._leaves_out(f"{self.path.rstrip('/')}/{_ANY}"))

    def _is_on_it(self, path: str) -> bool:
        if path == self.path:
            return True
        if self.mounts is None:
            return False
        return not any(lies_in(path, mount) for mount in self.mounts if mount != self.path and lies_in(mount, self.path))

    def _leaves_out(self, path: str) -> bool:
        """What is excluded takes along what lies in it, were it above the path of the set."""
        return any(self._excluded(each.encode("utf-8", "surrogateescape")) for each in _way_to(path))

    @cached_property
    def _excluded(self) -> Callable[[bytes], bool]:
        return excluded_by(self.excludes)


def covering(set_name: str, workload: Workload, mounts: Iterable[str] | None, *, barred: Iterable[str] = ()) -> Covering | None:
    """Return what a workload covers; None where it is no path, or is not read now.

    `barred` is what this user cannot read of it: where more than paths stands there (`and 3 more`), it may be anything.
    """
    path, closed = workload.selector.get("path"), tuple(barred)
    if workload.problem or not isinstance(path, str) or not all(each.startswith("/") for each in closed):
        return None
    rules = workload.selector
    return Covering(
        set=set_name,
        path=path,
        excludes=tuple(rules.get("exclude", ())),
        one_file_system=bool(rules.get("one_file_system")),
        mounts=None if mounts is None else tuple(mounts),
        barred=closed,
    )


def sets_covering(paths: Iterable[str], coverings: Iterable[Covering]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sets that cover each of `paths` together, and the paths that none does."""
    known = tuple(coverings)
    sets: dict[str, None] = {}
    bare = []
    for path in paths:
        found = [each.set for each in known if each.covers(path)]
        sets.update(dict.fromkeys(found))
        bare += [] if found else [path]
    return tuple(sets), tuple(bare)


def _way_to(path: str) -> Iterable[str]:
    """Yield `path` and what is around it."""
    while path not in ("", "/"):
        yield path
        path = posixpath.dirname(path)
