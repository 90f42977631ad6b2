"""The seams: what the engine may ask of the world, and what whoever answers promises.

A request grows by an optional field, a protocol never by a method without a decision record. Every implementation passes the contract suite
of its port in `drtool.testing`. All raise only the errors of `drtool.model.errors`, translated once at the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from drtool.model.carried import Survey
from drtool.model.command import Command, Completed
from drtool.model.control import Fault
from drtool.model.evidence import Evidence, SignedEvidence
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.key import RepositoryKey
from drtool.model.plan import Answer, Destination, Landed, Restored
from drtool.model.point import Artifact, Census, Manifest, Member
from drtool.model.policy import CheckPolicy, Settings
from drtool.model.rotation import SignedRotation
from drtool.model.secret import Secret, SecretReference
from drtool.model.workload import Leftover, Snapshot, Workload

LineListener = Callable[[bytes], None]
ProgressListener = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is; totals are 0 while unknown."""

    done_bytes: int = 0
    total_bytes: int = 0
    done_files: int = 0
    total_files: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was asked, whether it is well (None: a loss that drtool works around), and the remedy."""

    subject: str
    good: bool | None
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class TriedReading:
    """What a look at a workload's uppermost entries found: what this user cannot read there, and how many bytes lie there at least."""

    barred: tuple[str, ...] = ()
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class WorkPlace:
    """Another machine from which a repository is read, and written when `writes`: the source there, and the runner that leads to it."""

    source: str
    runner: Runner
    writes: bool


class Clock(Protocol):
    """Time and freshness; the only source of both."""

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait; an interrupted run wakes at once and raises Interrupted."""

    def fresh_id(self) -> str:
        """Return an id nobody has used (26 characters, sorts by time)."""


class SecretStore(Protocol):
    """Resolves references at the moment of use; raises Refused that names the reference and never the value."""

    def resolve(self, reference: SecretReference) -> Secret: ...


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process found again: process id and the label it was started with."""

    pid: int
    label: str


class Runner(Protocol):
    """Carries out command values in one place: this machine, or another over SSH.

    Children get a small allowed environment, the command's own, its secrets, and `DRTOOL_LABEL`. Deadline, interruption and label
    come from the scope the engine opened (`drtool.process.scope`). A run that was told to stop ends the child and raises Interrupted;
    a command past its time is ended and raises TimedOut; a program that does not exist raises NotFound.
    """

    name: str
    """`local`, or the SSH destination."""

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        """Run to the end and return how it ended, whatever its exit code; listeners get whole lines as they come.

        With `on_output` the standard output is not kept; without, its last `keep_bytes` are.
        """

    def pipe(
        self,
        command: Command,
        *,
        producer: Command | None = None,
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        """Stream bytes in or out, hashing them on the way.

        With `producer` (run on this machine), its standard output is fed to the command's standard input, which stays open until
        the producer's exit status is known: when the producer failed or printed nothing, the command is interrupted first and
        its input closed after.
        With `consume`, the command's standard output is handed over in chunks instead.
        """

    def find(self, label_prefix: str) -> tuple[ProcessInfo, ...]:
        """Return the processes whose label starts so; for ending what a dead orchestrator left running."""

    def end(self, processes: Iterable[ProcessInfo]) -> None:
        """End those processes (their groups) and wait until they are gone."""

    def host_name(self) -> str:
        """Return the name by which programs there know their machine."""

    def is_alive(self, pid: int) -> bool:
        """Tell whether a process of that id exists there."""


@dataclass(frozen=True, slots=True)
class Piped:
    """How a piped command ended: bytes moved and their SHA-256; `producer` is None without one."""

    command: Completed
    bytes: int
    sha256: str
    producer: Completed | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRequest:
    """What an export offers to be stored.

    A `tree` names a `path` on the runner's machine and what to leave out; a `stream` names its `producer` command.
    """

    name: str
    form: str
    path: str
    producer: Command | None = None
    excludes: tuple[str, ...] = ()
    exclude_if_present: tuple[str, ...] = ()
    exclude_caches: bool = False
    one_file_system: bool = False


class Export(Protocol):
    """An open snapshot: artifacts, the runner that can read them, and the census of what was read."""

    @property
    def artifacts(self) -> tuple[ArtifactRequest, ...]: ...

    @property
    def runner(self) -> Runner: ...

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return what was counted at the source: called after the artifact was put; files that changed meanwhile leave the sample."""


@dataclass(frozen=True, slots=True)
class LandRequest:
    """Where one member of a point shall be poured; `paths` are absolute paths inside the member (empty: all of it)."""

    member: Member
    point: str
    run: str
    by: str
    destination: Destination
    expires: datetime
    paths: tuple[str, ...] = ()
    reserved: str = ""
    """The place a Reserve step made, for a sandbox."""
    bytes: int = 0
    missing: tuple[str, ...] = ()
    """The workloads that are missing in the point."""
    leave_excluded: bool = False
    """Of what is in service and not in the point nothing is carried back."""
    within: bool = False
    """The same restore has put something around it before: what stands in the way came with that, and is kept aside."""
    held: Callable[[], Iterable[Entry]] = tuple
    """What the point holds of it, asked only where that decides; nothing where it is not known."""


@dataclass(frozen=True, slots=True)
class Landing:
    """An open place to pour into: an empty `directory` on the runner's machine; `landed` is what Cutover takes."""

    directory: str
    runner: Runner
    landed: Landed
    into: Command | None = None
    """The command on the runner's machine whose standard input takes the one stream there is; then there is no directory."""


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A sandbox place to be made: its `settings` from the policy, bytes that must fit, lease."""

    settings: Settings
    destination: Destination
    run: str
    by: str
    bytes: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the platform believes of a restored thing, and the runner from which it can be seen."""

    up: bool
    runner: Runner
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    path: str | None = None
    """Where it lies as seen from the runner, empty where it is no file there; None: where it was restored to."""


class Source(Protocol):
    """One configured platform that can be asked for data and can take it back.

    Killed anywhere, a source leaves only what `leftovers` finds again by its label; every method may be repeated.
    """

    name: str
    kind: str
    runner: Runner
    """Where hooks `on` this source run."""

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        """Return the workloads a selector matches; reads only. A workload that cannot be protected now carries its problem."""

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        """Try to read what lies uppermost in workloads, within bounds; one that cannot be tried so is not in the answer."""

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        """Take a snapshot; the same label gives the same snapshot.

        A source that can takes `together`, the rest of the set, at the same instant; each is asked for by itself afterwards.
        """

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        """Open a snapshot for reading; closes what it opened."""

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        """Open a fresh staging place near the destination; Refused where the destination was not given to it or cannot be served."""

    def survey(self, request: LandRequest) -> Survey:
        """Tell what putting a member in its original place would carry back and leave aside; reads only.

        Refused, by name and before anything is restored, where what is in the way cannot be kept aside or carried back.
        """

    def cutover(self, landed: Landed) -> Landed:
        """Put what was landed into service, keeping what was in the way aside; finishes forward when repeated after a crash.

        What was in service and the point left out is back in service afterwards.
        """

    def undo(self, leftover: Leftover, run: str) -> str:
        """Take back an exchange of which `leftover` is what was kept aside; returns what is now true, in words.

        What was restored is kept aside in the name of `run`; nothing is overwritten, and what was carried back goes along. Finishes forward
        when repeated after a crash; Refused where the platform cannot.
        """

    def reserve(self, request: ReserveRequest) -> Leftover:
        """Make a labelled, leased sandbox place; Refused when it does not fit."""

    def inspect(self, restored: Restored) -> Inspection:
        """Tell whether the platform believes it is up, and from where it can be seen."""

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        """Return everything labelled by drtool that is still there; `places` are this source's sandbox settings."""

    def release(self, leftover: Leftover) -> None:
        """Remove a leftover; already gone is success, what carries no label of ours is Refused."""

    def examine(self) -> tuple[Finding, ...]:
        """Answer `doctor`."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What every stored thing is labelled with."""

    by: str
    set: str
    point: str
    run: str
    workload: str
    source: str
    expires: datetime
    machine: str = ""


@dataclass(frozen=True, slots=True)
class PutRequest:
    """One artifact to be stored, read by `runner`."""

    artifact: ArtifactRequest
    runner: Runner
    labels: Labels
    nice: bool = False


@dataclass(frozen=True, slots=True)
class PutResult:
    """What the repository says it stored; `unreadable` are items it could not read, `vanished` went away while reading."""

    snapshot: str
    files: int
    bytes: int
    stored_bytes: int
    unreadable: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    sha256: str = ""
    """Of a stream, hashed on the way."""
    program: str = ""
    """What stored it, with its version."""


@dataclass(frozen=True, slots=True)
class GetRequest:
    """One artifact to be poured into an empty directory on the runner's machine, under its own full path."""

    artifact: Artifact
    point: str
    workload: str
    source: str
    directory: str
    runner: Runner
    paths: tuple[str, ...] = ()
    fresh_cache: bool = False
    nice: bool = False
    into: Command | None = None
    """The command of the runner that takes a stream on its standard input, instead of a file in the directory."""


@dataclass(frozen=True, slots=True)
class GetResult:
    """Bytes and regular files restored, and the program that did it, with its version."""

    bytes: int
    files: int
    program: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of `browse`: absolute path inside the artifact, type (`file`, `dir`, `symlink` …), size, mode bits, modification time."""

    path: str
    type: str
    bytes: int
    mode: int
    modified: str


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What a repository promises: encrypted, its failure domain, and its identity (equal identities are one repository)."""

    encrypted: bool
    site: str
    identity: str
    program_version: str
    lost: tuple[str, ...] = ()
    """What this version cannot do, each as a sentence."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What of a repository shall be read: slice `slice` of `slices` (from 1), or what one `point` needs."""

    slice: int = 0
    slices: int = 0
    point: str = ""


@dataclass(frozen=True, slots=True)
class MountRequest:
    """A place to show points of a repository at: an empty `directory` here, and the only `point` to be shown."""

    directory: str
    point: str
    seconds: float
    """How long at most."""


Body = Manifest | Evidence | SignedEvidence | Hold | SignedRotation


class Notary(Protocol):
    """Signs what the tags of our records say, tells whose signature is on one, and sorts a listing into ours and others'."""

    @property
    def machine(self) -> str:
        """This machine's id; empty where none can be kept."""

    def sign(self, text: bytes) -> str:
        """Return a signature of one line, at most 1,024 characters that need no escaping; Refused when nothing can be signed."""

    def signer_of(self, text: bytes, signature: str) -> str:
        """Return the fingerprint of the key that signed exactly this text; empty when none did. Never raises."""

    def judge(self, listing: Listing, location: str = "") -> Listing:
        """Return the listing with what counts here among its points and everything else among the others."""


class Repository(Protocol):
    """Encrypted, content-addressed store. Only what carries drtool's labels is listed, forgotten or touched; nothing is ever retagged."""

    name: str

    def initialise(self, *, chunker_of: Repository | None = None) -> bool:
        """Create it; False when it exists already. Never implied by another verb."""

    def put(self, request: PutRequest, *, on_progress: ProgressListener | None = None) -> PutResult:
        """Store an artifact as the runner reads it; an incomplete stream is never stored."""

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        """Pour an artifact; Corrupt when anything disagrees with its digests, NotFound when this repository does not hold it."""

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        """List what is ours by one call; an own listing younger than the age is given again unless this repository was changed since."""

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List what is inside an artifact, below `path`; without `deep` only what lies directly in it."""

    def mount(self, request: MountRequest) -> None:
        """Show a point's data, read-only, at an empty directory of this machine; returns when it was unmounted.

        Interrupted and TimedOut end it and unmount, if nobody is in it; Refused where this machine cannot mount.
        """

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        """Copy sealed points from `origin` here, in order, each manifest verbatim and after its data; returns bytes written if known."""

    def forget(self, points: tuple[str, ...]) -> None:
        """Remove points: manifests first, data after."""

    def discard(self, snapshots: tuple[str, ...]) -> None:
        """Remove unsealed data snapshots of ours by their ids; one that belongs to a sealed point is Refused."""

    def prune(self) -> None:
        """Free the space that nothing claims."""

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        """Read every byte, or what the request names, against its digests and return how many; Corrupt names what is damaged.

        0 when the repository cannot tell how many a slice has.
        """

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        """Return the names of what stores its bytes now, by slice: what is written later, or moved, has another name."""

    def append(self, body: Body) -> str:
        """Write a manifest, evidence or hold as one small snapshot; returns its id."""

    def read(self, snapshot: str) -> bytes:
        """Return the bytes of a manifest, evidence or hold by its snapshot id."""

    def guarantees(self) -> Guarantees: ...

    def examine(self, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
        """Answer `doctor`: reachable, key, version with its losses, locks, space, clock; listing and writing, here and at `places`.

        `coming_bytes` are known to be stored by the next runs, at least.
        """


class KeyRing(Protocol):
    """The keys of one repository, which is opened with one of them. Not part of Repository: no run and no drill may change a key."""

    name: str

    def list_keys(self) -> tuple[RepositoryKey, ...]:
        """Return every key, the oldest first; `last_proven` is left to whoever knows the evidence."""

    @property
    def needs_white_space(self) -> bool:
        """Whether the key file opens the repository only with white space that the repository's own program cuts off a key file."""

    def current(self) -> str:
        """Open the repository and return the id of the key that did (empty: not told to whoever may only read); WrongKey when none does."""

    def add(self, secret: Secret, *, user: str, host: str) -> None:
        """Add a key with this passphrase, labelled."""

    def remove(self, key: str) -> None:
        """Remove a key; the one that opened the repository is Refused."""


@dataclass(frozen=True, slots=True)
class Question:
    """One check to be asked: its keys, everything restored (by workload name), and the point's instant."""

    check: CheckPolicy
    restored: tuple[Restored, ...]
    inspections: Mapping[str, Inspection]
    instant: datetime
    now: datetime
    timeout: timedelta = timedelta(minutes=5)


class Check(Protocol):
    """A question to a restored thing; asks where the thing can be seen, changes nothing, never raises for a wrong answer."""

    kind: str
    beyond: Mapping[str, str]
    """Keys that lead it beyond what was restored, each with what it names there in words: a command, an address."""

    def ask(self, question: Question) -> Answer: ...

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return the question such that a working check must answer it with red; None when the fault does not concern this check."""
