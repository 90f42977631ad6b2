"""What lies in the repositories, for whoever looks: listings, points, manifests, files; fed by the index while it is good enough."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.catalog import manifest as manifests
from drtool.catalog.index import Index
from drtool.engine.hands import Hands
from drtool.engine.observe import list_repository, observe
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.hold import Hold, active_holds
from drtool.model.inventory import Listing
from drtool.model.nearest import named, nearest
from drtool.model.point import FUTURE_TOLERANCE, Artifact, Manifest, Member, RecoveryPoint
from drtool.model.policy import Policy
from drtool.model.view import PointView
from drtool.planning.choose import ChosenPoint, choose_point, name_older
from drtool.planning.evidence import verified_points
from drtool.planning.names import fitting
from drtool.ports import Clock, Entry, GetRequest, GetResult

RECENT_SECONDS = 60.0
LATEST = "latest"
"""What names the newest complete point, of whatever set."""
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Archive:
    """The points of one policy across its repositories; `open_hands` is called only when the index does not know enough."""

    policy: Policy
    clock: Clock
    index: Index
    open_hands: Callable[[], Hands]

    @property
    def hands(self) -> Hands:
        """What can ask the repositories."""
        return self.open_hands()

    def listings(self, *, refresh: bool) -> dict[str, Listing]:
        """Return a listing of every repository: from the index, and asked anew where that knows nothing or with `refresh`."""
        names = tuple(self.policy.repositories)
        known = {} if refresh else self.index.load()
        for name in names:
            if name not in known:
                known[name] = list_repository(self.hands, name)
                self.index.save(known[name])
        return {name: known[name] for name in names}

    def views(self, listings: Mapping[str, Listing]) -> tuple[PointView, ...]:
        """Return our points, newest first, each with the repositories that hold it."""
        points: dict[str, RecoveryPoint] = {}
        places: dict[str, list[str]] = {}
        broken: dict[str, list[str]] = {}
        read = {name: verified_points(listing, by=("verify",)) for name, listing in listings.items()}
        drilled = {name: verified_points(listing, by=("drill",)) for name, listing in listings.items()}
        for name, listing in listings.items():
            for point in listing.points:
                if point.point not in places:
                    points[point.point] = point
                (places if point.whole else broken).setdefault(point.point, []).append(name)
        active = self.holds(listings)
        ordered = sorted(points.values(), key=lambda point: (point.instant, point.point), reverse=True)
        return tuple(
            PointView(
                point,
                tuple(places.get(point.point, ())),
                tuple(name for name, points in read.items() if point.point in points),
                tuple(hold for hold in active if hold.set == point.set and hold.point in ("", point.point)),
                tuple(broken.get(point.point, ())),
                tuple(name for name, points in drilled.items() if point.point in points),
            )
            for point in ordered
        )

    def holds(self, listings: Mapping[str, Listing]) -> tuple[Hold, ...]:
        """Return the holds in force in any repository: a release may not have reached all of them."""
        found = (hold for listing in listings.values() for hold in active_holds(listing.holds, self.clock.now()))
        return tuple({hold.id: hold for hold in sorted(found, key=lambda hold: hold.counts)}.values())  # of two with one id that of ours

    def find(self, name: str, listings: Mapping[str, Listing]) -> PointView:
        """Return a point by its id, the beginning or end of it, the name of its set (the newest complete one), or `latest`.

        Raises NotFound when there is none, or more than one.
        """
        views = self.views(listings)
        sets = {view.point.set for view in views}
        if name in sets or name == LATEST:
            return self._newest([view for view in views if name in (view.point.set, LATEST)], name)
        if not name:
            raise NotFound("an empty name names no point", hint="drtool points")
        names = set(fitting((view.point.point for view in views), name))
        matches = [view for view in views if view.point.point in names]
        if len(matches) != 1:
            count = "no point is" if not matches else f"{len(matches)} points are"
            unread = [repository for repository, listing in listings.items() if listing.problem is not None]
            told = f"{', '.join(unread)} could not be read: drtool doctor" if unread else _nearest(name, sets)
            raise NotFound(f"{count} called {name}", hint=told)
        return matches[0]

    def _newest(self, views: list[PointView], name: str) -> PointView:
        now = self.clock.now()
        usable = [view for view in views if view.point.complete and view.point.instant <= now + FUTURE_TOLERANCE]
        if not usable:
            raise NotFound(f"there is no complete point for {name}", hint="drtool points shows what there is; name one by its id")
        return usable[0]

    def manifest(self, view: PointView, listings: Mapping[str, Listing]) -> Manifest:
        """Read the manifest of a point from the first repository that gives it as it was sealed."""
        last: DrtoolError | None = None
        for name in view.listed:
            point = next((each for each in reversed(listings[name].every_point) if each.digest == view.point.digest), view.point)
            try:
                return manifests.read(self.hands.repositories[name].read(point.manifest), digest=view.point.digest)
            except DrtoolError as error:
                last = error
        raise last or NotFound(f"no repository holds the point {view.point.point}")

    def choose(
        self,
        set_name: str,
        repositories: Iterable[str],
        *,
        point: str | None = None,
        at: datetime | None = None,
        workloads: tuple[str, ...] = (),
        signers: Callable[[], frozenset[str]] = frozenset,
    ) -> tuple[ChosenPoint, Manifest]:
        """Choose the point of a set to restore and read its manifest; when no repository can be read, raises what the first one says."""
        names = tuple(named(name, self.hands.repositories, "repository") for name in dict.fromkeys(repositories))
        listings = observe(self.hands, repositories=names).repositories
        for listing in listings.values():
            self.index.save(listing)
        if all(listing.problem is not None for listing in listings.values()):
            self.hands.repositories[names[0]].list()
        now = self.clock.now()
        chosen = choose_point(
            listings, set=set_name, by=self.policy.name, point=point, at=at, now=now, workloads=workloads, signers=signers()
        )
        try:
            return chosen, self.manifest(PointView(chosen.recovery_point, chosen.copies), listings)
        except Corrupt as error:  # an older point is never taken unless somebody says so; which one that would be is said
            error.hint = "; ".join(filter(None, (error.hint, name_older(chosen.recovery_point, listings))))
            raise

    def before(self, manifests: Iterable[Manifest], repository: str) -> dict[str, Manifest]:
        """Return by set the manifest of the newest complete point before each of `manifests`, where this repository has one."""
        listings = {repository: self.hands.repositories[repository].list(maximum_age_seconds=RECENT_SECONDS)}
        found = {}
        for manifest in manifests:
            for view in self.views(listings):
                if view.point.set == manifest.set and view.counts and view.point.instant < manifest.instant:
                    found[manifest.set] = self.manifest(view, listings)
                    break
        return found

    def files(self, name: str, path: str = "", workload: str | None = None) -> Iterator[Entry]:
        """Yield what is inside a point, below `path`."""
        listings = self.listings(refresh=True)
        view = self.find(name, listings)
        manifest = self.manifest(view, listings)
        wanted = _looked_for(path)
        chosen = [
            (member, artifact)
            for member in manifest.members
            for artifact in member.artifacts
            if workload in (None, member.workload) and (not wanted or _related(wanted, artifact.path))
        ]
        if workload is not None and workload not in {member.workload for member in manifest.members}:
            raise NotFound(f"the point holds no {workload}", hint=_holds(manifest))
        if wanted and not chosen:
            raise NotFound(f"{path} is not in this point", hint=_holds(manifest))
        for member, artifact in chosen:
            yield from self._browse(view, artifact, member.workload, wanted)

    def members(self, name: str) -> tuple[PointView, Manifest]:
        """Return a point and its manifest, read once for many looks inside."""
        listings = self.listings(refresh=True)
        view = self.find(name, listings)
        return view, self.manifest(view, listings)

    def folder(self, view: PointView, manifest: Manifest, path: str) -> tuple[Entry, ...]:
        """Return what lies directly in a directory of a point, of all its members together; NotFound when there is none such."""
        found: dict[str, Entry] = {}
        last: NotFound | None = None
        for member in manifest.members:
            for artifact in member.artifacts:
                if _related(path, artifact.path):
                    try:
                        entries = self._browse(view, artifact, member.workload, path, deep=False)
                        found.update({entry.path: entry for entry in entries})
                    except NotFound as error:
                        last = error
        if not found:
            raise last or NotFound(f"{path} is not in this point", hint="ls shows what is")
        return tuple(found[name] for name in sorted(found) if name != path or found[name].type != "dir")

    def take_out(self, view: PointView, manifest: Manifest, path: str, target: str) -> GetResult:
        """Copy a file or directory of a point to `target` on this machine, which must not exist yet."""
        chosen = [(member, artifact) for member in manifest.members for artifact in member.artifacts if _inside(path, artifact.path)]
        if not chosen:
            raise NotFound(f"{path} is not in this point", hint="ls shows what is")
        if os.path.lexists(target):
            raise Refused(f"{target} exists already", hint="name another place: get FILE TARGET", safe="it was not touched")
        try:
            return self._taken_out(view, chosen[0], path, target)
        except OSError as error:
            raise Refused(
                f"{target} cannot be written: {error.strerror or error}",
                hint="name another place, in a folder of this machine that is there and that you may write: get FILE TARGET",
                safe="nothing was changed",
            ) from None

    def _taken_out(self, view: PointView, chosen: tuple[Member, Artifact], path: str, target: str) -> GetResult:
        member, artifact = chosen
        whole = path.rstrip("/") == artifact.path.rstrip("/")
        last: DrtoolError | None = None
        for name in view.listed:
            with tempfile.TemporaryDirectory(prefix=".drtool-", dir=os.path.dirname(os.path.abspath(target))) as staging:
                request = GetRequest(
                    artifact=artifact,
                    point=view.point.point,
                    workload=member.workload,
                    source=member.source,
                    directory=staging,
                    runner=self.hands.local,
                    paths=() if whole or artifact.form == "stream" else (path,),
                )
                try:
                    result = self.hands.repositories[name].get(request)
                except DrtoolError as error:
                    last = error
                    continue
                place = staging + (artifact.path if whole else path)
                if not _lies_in(staging, place):  # a path out of a manifest, or a link on the way, leads out
                    last = NotFound(f"{path} leads out of this point", hint="ls shows what is in it", safe="nothing was taken")
                    continue
                os.rename(place, target)
                return result
        raise last or NotFound(f"no repository holds the point {view.point.point}")

    def _browse(self, view: PointView, artifact: Artifact, workload: str, path: str, *, deep: bool = True) -> Iterator[Entry]:
        """List an artifact; where one copy breaks off, the next goes on: the same tree is listed in the same order."""
        given = 0
        for name in view.listed:
            try:
                entries = self.hands.repositories[name].browse(artifact, view.point.point, workload, path, deep=deep)
                for entry in itertools.islice(entries, given, None):
                    given += 1
                    yield entry
            except Interrupted:
                raise
            except DrtoolError:
                if name == view.listed[-1]:
                    raise
            else:
                return

    def differences(self, older: str, newer: str) -> tuple[str, ...]:
        """Return what differs between two points, a line each: `+` added, `-` removed, `M` changed."""
        before = {entry.path: entry for entry in self.files(older)}
        after = {entry.path: entry for entry in self.files(newer)}
        return tuple(
            f"{'+' if path not in before else '-' if path not in after else 'M'} {path}"
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
        )


def _looked_for(path: str) -> str:
    """Return an absolute path without what a shell leaves at its end, `` for everything; Refused for one that climbs or begins nowhere."""
    if path.strip("/") in ("", "."):
        return ""
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise Refused(f"`{path}` is no path inside a point", hint="write it from / on, without `..`, as `drtool ls POINT` shows it")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _holds(manifest: Manifest) -> str:
    shown = [f"{member.workload} at {artifact.path}" for member in manifest.members for artifact in member.artifacts]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"the point holds {', '.join(shown[:_SHOWN]) or 'nothing'}{more}: drtool ls {manifest.point}"


def _nearest(name: str, sets: Iterable[str]) -> str:
    known = [*sets, LATEST]
    return f"drtool points lists them; a set's name or `{LATEST}` means its newest ({nearest(name, known, what='there are')})"


def _lies_in(directory: str, place: str) -> bool:
    above = os.path.realpath(os.path.dirname(place))
    return os.path.lexists(place) and f"{above}/".startswith(f"{os.path.realpath(directory)}/")


def _inside(path: str, artifact_path: str) -> bool:
    return (path.rstrip("/") + "/").startswith(artifact_path.rstrip("/") + "/")


def _related(path: str, artifact_path: str) -> bool:
    inside, outside = path.rstrip("/") + "/", artifact_path.rstrip("/") + "/"
    return inside.startswith(outside) or outside.startswith(inside)
