"""A repository that a drill is handed: it can be read, and evidence and holds can be appended; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NoReturn

from drtool.model.errors import DrtoolError, Refused
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.point import Artifact, DataSnapshot, Manifest
from drtool.model.rotation import SignedRotation
from drtool.ports import (
    Body,
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


class AppendOnly:
    """Passes reading through and refuses whatever stores, seals or removes."""

    def __init__(self, repository: Repository) -> None:
        self.name = repository.name
        self._repository = repository
        self._placed: set[str] = set()

    def initialise(self, *, chunker_of: Repository | None = None) -> bool:
        del chunker_of
        self._refuse("create it")

    def put(self, request: PutRequest, *, on_progress: ProgressListener | None = None) -> PutResult:
        del request, on_progress
        self._refuse("store into it")

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        return self._repository.get(request, on_progress=on_progress)

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        return self._repository.list(maximum_age_seconds=maximum_age_seconds)

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        return self._repository.browse(artifact, point, workload, path, deep=deep)

    def find(self, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
        return self._repository.find(request, on_found)

    def mount(self, request: MountRequest) -> None:
        del request
        self._refuse("show it as a directory")

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        del points, origin, on_progress
        self._refuse("copy into it")

    def forget(self, points: tuple[str, ...], *, pins: tuple[str, ...] = ()) -> None:
        del points, pins
        self._refuse("forget points")

    def discard(self, snapshots: tuple[str, ...]) -> None:
        del snapshots
        self._refuse("remove data")

    def prune(self, *, on_progress: ProgressListener | None = None) -> None:
        del on_progress
        self._refuse("free space")

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        return self._repository.verify(request, on_progress=on_progress)

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        return self._repository.packs(slices)

    def append(self, body: Body) -> str:
        if isinstance(body, Manifest):
            self._refuse("seal a point")
        if isinstance(body, SignedRotation):
            self._refuse("say that a key follows another")
        if isinstance(body, Hold):
            if body.releases and not self._may_release(body):  # it would let points go that somebody holds
                self._refuse("release a hold of somebody else")
            self._placed.add(body.id)
        return self._repository.append(body)

    def _may_release(self, body: Hold) -> bool:
        return body.releases in self._placed

    def read(self, snapshot: str, *, unlisted: bool = False) -> bytes:
        return self._repository.read(snapshot, unlisted=unlisted)

    def guarantees(self) -> Guarantees:
        return self._repository.guarantees()

    def examine(self, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
        return self._repository.examine(places, coming_bytes=coming_bytes)

    def _refuse(self, verb: str) -> NoReturn:
        raise Refused(f"a drill may only read the repository {self.name}; it may not {verb}", safe="nothing was changed")
