"""What lies in the repositories: listings, fed by the index while it is good enough, and the manifests of points."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from drtool.app.runtime import Runtime
from drtool.catalog import manifest as manifests
from drtool.engine.observe import observe
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound
from drtool.model.inventory import Listing
from drtool.model.nearest import named
from drtool.model.point import Manifest, RecoveryPoint
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.model.view import PointView
from drtool.planning.choose import ChosenPoint, choose_point, name_older
from drtool.planning.unlisted import counts_from_newest, tell_unlisted
from drtool.planning.views import find_point, newest_before, view_points

RECENT_SECONDS = 60.0


def listings(runtime: Runtime, *, refresh: bool, only: str | None = None) -> dict[str, Listing]:
    """Return a listing of every repository, or `only` one: from the index, and asked anew where that knows nothing or with `refresh`."""
    names = tuple(runtime.policy.repositories) if only is None else (only,)
    known = {} if refresh else runtime.index.load()
    asked = observe(runtime.adapters, repositories=[name for name in names if name not in known]).repositories
    for listing in asked.values():
        runtime.index.save(listing)
    return {name: asked.get(name) or known[name] for name in names}


def age_of(runtime: Runtime, known: Mapping[str, Listing]) -> timedelta:
    """Tell how old the oldest of these listings is."""
    now = runtime.clock.now()
    return now - min((listing.taken for listing in known.values()), default=now)


def points_in(runtime: Runtime, known: Mapping[str, Listing]) -> tuple[PointView, ...]:
    """Return our points that listings tell of, newest first."""
    return view_points(known, now=runtime.clock.now())


@dataclass(frozen=True, slots=True)
class FoundPoint:
    """A point that a name means, its manifest, and in words what may be newer where a repository could not be listed."""

    view: PointView
    manifest: Manifest
    unlisted: tuple[str, ...]


def find(runtime: Runtime, name: str, *, refresh: bool) -> PointView:
    """Return the point that a name means; NotFound when there is none, or more than one."""
    return find_point(name, listings(runtime, refresh=refresh), now=runtime.clock.now())


def found_with_manifest(runtime: Runtime, name: str, *, refresh: bool) -> FoundPoint:
    """Return the point that a name means, and its manifest."""
    known = listings(runtime, refresh=refresh)
    view = find_point(name, known, now=runtime.clock.now())
    return FoundPoint(view, read_manifest(runtime, view, known), _unlisted(runtime, known, view.point, asked=name))


def read_manifest(
    runtime: Runtime, view: PointView, known: Mapping[str, Listing], *, early: Mapping[tuple[str, str], bytes] | None = None
) -> Manifest:
    """Read the manifest of a point from the first repository that gives it as it was sealed; what came `early` if it is that."""
    last: DrtoolError | None = None
    for name in view.listed:
        point = next((each for each in reversed(known[name].every_point) if each.digest == view.point.digest), view.point)
        came = (early or {}).get((name, point.manifest), b"")
        if hashlib.sha256(came).hexdigest() == view.point.digest:
            return manifests.read(came, digest=view.point.digest)
        try:
            return manifests.read(runtime.adapters.repositories[name].read(point.manifest), digest=view.point.digest)
        except DrtoolError as error:
            last = error
    raise last or NotFound(f"no repository holds the point {view.point.point}")


def choose(
    runtime: Runtime,
    set_name: str,
    repositories: Iterable[str],
    *,
    point: str | None = None,
    at: datetime | None = None,
    workloads: tuple[str, ...] = (),
    signers: Callable[[], frozenset[str]] = frozenset,
    guess: bool = False,
) -> tuple[ChosenPoint, Manifest]:
    """Choose the point of a set to restore and read its manifest; when no repository can be read, raises what the first one says.

    `guess`: while it is listed, read the manifest of the point that was the newest when this machine listed it last. If it is no more,
    that was in vain.
    """
    asked = runtime.adapters.repositories
    names = tuple(named(name, asked, "repository") for name in dict.fromkeys(repositories))
    early: dict[tuple[str, str], bytes] = {}
    meanwhile = partial(_read_early, runtime, set_name, names, early) if guess else None
    known = observe(runtime.adapters, repositories=names, meanwhile=meanwhile).repositories
    for listing in known.values():
        runtime.index.save(listing)
    if all(listing.problem is not None for listing in known.values()):
        asked[names[0]].list()
    chosen = choose_point(
        known,
        set=set_name,
        by=runtime.policy.name,
        point=point,
        at=at,
        now=runtime.clock.now(),
        workloads=workloads,
        signers=signers(),
    )
    chosen = replace(chosen, unlisted=_unlisted(runtime, known, chosen.recovery_point, asked=point, at=at))
    try:
        return chosen, read_manifest(runtime, PointView(chosen.recovery_point, chosen.copies), known, early=early)
    except Corrupt as error:  # an older point is never taken unless somebody says so; which one that would be is said
        error.hint = "; ".join(filter(None, (error.hint, name_older(chosen.recovery_point, known))))
        raise


def _unlisted(
    runtime: Runtime, known: Mapping[str, Listing], chosen: RecoveryPoint, *, asked: str | None, at: datetime | None = None
) -> tuple[str, ...]:
    if all(listing.problem is None for listing in known.values()) or not counts_from_newest(asked, chosen.set):
        return ()
    return tell_unlisted(known, runtime.index.load(), chosen, until=at or runtime.clock.now() + FUTURE_TOLERANCE)


def _read_early(runtime: Runtime, set_name: str, names: Iterable[str], early: dict[tuple[str, str], bytes]) -> None:
    """Read the manifest that will be wanted if nothing changed since the last listing; what fails is asked again in its time."""
    remembered = runtime.index.load()
    known = {name: remembered[name] for name in names if name in remembered}
    try:
        chosen = choose_point(known, set=set_name, by=runtime.policy.name, now=runtime.clock.now())
        (name, point) = chosen.copies[0], chosen.recovery_point
        early[name, point.manifest] = runtime.adapters.repositories[name].read(point.manifest, unlisted=True)
    except Interrupted:
        raise
    except DrtoolError:
        return


def read_before(runtime: Runtime, later: Iterable[Manifest], repository: str) -> dict[str, Manifest]:
    """Return by set the manifest of the newest complete point before each of `later`, where this repository has one."""
    known = {repository: runtime.adapters.repositories[repository].list(maximum_age_seconds=RECENT_SECONDS)}
    found = {}
    for manifest in later:
        view = newest_before(manifest.instant, manifest.set, known, now=runtime.clock.now())
        if view is not None:
            found[manifest.set] = read_manifest(runtime, view, known)
    return found
