"""What platforms keep for us: asked for wherever points are listed, named by manifests, and removed only when none names it any more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from drtool.catalog import manifest as manifests
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.inventory import Listing
from drtool.model.native import Claims, Held, NativePlace, NativeState
from drtool.model.point import Artifact, Member, RecoveryPoint
from drtool.ports import LandingWay, NativeStore, RecallRequest, Repository, Source

Read = Callable[[str], bytes]
_Kept = tuple[tuple[str, Artifact], ...]


def stores_of(sources: Iterable[Source]) -> dict[str, NativeStore]:
    """Return the native stores of sources by their names; one that is not called like its source is none."""
    return {store.name: store for source in sources for store in source.stores() if store.name.partition(":")[0] == source.name}


def store_named(stores: Mapping[str, NativeStore], place: NativePlace) -> NativeStore:
    """Return the store that a place names; NotFound where no source of the policy has it."""
    store = stores.get(place.store)
    if store is None:
        raise NotFound(
            f"no source of this policy has the store {place.store}",
            hint=f"write the source {place.store.partition(':')[0]} into the policy",
            safe="nothing was changed",
        )
    return store


def is_as_recorded(held: Held | None, place: NativePlace) -> bool:
    """Tell whether a store holds what a manifest says that it does: what has no digest there is known by its place alone."""
    return held is not None and held.digest == place.digest


def require_as_recorded(held: Held, place: NativePlace, *, what: str) -> None:
    """Raise Corrupt where a store gives something else than what was recorded when the point was sealed."""
    if not is_as_recorded(held, place):
        raise Corrupt(
            f"{place.store} holds something else at {place.locator} than what was kept there of {what}",
            hint="look there who wrote to it; restore with another point: drtool points",
            safe="nothing of it is in service",
        )


def have(native: Artifact, stores: Mapping[str, NativeStore]) -> bool:
    """Tell whether some place of a native artifact has it as it was recorded; raises what the store says where it cannot be asked."""
    last: DrtoolError | None = None
    for place in native.places:
        try:
            (held,) = store_named(stores, place).present((place,))
        except Interrupted:
            raise
        except DrtoolError as error:
            last = error
            continue
        if is_as_recorded(held, place):
            return True
        if held is not None:
            require_as_recorded(held, place, what=native.name)
    if last is not None:
        raise last
    return False


class Natives:
    """Completes listings by what native stores say, and knows which places manifests name.

    A manifest is read once, whatever is listed later: it never changes. What stands in the way of an answer leaves it unknown.

    Args:
        stores: gives the stores by name, when they are needed.
    """

    def __init__(self, stores: Callable[[], Mapping[str, NativeStore]]) -> None:
        self._stores = stores
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def complete(self, listing: Listing, read: Read) -> Listing:
        """Return a listing whose points of ours tell what stores say of their native artifacts; each store is asked once."""
        if not any(point.natives for point in listing.points):
            return listing
        known: dict[str, _Kept] = {}
        for point in (each for each in listing.points if each.natives):
            with _unknown():
                known[point.point] = self._natives(point, read)
        answers = self._ask({place for kept in known.values() for _workload, artifact in kept for place in artifact.places})
        told = tuple(
            replace(point, native=_state(known.get(point.point, ()), answers)) if point.natives else point for point in listing.points
        )
        return replace(listing, points=told)

    def places(self, point: RecoveryPoint, repository: Repository) -> tuple[NativePlace, ...] | None:
        """Return every place that the manifest of a point names; None where it cannot be read."""
        try:
            return self._places(point, repository)
        except Interrupted:
            raise
        except DrtoolError:
            return None

    def _places(self, point: RecoveryPoint, repository: Repository) -> tuple[NativePlace, ...]:
        kept = self._natives(point, repository.read) if point.natives else ()
        return tuple(place for _workload, artifact in kept for place in artifact.places)

    def claims(
        self, listings: Iterable[Listing], repositories: Mapping[str, Repository], *, but: Collection[str] = frozenset()
    ) -> Claims | None:
        """Return what manifests name, everybody's; None where one cannot be read or was missed: then nobody knows.

        What somebody else wrote that is no manifest names nothing, and stops nothing. `but` are snapshot ids of manifests that do not
        count: the claims that are about to be given up.
        """
        found: set[tuple[str, str]] = set()
        for listing in listings:
            if listing.problem is not None or listing.vanished:
                return None
            for point in listing.every_point:
                if point.manifest in but:
                    continue
                try:
                    found |= {place.identity for place in self._places(point, repositories[listing.repository])}
                except Interrupted:
                    raise
                except Corrupt:
                    if point in listing.points:
                        return None
                except DrtoolError:
                    return None
        return frozenset(found)

    def _natives(self, point: RecoveryPoint, read: Read) -> _Kept:
        with self._lock:
            known = self._kept.get(point.digest)
        if known is not None:
            return known
        manifest = manifests.read(read(point.manifest), digest=point.digest)
        kept = tuple((member.workload, artifact) for member in manifest.members for artifact in member.artifacts if artifact.native)
        if len(kept) != point.natives:
            raise Corrupt(f"the manifest of {point.point} and its tags tell different things of what a platform keeps")
        with self._lock:
            self._kept[point.digest] = kept
        return kept

    def _ask(self, places: Iterable[NativePlace]) -> Mapping[NativePlace, Held | None]:
        """Return the answer of each place's store; of a store that cannot be asked there is none."""
        wanted: dict[str, list[NativePlace]] = {}
        for place in sorted(places, key=lambda each: each.identity):
            wanted.setdefault(place.store, []).append(place)
        stores = self._stores()
        answers: dict[NativePlace, Held | None] = {}
        for name, asked in wanted.items():
            answers.update(_answers(stores.get(name), asked))
        return answers


@contextlib.contextmanager
def _unknown() -> Iterator[None]:
    """Let what stands in the way of an answer be no answer; who was told to stop stops."""
    try:
        yield
    except Interrupted:
        raise
    except DrtoolError:
        return


def _answers(store: NativeStore | None, asked: Sequence[NativePlace]) -> Mapping[NativePlace, Held | None]:
    if store is not None:
        with _unknown():
            return dict(zip(asked, store.present(asked), strict=True))
    return {}


def _state(kept: _Kept, answers: Mapping[NativePlace, Held | None]) -> NativeState:
    """Count what is present, and what is gone for certain; of the rest nobody knows."""
    present = gone = 0
    sites: dict[tuple[str, ...], None] = {}
    lacking: dict[str, None] = {}
    for workload, artifact in kept:
        good = [place for place in artifact.places if is_as_recorded(answers.get(place), place)]
        if good:
            present += 1
            sites[tuple(sorted({place.site for place in good}))] = None
            continue
        gone += all(place in answers for place in artifact.places)
        lacking[workload] = None
    there = tuple(dict.fromkeys(workload for workload, _artifact in kept if workload not in lacking))
    return NativeState(present, gone, tuple(sites), there, tuple(lacking))


def natives_of(member: Member) -> tuple[Artifact, ...]:
    """Return what a platform keeps of a member."""
    return tuple(artifact for artifact in member.artifacts if artifact.native)


def recall(native: Artifact, way: LandingWay, stores: Mapping[str, NativeStore], *, workload: str) -> int:
    """Let the first place that can give a native artifact bring it into what was landed; returns its bytes.

    Raises the worst that its places said: Corrupt before anything else, as that tells of the data.
    """
    if way.recalled is None:
        raise Refused(
            f"nothing takes {native.name} of {workload} there: its platform keeps it, and brings it back only at home",
            hint="restore it to its original place, or into a sandbox of its platform",
            safe="nothing of it was written",
        )
    errors: list[DrtoolError] = []
    for place in native.places:
        try:
            held = store_named(stores, place).recall(RecallRequest(place, way.recalled, workload))
            require_as_recorded(held, place, what=workload)
        except Interrupted:
            raise
        except DrtoolError as error:
            errors.append(error)
            continue
        return held.bytes
    raise next((error for error in errors if isinstance(error, Corrupt)), errors[0])
