"""The seams: what the engine may ask of the world, and what whoever answers promises.

A request grows by an optional field, a protocol never by a method without a decision record. Every implementation passes the contract suite
of its port in `drtool.testing`. All raise only the errors of `drtool.model.errors`, translated once at the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol, TypeVar, runtime_checkable

from drtool.model.carried import Survey
from drtool.model.command import Command, Completed
from drtool.model.errors import DrtoolError, Refused
from drtool.model.evidence import Evidence, SignedEvidence
from drtool.model.hold import Hold
from drtool.model.immutable import BucketLock, History, Lock, ObjectVersion
from drtool.model.inventory import Listing
from drtool.model.key import RepositoryKey
from drtool.model.kind import KindFacts
from drtool.model.label import LabelProofs
from drtool.model.ledger import Stock
from drtool.model.locator import Locator
from drtool.model.native import Held, NativePlace
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer, Destination, Landed, Restored
from drtool.model.point import Artifact, Census, DataSnapshot, Manifest, Member
from drtool.model.policy import CheckPolicy, Settings, SourcePolicy
from drtool.model.rotation import SignedRotation
from drtool.model.secret import Secret, SecretReference
from drtool.model.signal import Signal
from drtool.model.workload import Leftover, Snapshot, Workload

Looked = TypeVar("Looked")
LineListener = Callable[[bytes], None]
ProgressListener = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is; totals are 0 while unknown.

    Where nobody tells bytes, `done_parts` of `total_parts` are what `phase` says (`packs copied`); each phase counts from the beginning.
    """

    done_bytes: int = 0
    total_bytes: int = 0
    done_files: int = 0
    total_files: int = 0
    done_parts: int = 0
    total_parts: int = 0
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was asked, whether it is well (None: it works, and a person should know), and the remedy.

    `question` is the name of the question that it answers.
    """

    subject: str
    good: bool | None
    text: str
    remedy: str = ""
    question: str = ""


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
    drill: str = ""
    """A drill of the policy that pours from there into a sandbox of that source; empty: none does."""


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
class RunningCommand:
    """A command found again: its runner's own handle of it, which says nothing to anybody else, and the label it was started with."""

    handle: str
    label: str


class Owner(Enum):
    """What is known of the one that something is said to belong to; only one that is gone may be taken for dead."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


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
        producer_runner: Runner | None = None,
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        """Stream bytes in or out, hashing them on the way.

        With `producer`, run where `producer_runner` does (None: on this machine), its standard output is fed to the command's standard
        input, which stays open until the producer's exit status is known: when the producer failed or printed nothing, the command is
        interrupted first and its input closed after. Where both run on one other machine, what flows between them stays there.
        With `consume`, the command's standard output is handed over in chunks instead.
        """

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        """Return the commands whose label starts so; for ending what a dead orchestrator left running."""

    def end(self, commands: Iterable[RunningCommand]) -> None:
        """End those commands, with what they started, and wait until they are gone; what bears another label by now is left alone."""

    def host_name(self) -> str:
        """Return the name by which programs there know their machine."""

    def owner(self, handle: str) -> Owner:
        """Tell whether what bears that handle lives there; unknown where it would not be seen."""


@runtime_checkable
class NearRunner(Runner, Protocol):
    """A runner whose commands see the very files that this process sees, with its rights: a mere look at them needs no child."""

    def look(self, call: Callable[[], Looked], *, what: str) -> Looked:
        """Return what `call` sees; it changes nothing, for one that does not come back is left behind when the work must stop.

        Raises Interrupted and TimedOut as a command does.
        """


@runtime_checkable
class RemoteRunner(Runner, Protocol):
    """A runner of another machine, whose commands can also be given by a child of this one, to be piped here."""

    def from_here(self, command: Command) -> Command:
        """Return the command of this machine that carries it out there."""


@dataclass(frozen=True, slots=True)
class Piped:
    """How a piped command ended: bytes moved and their SHA-256; `producer` is None without one."""

    command: Completed
    bytes: int
    sha256: str
    producer: Completed | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An artifact of the same workload as a repository has it in an earlier point."""

    point: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class ArtifactRequest:
    """What an export offers to be stored.

    A `tree` names a `path` on the runner's machine and what to leave out; a `stream` names its `producer` command. A `native` one is there
    already when it is offered, and names its `places`; in which failure domain each lies its store says.
    """

    name: str
    form: str
    path: str
    producer: Command | None = None
    excludes: tuple[str, ...] = ()
    exclude_if_present: tuple[str, ...] = ()
    exclude_caches: bool = False
    one_file_system: bool = False
    runner: Runner | None = None
    """Where it can be read, when that is not where the others of its export can."""
    producer_runner: Runner | None = None
    """Where the producer runs, when that is not on this machine."""
    places: tuple[NativePlace, ...] = ()
    earlier: Earlier | None = None
    """The very stream that an earlier point has: the repository lists it once more for this one, and nothing of it is read again."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What its source will know it by; recorded as it is."""
    note: str = ""
    """Why all of it is read, where only what changed was to be; empty: no news."""
    lacks: tuple[str, ...] = ()
    """What its source could not read of it, each by name with the reason: what is stored is not all of it."""
    told: tuple[str, ...] = ()
    """What else a person must know of it, although all of it is there."""


class Export(Protocol):
    """An open snapshot: any number of artifacts, the runner that can read them, and the census of what was read."""

    @property
    def artifacts(self) -> tuple[ArtifactRequest, ...]: ...

    @property
    def runner(self) -> Runner: ...

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return what was counted at the source: called after the artifact was put; files that changed meanwhile leave the sample.

        Of a native artifact nothing was put, and the source counts it by itself.
        """


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
class LandingWay:
    """What takes one artifact: an empty `directory` on the runner's machine, a command there, or what a native store recalls into."""

    runner: Runner
    directory: str = ""
    into: Command | None = None
    """The command whose standard input takes the stream; then there is no directory."""
    recalled: Locator | None = None
    """What a native store recalls the artifact into, in words that it reads; then there is neither directory nor command."""


@dataclass(frozen=True, slots=True)
class Landing:
    """An open place to pour into; `landed` is what Cutover takes.

    `ways` tell by its name what takes an artifact; whatever is not named there goes `way`.
    """

    landed: Landed
    way: LandingWay | None = None
    ways: Mapping[str, LandingWay] = field(default_factory=dict)

    def way_of(self, artifact: str) -> LandingWay:
        """Return what takes the artifact of that name; Refused where nothing does."""
        way = self.ways.get(artifact, self.way)
        if way is None:
            raise Refused(
                f"nothing takes {artifact} of {self.landed.workload} there",
                hint="look whether the point is of another release, or restore with: --to directory PATH",
                safe="nothing of it was written",
            )
        return way


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
    """What the platform believes of a restored thing, and from where it can be seen; good while its context is open."""

    up: bool
    runner: Runner
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    root: str | None = None
    """The file or directory on the runner's machine that it is; None: nothing of it is seen as files there."""
    sandbox: str = ""
    """The directory there that holds its whole sandbox; empty where there is none."""
    addresses: tuple[str, ...] = ()
    """IP addresses at which this very thing is reached from this machine; none where that is not sure, as of a guest in a sandbox that has
    the address of the one in service. Only what can be an address of another machine is believed."""


class Platform(Protocol):
    """One configured platform that can be asked what is there, and is never changed by that.

    What `inventory` and `doctor` need of a `Source`.
    """

    name: str
    kind: str

    def existing(self) -> Stock:
        """Tell of everything there that could be protected, whether a set does or not; reads only.

        Asks for many as often as for few, where the platform tells of many at once. Each bears the name that a workload of it has or would
        have. What could not be asked is in the answer with its problem.
        """

    def examine(self) -> tuple[Finding, ...]:
        """Answer `doctor`."""


class Source(Platform, Protocol):
    """One configured platform that can be asked for data and can take it back.

    Killed anywhere, a source leaves only what `leftovers` finds again by its label; every method may be repeated.
    """

    runner: Runner
    """Where hooks `on` this source run."""

    def runners(self) -> tuple[Runner, ...]:
        """Return every runner it ever uses, this machine's too where it does, but for those inside workloads.

        A sweep looks on each for what a dead run left; where a hook was under way inside a workload, it looks there too.
        """

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        """Return the workloads a selector matches; reads only. A workload that cannot be protected now carries its problem."""

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        """Try to read what lies uppermost in workloads, within bounds; one that cannot be tried so is not in the answer."""

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        """Take a snapshot; the same label gives the same snapshot.

        A source that can takes `together`, the rest of the set, at the same instant; each is asked for by itself afterwards. With
        `keep_until` each is a leftover `local` from the first, which expires then and need not be told of before: the run that stores it
        leaves it there.
        """

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        """Hold workloads still until what is returned, a leftover `quiet`, is released; the same label, the same stillness.

        Labelled before anything is held, and until it is released. Where the platform can see to that, they go on by themselves after
        `seconds`, though everything here died; a snapshot of the same label is Conflict from then on, as long as the label is there.
        Refused where nothing of this kind can be held still.
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

    def start(self, restored: Restored) -> None:
        """Ask the platform to run it, and do not wait; running already is success. Refused where nothing of its kind runs."""

    def inspect(self, restored: Restored) -> AbstractContextManager[Inspection]:
        """Tell whether the platform believes it is up, and from where it can be seen; closes what it opened for that.

        May be opened again, also while it is open. Refused where its locator is not one of this source's.
        """

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        """Open the runner inside the workload of that whole name that is in service; closes what it opened.

        NotFound where the platform knows of no such workload, Unavailable where it does not run or does not answer, Refused where nothing
        of this kind can be run inside.
        """

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        """Return everything labelled by drtool that is still there; `places` are this source's sandbox settings."""

    def release(self, leftover: Leftover) -> None:
        """Remove a leftover; already gone is success, what carries no label of ours is Refused."""

    def stores(self) -> tuple[NativeStore, ...]:
        """Return what keeps native artifacts here, each called like this source or `SOURCE:…`; what it labelled is among `leftovers`.

        Such a leftover is `native`, and tells its `store` and the locator of its place. It is released like any other: who asks has made
        sure that no manifest names it.
        """


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """One native artifact to be brought back: from where, and `into` what a landing of its source told."""

    place: NativePlace
    into: Locator
    workload: str


class NativeStore(Protocol):
    """What a platform keeps for us itself: nothing of it passes drtool, so nothing is believed but what is asked.

    A store that cannot be asked raises Unavailable (or whatever stands in the way): then nobody knows, and nothing is concluded from it.
    Only what drtool asked for bears its label.
    """

    name: str

    def present(self, places: Sequence[NativePlace]) -> tuple[Held | None, ...]:
        """Tell of each place what is there now, in the same order; None: nothing is. Looks only, by one question where that can be."""

    def verify(self, place: NativePlace) -> Held:
        """Read what is there, all of it and where it lies, and tell what it is; NotFound when it is gone, Corrupt when it is damaged."""

    def recall(self, request: RecallRequest) -> Held:
        """Bring it back into what was landed, and tell what was brought; NotFound when it is gone.

        May be repeated; what was landed and not cut over goes as a leftover of its source, like everything landed. What is kept stays as it
        was. Refused where `into` is not one of its source's, or nothing is landed there.
        """

    def forget(self, place: NativePlace) -> None:
        """Remove what drtool made there; already gone is success. What bears no label of ours is Refused, and is untouched."""

    def guarantees(self) -> Guarantees:
        """Tell in which failure domain it lies, whether it is encrypted, and what tells it from others."""


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
    """Bytes and regular files restored, the program that did it, with its version, and what a person must know of single files."""

    bytes: int
    files: int
    program: str = ""
    warnings: tuple[str, ...] = ()
    never_stored: int = 0
    """How many bytes the program had counted when it stored them, of files that grew meanwhile, and never read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of `browse`: absolute path inside the artifact, type (`file`, `dir`, `symlink` …), size, mode bits, modification time."""

    path: str
    type: str
    bytes: int
    mode: int
    modified: str


@dataclass(frozen=True, slots=True)
class FindRequest:
    """What is looked for in stored data of points, as a listing names it.

    `names` are patterns as `drtool.trees.globs` reads them, one of which the own name of everything `wanted` fits: by them a repository
    may pass over the rest. `wanted` decides, by the absolute path. `require_few` is told how many finds wait in memory before they can
    be handed over, and may raise Refused.
    """

    data: tuple[DataSnapshot, ...]
    names: tuple[str, ...]
    wanted: Callable[[str], bool]
    ignore_case: bool = False
    require_few: Callable[[int], None] = lambda _waiting: None


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
        """Store an artifact as the runner reads it; an incomplete stream is never stored.

        What an earlier point has is listed once more, by one step and for good: it outlives that point. NotFound when this repository does
        not hold it, Corrupt when it is not there as it was stored.
        """

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        """Pour an artifact; Corrupt when anything disagrees with its digests, NotFound when this repository does not hold it."""

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        """List what is ours by one call; an own listing younger than the age is given again unless this repository was changed since."""

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        """List what is inside an artifact, below `path`; without `deep` only what lies directly in it."""

    def find(self, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
        """Go through the data of any number of points in as few steps as can be, and hand over what is wanted, as `browse` tells it.

        What lies above an artifact is the way to it, and not handed over. Returns why, by id, of what could not be gone through whole; of
        that anything may have been handed over, and not all.
        """

    def mount(self, request: MountRequest) -> None:
        """Show a point's data, read-only, at an empty directory of this machine; returns when it was unmounted.

        Interrupted and TimedOut end it and unmount, if nobody is in it; Refused where this machine cannot mount.
        """

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        """Copy sealed points from `origin` here, in order, each manifest verbatim and after its data; returns bytes written if known."""

    def forget(self, points: tuple[str, ...], *, pins: tuple[str, ...] = ()) -> None:
        """Remove points: manifests first, data after, and then the records of pins, and of what ended them, that have these ids.

        A record that is gone already is success; one that is no pin of ours is Refused, and nothing is removed then.
        """

    def discard(self, snapshots: tuple[str, ...]) -> None:
        """Remove unsealed data snapshots of ours by their ids; one that belongs to a sealed point is Refused."""

    def prune(self, *, on_progress: ProgressListener | None = None) -> None:
        """Free the space that nothing claims."""

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        """Read every byte, or what the request names, against its digests and return how many; Corrupt names what is damaged.

        0 when the repository cannot tell how many a slice has.
        """

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        """Return the names of what stores its bytes now, by slice: what is written later, or moved, has another name."""

    def append(self, body: Body) -> str:
        """Write a manifest, evidence or hold as one small snapshot; returns its id."""

    def read(self, snapshot: str, *, unlisted: bool = False) -> bytes:
        """Return the bytes of a manifest, evidence or hold by its snapshot id.

        `unlisted`: those of a manifest, whether or not it is listed, without the time of a listing. They are whatever lies there: who asks
        so compares them with the digest that a listing of today tells.
        """

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


class ImmutableStore(Protocol):
    """The bucket that a repository lies in, with every version of what is in it. Not part of Repository: no run and no drill may use it.

    Nothing is deleted: a version stays whatever is done, a delete marker is laid or lifted. `part` is one of `PARTS` or `locks`.
    """

    name: str

    @property
    def requests(self) -> int:
        """How many were sent so far."""

    @property
    def foreign(self) -> int:
        """How many names were listed that are none of a repository's."""

    def bucket(self) -> BucketLock:
        """Return how the bucket protects what is in it."""

    def histories(self, part: str) -> Iterator[History]:
        """Yield every object of a part with its versions, by name, a page at a time; Conflict where the listing makes no sense."""

    def lock_of(self, name: str, version: str) -> Lock | None:
        """Return the lock of a version; None where it has none."""

    def extend(self, name: str, version: str, lock: Lock) -> None:
        """Lock a version until then; Refused where that would shorten a lock, or is not allowed."""

    def content(self, name: str, version: ObjectVersion) -> str:
        """Read a version and return the SHA-256 of what is in it, in hexadecimal."""

    def uncover(self, name: str, marker: str) -> None:
        """Lift a delete marker, and nothing else."""

    def bring_back(self, name: str, version: ObjectVersion) -> None:
        """Copy a version over, so that it is the current one; what was current stays below it."""

    def set_aside(self, name: str) -> None:
        """Lay a delete marker: what is current stays below it."""

    def close(self) -> None:
        """Close its connections; another question opens them again."""


class PackIndex(Protocol):
    """What a repository says of its own packs, by its own program."""

    name: str

    def packs_in(self, index: str) -> Iterator[str]:
        """Yield the names of the packs that one file of the index tells of."""

    def unsound(self, point: str = "") -> str:
        """Say what is missing for all points, or one; empty where nothing is. No data is read. Refused where one cannot be asked alone."""


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


class Reach(Protocol):
    """Gives the runner of another machine, by OpenSSH."""

    def __call__(self, name: str, *, host: str, ssh_config: str | None = None) -> RemoteRunner:
        """Return the runner of a source of that name at `host`; without `ssh_config` by the configuration of who runs drtool."""


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a kind makes a source of: what the policy says of it, who asks, and what of this machine it may use.

    `selectors` are those of the policy that mean this source, each with the name of its set. `machine` and `proofs` tell by what everything
    is labelled. `spared` are the paths of this machine where drtool keeps its own things, which are left out of what is stored; one with
    words is in use while a restore works, and is never moved by it.
    """

    policy: SourcePolicy
    by: str
    local: Runner
    clock: Clock
    secrets: SecretStore
    reach: Reach
    selectors: tuple[tuple[str, Settings], ...] = ()
    spared: tuple[tuple[str, str], ...] = ()
    machine: Callable[[], str] = str
    proofs: Callable[[], LabelProofs] = LabelProofs


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A platform, as its `kind.py` hands it to the composition root: nothing else of drtool knows it by name.

    Everything that loads more than facts is called late. `settings`, `selector` and `place` give the pydantic models of the keys of a
    source, of what is protected on it, and of its place in a sandbox; `checks` and `check_keys` are the kinds of checks that only this
    platform has, and their keys. `grants` gives, for settings and the selectors that mean such a source, the platform's own commands that
    make a login with no more rights than they need; nobody is asked.
    """

    name: str
    make: Callable[[SourceRequest], Source]
    settings: Callable[[], type[Any]]
    selector: Callable[[], type[Any]]
    place: Callable[[], type[Any]]
    facts: KindFacts = field(default_factory=KindFacts)
    checks: Callable[[], tuple[Check, ...]] = tuple
    check_keys: Callable[[], Mapping[str, type[Any]]] = dict
    grants: Callable[[Settings, tuple[Settings, ...]], tuple[str, ...]] | None = None


class Notifier(Protocol):
    """Somebody who is told how things ended. Its failure never changes an outcome, and is told."""

    kind: str
    name: str
    """As it is called in errors: its kind and which of the policy it is."""

    def wants(self, signal: Signal) -> bool:
        """Tell whether it is told of this at all; nothing is asked for that."""

    def tell(self, signal: Signal) -> None:
        """Tell it, within its own time limit; Unavailable where nobody answers, Refused where somebody says no."""

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused where something is not."""
