from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from drtool.catalog.memory import MemoryFolder
from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode
from drtool.model.inventory import Listing, Problem
from drtool.model.memory import SAME_HINT, same_repository
from drtool.model.native import NativeState
from drtool.model.point import RecoveryPoint
from drtool.model.policy import RepositoryPolicy

_SUFFIX = ".2.json"
"""The first release did not know which points are whole: what it remembered is asked anew."""


class Index:
    """The last listing of each repository on the local disk: a cache, absent or damaged means not known.

    What is known is known of an address: a repository that moved under the same name is asked anew. Whose points they are is
    judged again (`judge`) whenever they are loaded: another machine may have been adopted since.
    """

    def __init__(
        self,
        state_directory: str,
        repositories: Mapping[str, RepositoryPolicy],
        *,
        judge: Callable[[Listing], Listing] = lambda listing: listing,
    ) -> None:
        self._judge = judge
        self._path = os.path.join(state_directory, "index")
        self._repositories = repositories
        self._memories = MemoryFolder(state_directory, repositories)

    def save(self, listing: Listing) -> None:
        """Keep a listing; a state directory that cannot be written costs only the cache."""
        if listing.problem is not None:
            return
        slim = replace(listing, points=_slim(listing.points), others=_slim(listing.others), unsealed=(), vanished=(), damage=())
        with contextlib.suppress(OSError):
            make_folder(self._path)
            write_atomically(self._file(listing.repository), canonical(slim))

    def load(self) -> dict[str, Listing]:
        """Return what is known of the policy's repositories, with what is missed there and was found damaged as remembered now."""
        known = {}
        for repository in self._repositories:
            data = read_json(self._file(repository))
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                if data is not None and _tells_apart(data):
                    known[repository] = self._as_remembered(repository, decode(Listing, data))
        return known

    def _as_remembered(self, repository: str, listing: Listing) -> Listing:
        """Return what was listed as it counts now: of one that is named twice nothing does, as it is no copy."""
        twin = self._memories.twin_of(repository)
        if twin:
            return Listing(repository, listing.taken, problem=Problem("Refused", same_repository(repository, twin), SAME_HINT))
        memory = self._memories.of(repository).read()
        return self._judge(replace(listing, vanished=memory.vanished, damage=memory.damage))

    def clear(self) -> None:
        """Drop everything."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self._path):
                os.unlink(os.path.join(self._path, name))

    def forget(self) -> None:
        """Drop what is known of these repositories, and of no other."""
        for repository in self._repositories:
            with contextlib.suppress(OSError):
                os.unlink(self._file(repository))

    def _file(self, repository: str) -> str:
        location = self._repositories[repository].address.location
        digest = hashlib.sha256(location.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return os.path.join(self._path, f"{quote(repository, safe='')}-{digest}{_SUFFIX}")


def _tells_apart(data: Mapping[str, Any]) -> bool:
    """Tell whether a release listed it that told machines apart, and what a point's tags say: what was forgotten of them is in no index."""
    return "others" in data and all("mark" in point for point in (*data["points"], *data["others"]))


def _slim(points: Iterable[RecoveryPoint]) -> tuple[RecoveryPoint, ...]:
    """Forget what points consist of, but not the newest of each set that counts: its workloads are compared with what was proven."""
    every = tuple(points)
    newest: dict[tuple[str, str], RecoveryPoint] = {}
    for point in every:
        known = newest.get((point.by, point.set))
        if point.counts and (known is None or point.instant > known.instant):
            newest[point.by, point.set] = point
    kept = {id(point) for point in newest.values()}
    return tuple(point if id(point) in kept else replace(point, data=(), trees=(), native=_counted(point.native)) for point in every)


def _counted(native: NativeState) -> NativeState:
    return replace(native, there=(), lacking=()) if native.there or native.lacking else native
