"""Plans: ordered steps with reasons, and the closed list of everything drtool can do to the world.

Every action has one result (the class after it); a step refers to the results of others by step id. Nothing here is a handle, a secret
or an exception, so that a plan and its results travel as JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drtool.model.carried import Carried, Survey
from drtool.model.codec import canonical
from drtool.model.forecast import Forecast
from drtool.model.hold import Hold
from drtool.model.locator import Locator
from drtool.model.negative_control import Controlled, Fault
from drtool.model.point import Member, MissingMember
from drtool.model.policy import BackupSet, CheckPolicy, Hook, Quarantine, SourcePolicy
from drtool.model.workload import Leftover, Snapshot, Workload

NOWHERE = Locator()
"""What was written down by a release that told where things lie in other fields."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a restore puts things: `original`, `directory` (with its `path`) or `sandbox` (with its name and lease)."""

    form: str
    path: str = ""
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One rename of a cutover: from `content` in staging to `target`; `aside` is where what was in the way is kept.

    `carried` names the record of what goes back from `aside` into what was restored, as the point had left it out.
    """

    content: str
    target: str
    aside: str = ""
    carried: Carried | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """What was poured and waits for its cutover; `aside` is, in words, what is kept of what was there."""

    workload: str
    source: str
    destination: Destination
    target: str = ""
    """Where it belongs, in words for a person."""
    locator: Locator = NOWHERE
    """Where it lies, in its source's own words."""
    aside: str = ""
    opened: bool = False
    """Its own program took it."""
    note: str = ""
    """What is not as it was, although nothing failed; it stands in the report."""
    carried: Carried | None = None
    """What of it does not come from the point, once it is in service."""
    way_back: str = ""
    """How a person takes the exchange back where drtool does not, without names, which may change; empty: `drtool restore --undo` does."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A workload in service at its destination; checks are asked of it."""

    workload: str
    source: str
    destination: Destination
    path: str
    """Where it is, in words for a person; what can be seen of it from where its `inspect` tells."""
    member: Member
    paths: tuple[str, ...] = ()
    """Only these were restored; empty: everything."""
    aside: str = ""
    note: str = ""
    opened: bool = False
    """Its own program took it: a stream that its command loaded."""
    carried: Carried | None = None
    """What of it does not come from the point: it was in service, and the point had left it out."""
    locator: Locator = NOWHERE
    """Where it lies, in its source's own words."""
    way_back: str = ""
    """How a person takes the exchange back where drtool does not, in words; empty: `drtool restore --undo` does."""


@dataclass(frozen=True, slots=True)
class Initialise:
    """Create a repository; `chunker_of` names the repository whose chunker parameters it shares."""

    repository: str
    chunker_of: str = ""


@dataclass(frozen=True, slots=True)
class RunHook:
    """Run an operator's command; `phase` is before, after, before_restore, after_restore or on_failure."""

    phase: str
    hook: Hook


@dataclass(frozen=True, slots=True)
class Reserve:
    """Make the sandbox place of one source: label it, check its capacity (bytes), start its lease."""

    source: str
    destination: Destination
    bytes: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Quiesce:
    """Hold workloads of one source still for the snapshots of this label; its set is still for at most `seconds` in all."""

    source: str
    workloads: tuple[Workload, ...]
    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Take a snapshot on the source; `together` names what of the same set and source is taken with it, at one instant if it can be.

    `quiet`: its workload is held still meanwhile, and one that is taken too late is none. `keep_until`: it stays until then once its data
    is stored, and is labelled so from the first; None: it goes with its run.
    """

    workload: Workload
    label: str
    together: tuple[str, ...] = ()
    quiet: bool = False
    keep_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Thaw:
    """Let go on what the step `quiesce` holds still, or may have begun to hold before it failed."""

    quiesce: str
    source: str


@dataclass(frozen=True, slots=True)
class Store:
    """Export one workload and put it into the repository; `snapshot` names the step that took its snapshot (empty: read live)."""

    workload: Workload
    repository: str
    point: str
    expires: datetime
    snapshot: str = ""
    nice: bool = False


@dataclass(frozen=True, slots=True)
class Seal:
    """Write the manifest from the results of `stores` (workload name to step id); `missing` could not even be asked for."""

    repository: str
    point: str
    stores: Mapping[str, str]
    missing: tuple[MissingMember, ...] = ()
    consistent_within: timedelta | None = None
    """The largest distance between the instants of its members that was promised."""
    thaws: tuple[str, ...] = ()
    """The steps that tell how long its members were held still together."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Bring points, oldest first, from one repository into another; those already sealed there are left alone."""

    origin: str
    target: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Release one leftover; already gone is success. `reserved` names the step whose sandbox it is (then `leftover` is empty).

    `snapshot` names the step that took it; it stays where the step `keeps` stored its data.
    """

    leftover: Leftover | None = None
    snapshot: str = ""
    reserved: str = ""
    keeps: str = ""


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Pin a point in one repository until this run has what it needs of it; `id` names the record."""

    repository: str
    point: str
    id: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class EndHold:
    """End a hold in one repository by a release record: the one that the step `placed` wrote, or `hold` that a dead run left."""

    repository: str
    placed: str = ""
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Look at the size and number of a set's points now that `point` is sealed; write a hold for the set where they look wrong."""

    repository: str
    point: str
    rules: Quarantine
    copies: tuple[str, ...] = ()
    """Further repositories where the hold is written too."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the claim on points; `expected` must exist sealed in the repository first, else nothing is forgotten.

    `rules` are asked again of the listing taken then.
    """

    repository: str
    points: tuple[str, ...]
    expected: str = ""
    rules: Quarantine = field(default_factory=Quarantine)
    late: tuple[str, ...] | None = None
    """Of what this machine forgets for another: what came long after its date, and takes nobody's place. None: it forgets its own."""


@dataclass(frozen=True, slots=True)
class Prune:
    """Free the space that nothing claims."""

    repository: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Read a repository against its digests, and record it: every byte, one `slice` of `slices`, or only what `point` needs.

    `cycle` is when the cycle began that the slice belongs to; None: it begins a new one.
    """

    repository: str
    slice: int = 0
    slices: int = 0
    cycle: datetime | None = None
    point: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """Show one point of a repository at a directory of this machine until it is ended; `made`: the directory is only for that."""

    repository: str
    point: str
    directory: str
    expires: datetime
    made: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Pour one member of a point into staging at a destination, from the first of `copies` that can give it."""

    point: str
    member: Member
    copies: tuple[str, ...]
    destination: Destination
    paths: tuple[str, ...] = ()
    expires: datetime | None = None
    fresh_cache: bool = False
    missing: tuple[str, ...] = ()
    """The workloads that are missing in the point: what is in service of them stays there."""
    leave_excluded: bool = False
    """What the point left out is not carried back into service."""
    within: bool = False
    """It lies in what another step put in place before: what that one has there is kept aside, wherever it is restored to."""
    bytes: int | None = None
    """How much is poured at most where only `paths` are; None: all of the member is, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Cutover:
    """Put what step `restore` landed into service, keeping what was in the way aside.

    `survey` is what was seen there when it was planned: what is carried back, and what is newer than the point.
    """

    restore: str
    source: str
    survey: Survey | None = None
    others: tuple[str, ...] = ()
    """Earlier cutovers: what they put in place must still be there afterwards."""


@dataclass(frozen=True, slots=True)
class Start:
    """Ask the platform to run what the step `cutover` put in place, and wait until it believes that it is up; at most `seconds`."""

    cutover: str
    source: str
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back one exchange of a restore: what was kept aside goes into service again, and what was restored is kept aside."""

    leftover: Leftover


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask one check of what the steps `cutovers` restored (workload name to step id)."""

    check: CheckPolicy
    cutovers: Mapping[str, str]
    instant: datetime
    """The point's instant: ages are counted back from it."""
    early: bool = False
    """Asked before anything is restored, of nothing: right when nobody answers."""
    before: str = ""
    """The early step that must have found nobody, for a check that a drill asks at an address."""
    started_by: tuple[str, ...] = ()
    """Steps that may start what shall answer; with none of them, nobody's answer says nothing of what was restored."""


@dataclass(frozen=True, slots=True)
class Break:
    """Inject one fault on purpose, ask the checks of the steps `asks` again, and put right what was broken.

    `workload` is what is broken (empty: the question itself, or how `repository` is opened). `older` is the workload as it is in an
    older point.
    """

    fault: Fault
    asks: tuple[str, ...]
    workload: str = ""
    older: Member | None = None
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Append the evidence of a drill; the journal so far is its source."""

    repository: str
    set: str
    point: str
    drill: str
    rto_seconds: float
    """The objective."""
    rpo_seconds: float
    asks: tuple[str, ...]
    restores: tuple[str, ...]
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    """What the proof holds for: digests of the parts that could change."""


Action = (
    Initialise
    | RunHook
    | Reserve
    | Quiesce
    | TakeSnapshot
    | Thaw
    | Store
    | Seal
    | Copy
    | Release
    | PlaceHold
    | EndHold
    | Guard
    | Forget
    | Prune
    | Verify
    | Mount
    | Restore
    | Cutover
    | Start
    | Undo
    | Ask
    | Break
    | Record
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A member as it was stored; `snapshots` are the ids the repository gave, one for each artifact (empty for a native one)."""

    member: Member
    snapshots: tuple[str, ...]
    read_bytes: int = 0
    program: str = ""
    """What it was stored with, such as `restic 0.19.0`."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The point exists; `partial` when members are missing or incomplete."""

    point: str
    set: str
    instant: datetime
    complete: bool
    digest: str
    manifest: str
    bytes: int
    files: int
    missing: tuple[MissingMember, ...] = ()
    skew_seconds: float = 0.0
    """Between the instants of its oldest and its newest member."""
    quiet_seconds: float = 0.0
    """How long the longest of its members was held still; 0: none was."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Points now sealed in the target, and those that were there already."""

    points: tuple[str, ...]
    present: tuple[str, ...] = ()
    bytes: int = 0
    again: tuple[str, ...] = ()
    """Those of them that were sealed there already, but not whole."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Points removed, and those kept after all with the reason."""

    points: tuple[str, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """Of points that a person should look after, as what a platform keeps of them did not go."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A member poured into staging: from which copy, how many bytes and files, and which copies failed before."""

    landed: Landed
    member: Member
    repository: str
    bytes: int
    files: int
    failed_copies: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    key: str = ""
    """The id and the reference of the key the copy was opened with, when it was not the one in use."""
    program: str = ""
    """What it was restored with, such as `restic 0.19.0`."""
    warnings: tuple[str, ...] = ()
    """Of single files that are there, and not as they were written down."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one check: how many things were compared, and what differed.

    What `compared` counts is the kind's own; of a census it is regular files whose content was compared with the source.
    """

    passed: bool
    expected: str
    observed: str
    compared: int = 0
    bytes: int = 0
    skipped: str = ""
    """Why it could not be asked; a skipped check never counts as passed."""
    silent: bool = False
    """Nobody answered: refused, or not a word. Whether that is wrong depends on who was to answer."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of an action that has nothing more to say; `data` are facts for the report."""

    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


Result = Snapshot | Stored | Sealed | Copied | Forgotten | Fetched | Restored | Answer | Controlled | Done


@dataclass(frozen=True, slots=True)
class Step:
    """One action, why it is done, and what it waits for.

    `needs`: these must have succeeded. `after`: these must have ended, however. `beside`: carried out at once with these, and stopped
    when one of them does not succeed. `always`: carried out whatever happened before.
    `uses`: names of what it occupies (`repository:near`, `source:pve/node1`), for the limits. `alone`: nothing else may use any of that
    meanwhile, such as a repository that is locked against everybody.
    """

    id: str
    action: Action
    why: str
    set: str = ""
    workload: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    always: bool = False
    uses: tuple[str, ...] = ()
    alone: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something the plan leaves out, and why; `outcome` says whether that is a failure."""

    what: str
    reason: str
    outcome: str = "succeeded"
    set: str = ""
    because: str = ""
    """The class name of the errors behind it, where they are all of one."""
    of: str = ""
    """What it is where it is no data: a `hook` or a `check`."""
    hint: str = ""
    """What to type about it, where something is known."""
    workload: str = ""
    """The member of a point that it is, where it is one that a restore leaves out."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What retention says of one point in one repository: the reasons to keep it; none: it is forgotten."""

    point: str
    set: str
    repository: str
    instant: datetime
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Objective:
    """What the plan is measured against; the clock starts at `declared`."""

    set: str
    point: str = ""
    declared: datetime | None = None
    point_instant: datetime | None = None
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    members: int = 0
    """How many workloads the point holds; 0: nobody counted them."""


@dataclass(frozen=True, slots=True)
class OfPoints:
    """The sources and sets by which the points of a plan go back, where they are not those of today's policy."""

    sources: Mapping[str, SourcePolicy]
    sets: Mapping[str, BackupSet]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, in an order that may be carried out from the top; a plan with no steps is legal."""

    verb: str
    run: str
    policy: str
    created: datetime
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    objectives: tuple[Objective, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    """What a person must say yes to, whatever was said before: no `--yes` does."""
    forecast: Forecast | None = None
    """How long a recovery is expected to take; None for what is none."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """How many steps may use a thing at once, by its name in `uses`; what is not named has the limit that everything has."""
    of_points: OfPoints | None = None
    """What its points need of their own; None: today's policy has it all."""

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the canonical JSON."""
        return hashlib.sha256(canonical(self)).hexdigest()
