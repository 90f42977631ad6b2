"""The Repository port over restic; each verb is carried out in the module that bears its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from drtool.model.errors import DrtoolError, Refused, WrongKey
from drtool.model.inventory import Listing
from drtool.model.point import Artifact, DataSnapshot
from drtool.model.policy import RepositoryPolicy
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
    Notary,
    ProgressListener,
    PutRequest,
    PutResult,
    Repository,
    Runner,
    SecretStore,
    VerifyRequest,
    WorkPlace,
)
from drtool.repositories.restic import again, check, fetch, inside, remove, store, transfer
from drtool.repositories.restic import command as commands
from drtool.repositories.restic import examine as examination
from drtool.repositories.restic import find as finding
from drtool.repositories.restic import mount as mounting
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import translate_words
from drtool.repositories.restic.labels import body_name
from drtool.repositories.restic.output import words
from drtool.repositories.restic.phases import PhaseReader
from drtool.repositories.restic.unlisted import read_unlisted
from drtool.repositories.restic.versions import losses


class ResticRepository:
    """A restic repository, 0.14 or newer; may be used from several threads.

    Args:
        policy: name, addresses, limits in bytes per second, and how long an unreachable repository is waited for.
        by: the policy's name; only what bears it is forgotten or discarded.
        secrets: resolves password and credentials when they are first needed.
        clock: time.
        local: runs what is not bound to a source's machine.
        cache_directory: restic's cache on this machine; None: restic's own choice.
        binary: the program, here and on the machines of sources.
        known_dead: tells whether a process id of this machine, locking at an instant, belongs to a run that is known to be over.
        notary: signs what is appended and judges what is listed; None: neither, as on a bare machine before anybody is known.
        was_there: tells whether this machine knows of a repository at that address.
        on_remove: told the snapshots that are about to be removed.
    """

    def __init__(
        self,
        *,
        policy: RepositoryPolicy,
        by: str,
        secrets: SecretStore,
        clock: Clock,
        local: Runner,
        cache_directory: str | None = None,
        binary: str = "restic",
        known_dead: Callable[[int, datetime], bool] = lambda _pid, _since: False,
        notary: Notary | None = None,
        was_there: Callable[[], bool] = lambda: False,
        on_remove: Callable[[Sequence[str]], None] = lambda _snapshots: None,
    ) -> None:
        self.name = policy.name
        self._client = ResticClient(policy, by, secrets, clock, local, cache_directory, binary, known_dead, notary, was_there, on_remove)

    @property
    def client(self) -> ResticClient:
        """What carries commands out for it, for the rest of this folder."""
        return self._client

    def initialise(self, *, chunker_of: Repository | None = None) -> bool:
        origin = None if chunker_of is None else _client_of(chunker_of)
        arguments = commands.initialise(with_chunker=origin is not None)
        call = Call(arguments, "create it", origin=origin, accept=(0, 1), must_exist=False)
        completed = self._client.run(call)
        self._client.changed()
        if completed.exit_code == 0:
            return True
        said = words(completed)
        if "already exists" in said or "already initialized" in said:
            self._require_own_key()
            return False
        raise translate_words(said, code=completed.exit_code, repository=self.name, verb="create it")

    def _require_own_key(self) -> None:
        """Refuse to call a repository ours that was there already and that our key does not open."""
        try:
            self._client.run(Call(commands.CONFIG, "open it"))
        except WrongKey:
            key = self._client.policy.address.password
            raise WrongKey(
                f"a repository lies there already, and {key} does not open it",
                hint="bring back the key that its recovery sheet names; if it is another's, choose another place",
                safe="it was not touched",
            ) from None

    def put(self, request: PutRequest, *, on_progress: ProgressListener | None = None) -> PutResult:
        """Store an artifact; `files` are regular files, each name of a hard-linked one counted, as a restore brings them back."""
        try:
            if (earlier := request.artifact.earlier) is not None:
                return replace(again.put_again(self._client, request, earlier), program=f"restic {self._client.version()}")
            put = store.put_stream if request.artifact.form == "stream" else store.put_tree
            stored = put(self._client, request, on_progress)
            return replace(stored, program=f"restic {self._client.version(request.runner)}")
        finally:
            self._client.changed()

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        get = fetch.get_stream if request.artifact.form == "stream" else fetch.get_tree
        return replace(get(self._client, request, on_progress), program=f"restic {self._client.version(request.runner)}")

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        return self._client.read(maximum_age_seconds=maximum_age_seconds).listing

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        return inside.browse(self._client, artifact, point, workload, path, deep=deep)

    def find(self, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
        return finding.find(self._client, request, on_found)

    def mount(self, request: MountRequest) -> None:
        mounting.mount(self._client, request)

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        """Copy points; restic does not tell how many bytes it wrote, so the answer is 0."""
        transfer.copy_points(self._client, _client_of(origin), points, on_progress)
        return 0

    def forget(self, points: tuple[str, ...], *, pins: tuple[str, ...] = ()) -> None:
        remove.forget_points(self._client, points, pins=pins)

    def discard(self, snapshots: tuple[str, ...]) -> None:
        remove.discard_snapshots(self._client, snapshots)

    def prune(self, *, on_progress: ProgressListener | None = None) -> None:
        self._client.run(Call(commands.PRUNE, "free space", phases=PhaseReader(on_progress)))

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        return check.verify(self._client, request or VerifyRequest(), on_progress)

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        return check.packs(self._client, slices)

    def append(self, body: Body) -> str:
        try:
            snapshot, tags = store.append(self._client, body)
        except BaseException:
            self._client.changed()
            raise
        self._client.wrote(snapshot, name=body_name(body), tags=tags)
        return snapshot

    def read(self, snapshot: str, *, unlisted: bool = False) -> bytes:
        return (read_unlisted if unlisted else fetch.read_record)(self._client, snapshot)

    def guarantees(self) -> Guarantees:
        version = self._client.version()
        return Guarantees(
            encrypted=True,
            site=self._client.policy.site,
            identity=self._client.identity(),
            program_version=f"restic {version}",
            lost=losses(version),
        )

    def examine(self, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
        return examination.examine(self._client, places, coming_bytes=coming_bytes)


def _client_of(repository: Repository) -> ResticClient:
    if not isinstance(repository, ResticRepository):
        raise Refused(f"restic can read no other repository than restic's: {repository.name}", hint="write both as `restic:`")
    return repository.client
