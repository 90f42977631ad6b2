"""A repository with a memory: each listing is compared with what this machine knew, and damage is written down where it is seen."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from drtool.catalog.memory import MemoryFile, MemoryFolder
from drtool.model.codec import canonical
from drtool.model.damage import Damage
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, Refused
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.memory import SAME_HINT, KnownPoint, Memory, Vanished, missed_hint, same_repository
from drtool.model.point import Artifact, DataSnapshot, Manifest
from drtool.planning import memory as decide
from drtool.ports import (
    Body,
    Clock,
    Entry,
    Finding,
    FindRequest,
    GetRequest,
    GetResult,
    Guarantees,
    MountRequest,
    ProgressListener,
    PutRequest,
    PutResult,
    Repository,
    VerifyRequest,
    WorkPlace,
)

RECENT_SECONDS = 60.0


class Remembered:
    """Passes everything through to a repository; asks it nothing more, but for its id when something is missed.

    Args:
        repository: the one that does the work.
        folder: where this machine remembers.
        by: the policy's name; only its own points are remembered.
        clock: time.
        met: tells whether one was ever listed at its address, whatever is remembered.
        others_forget: whether a trusted side forgets there what this machine has sealed.
        complete: adds to a listing what platforms say of what they keep of its points.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        folder: MemoryFolder,
        by: str,
        clock: Clock,
        met: Callable[[], bool] = lambda: False,
        others_forget: bool = False,
        complete: Callable[[Listing, Callable[[str], bytes]], Listing] = lambda listing, _read: listing,
    ) -> None:
        self.name = repository.name
        self._repository, self._folder, self._by, self._clock, self._met = repository, folder, by, clock, met
        self._complete, self._others_forget = complete, others_forget
        self._written: dict[str, str] = {}
        self._unlisted: tuple[Vanished, ...] = ()

    @property
    def inner(self) -> Repository:
        """The repository that does the work."""
        return self._repository

    @property
    def was_there(self) -> bool:
        """This machine knows of a repository at that address: none that is missed is ever replaced by a new one."""
        return decide.knows(self._memory.read(), met=self._met())

    def give_up(self) -> Memory:
        """Miss it no longer: a person says that it is gone for good."""
        self._written.clear()
        return self._change(lambda known: decide.gone_for_good(known, at=self._clock.now()), must=True)

    def accept(self) -> Memory:
        """Take what is listed now for right: a person looked. Raises what the listing raises."""
        self._written.clear()
        listing = self._repository.list()
        identity = self._repository.guarantees().identity
        return self._change(lambda known: decide.accepted(known, listing, by=self._by, identity=identity), must=True)

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        """List it. Raises Refused where it is a repository that the policy names before under another name: it is no copy of that."""
        self._require_apart(again=True)
        before, written, began = self._memory.read(), dict(self._written), self._clock.now()
        with self._noting():
            listing = self._repository.list(maximum_age_seconds=maximum_age_seconds)
        if listing.taken >= began:  # else one that was taken earlier is given again
            after = self._change(lambda known: decide.remember(before, known, listing, by=self._by, others_forget=self._others_forget))
            if after.vanished and not before.vanished:
                self._identify()
            self._unlisted = self._contradictions(written, listing)
        known = self._memory.read()
        listing = self._complete(listing, self._repository.read)
        if not (known.vanished or known.damage or self._unlisted):
            return listing
        return replace(listing, vanished=(*known.vanished, *self._unlisted), damage=known.damage)

    def append(self, body: Body) -> str:
        with self._noting():
            snapshot = self._repository.append(body)
        if isinstance(body, Hold):
            self._written[body.id] = f"the hold {body.id}"
            return snapshot
        self._written[snapshot] = f"the record {snapshot[:8]}"
        if isinstance(body, Manifest):
            digest = hashlib.sha256(canonical(body)).hexdigest()
            point = KnownPoint(body.point, body.set, body.instant, digest)
            self._change(lambda known: decide.sealed(known, (point,)))
        return snapshot

    def put(self, request: PutRequest, *, on_progress: ProgressListener | None = None) -> PutResult:
        with self._noting():
            result = self._repository.put(request, on_progress=on_progress)
        self._written[result.snapshot] = f"the data of {request.labels.workload}"
        return result

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        source = origin.inner if isinstance(origin, Remembered) else origin
        self._require_apart()
        with self._noting():
            written = self._repository.copy(points, source, on_progress=on_progress)
        arrived = [each for each in self._repository.list(maximum_age_seconds=RECENT_SECONDS).points if each.point in points]
        self._change(lambda known: decide.sealed(known, arrived))
        return written

    def forget(self, points: tuple[str, ...], *, pins: tuple[str, ...] = ()) -> None:
        """Forget points; that is written down before, so that a run killed in between misses nothing."""
        listed = [each for each in self._repository.list(maximum_age_seconds=RECENT_SECONDS).points if each.by == self._by]
        self._change(lambda known: decide.given_up(known, points, there=(each.point for each in listed)), must=True)
        gone = [each for each in listed if each.point in points]
        for record in [each.manifest for each in gone] + [each.id for point in gone for each in point.data] + [*pins]:
            self._written.pop(record, None)
        with self._noting():
            self._repository.forget(points, pins=pins)
        self._change(lambda known: decide.forgotten(known, points))

    def discard(self, snapshots: tuple[str, ...]) -> None:
        for snapshot in snapshots:
            self._written.pop(snapshot, None)
        with self._noting():
            self._repository.discard(snapshots)

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        asked, began = request or VerifyRequest(), self._clock.now()
        with self._noting(asked.point, sliced=bool(asked.slices)):
            read = self._repository.verify(request, on_progress=on_progress)
        if not asked.slices:
            self._change(lambda known: decide.read_well(known, since=began, point=asked.point))
        return read

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        with self._noting(request.point):
            try:
                return self._repository.get(request, on_progress=on_progress)
            except Corrupt:
                self._require_there(request.point, request.artifact)
                raise

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        with self._noting(point):  # asked at once: a path that is not there is told to whoever never takes an entry
            return self._repository.browse(artifact, point, workload, path, deep=deep)

    def find(self, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
        with self._noting():
            failed = self._repository.find(request, on_found)
        for data in request.data:
            if isinstance(error := failed.get(data.id), Corrupt):
                with contextlib.suppress(Corrupt), self._noting(data.point):
                    raise error
        return failed

    def mount(self, request: MountRequest) -> None:
        with self._noting(request.point):
            self._repository.mount(request)

    def read(self, snapshot: str, *, unlisted: bool = False) -> bytes:
        if unlisted:  # what is not there may have been forgotten since: no damage
            return self._repository.read(snapshot, unlisted=True)
        with self._noting():
            return self._repository.read(snapshot)

    def initialise(self, *, chunker_of: Repository | None = None) -> bool:
        if self.was_there:
            try:
                self.guarantees()
            except NoRepository as error:
                raise Refused(error.what, hint=missed_hint(self.name), safe="nothing was made") from None
            self._require_apart()
            return False
        made = self._repository.initialise(chunker_of=chunker_of.inner if isinstance(chunker_of, Remembered) else chunker_of)
        self._identify()
        self._require_apart()
        return made

    def prune(self, *, on_progress: ProgressListener | None = None) -> None:
        with self._noting():
            self._repository.prune(on_progress=on_progress)

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        return self._repository.packs(slices)

    def guarantees(self) -> Guarantees:
        guarantees = self._repository.guarantees()
        self._learn(guarantees.identity)
        return guarantees

    def examine(self, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
        findings = self._repository.examine(places, coming_bytes=coming_bytes)
        if all(finding.good is not False for finding in findings):  # it was opened, so its id is known
            self._identify()
        twin = self._folder.twin_of(self.name)
        told = (Finding(self.name, good=False, text=same_repository(self.name, twin), remedy=SAME_HINT),) if twin else ()
        return (*findings, *told)

    @property
    def _memory(self) -> MemoryFile:
        return self._folder.of(self.name)

    def _change(self, make: Callable[[Memory], Memory], *, must: bool = False) -> Memory:
        return self._memory.change(make, sleep=self._clock.sleep, must=must)

    def _learn(self, identity: str) -> None:
        self._change(lambda known: decide.identified(known, identity, at=self._clock.now()))

    def _require_apart(self, *, again: bool = False) -> None:
        """Refuse what is known to be another repository of the policy; `again` asks it first, as that may be mended."""
        twin = self._folder.twin_of(self.name)
        if twin and again:
            with contextlib.suppress(DrtoolError):
                identity, shared = self._repository.guarantees().identity, self._memory.read().stands_there
                self._change(lambda known: decide.moved_apart(known, identity, twin=shared))
                self._learn(identity)
            twin = self._folder.twin_of(self.name)
        if twin:
            raise Refused(same_repository(self.name, twin), hint=SAME_HINT)

    def _identify(self) -> None:
        with contextlib.suppress(DrtoolError):
            self._learn(self._repository.guarantees().identity)

    def _contradictions(self, written: Mapping[str, str], listing: Listing) -> tuple[Vanished, ...]:
        """Return what was written before this listing began, and is not in it; an old program tells only the beginning of an id."""
        if not written:
            return ()
        ids = {each.id for each in listing.unsealed} | {each.id for each in listing.holds}
        ids |= {each.snapshot for each in listing.evidence} | {each.manifest for each in listing.points}
        ids |= {each.id for point in listing.points for each in point.data}
        lacking = [name for name in written if name not in ids and not any(each.startswith(name) for each in ids)]
        return tuple(Vanished("written", written[name], listing.taken) for name in lacking if name in self._written)

    def _require_there(self, point: str, artifact: Artifact) -> None:
        """Say so where data is missing because the point was forgotten while it was read: that is no damage."""
        try:
            listing = self._repository.list()
        except DrtoolError:  # nobody knows: what was found stands
            return
        sealed = any(each.point == point for each in listing.every_point)
        if not sealed and all((each.point, each.tree) != (point, artifact.tree) for each in listing.unsealed):
            raise NotFound(f"the point {point} was forgotten in {self.name} while it was read", hint="drtool points --refresh")

    @contextlib.contextmanager
    def _noting(self, point: str = "", *, sliced: bool = False) -> Iterator[None]:
        try:
            yield
        except Corrupt as error:
            memory = self._folder.find(error.repository)
            if memory is not None:
                sets = (each.set for each in memory.read().points if point and each.point == point)
                found = Damage(self._clock.now(), error.what, next(sets, ""), point, sliced=sliced)
                memory.change(lambda known: decide.damaged(known, found), sleep=self._clock.sleep)
            raise
