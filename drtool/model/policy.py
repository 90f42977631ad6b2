"""The operator's written intent, compiled: every default filled in, every name resolved, every unit converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from drtool.model.ladder import Level
from drtool.model.secret import SecretReference

Settings = Mapping[str, Any]
"""JSON values that only the owner of a kind reads: a source's, a selector's or a check's keys."""


@dataclass(frozen=True, slots=True)
class Address:
    """How a repository is reached from one place: location, password, environment."""

    location: str
    password: SecretReference
    environment: Mapping[str, SecretReference | str] = field(default_factory=dict)
    ssh_config: str = ""


@dataclass(frozen=True, slots=True)
class VerifyPolicy:
    """When a repository is read again: everything each time, or with `cycle` a slice each time, and everything within that time."""

    schedule: str
    cycle: timedelta | None = None


@dataclass(frozen=True, slots=True)
class RepositoryPolicy:
    """One repository: its address here, and where it differs elsewhere (`seen_from`, by source name)."""

    name: str
    address: Address
    site: str
    seen_from: Mapping[str, Address] = field(default_factory=dict)
    prune: str | None = None
    verify: VerifyPolicy | None = None
    upload_limit: int | None = None
    """Bytes per second."""
    download_limit: int | None = None
    timeout: timedelta = timedelta(seconds=60)
    """How long an unreachable or locked repository is waited for."""
    append_only: bool = False
    """Whether its store lets nothing be removed from here."""
    forget_for: Mapping[str, ForgetFor] = field(default_factory=dict)
    """Whose points this machine forgets there, as the trusted side of a store that lets them only add; by the name of their policy."""
    immutable: timedelta | None = None
    """For how long what a kept point needs is promised to be locked, from any moment on; None: nothing is promised."""
    auditor: Mapping[str, SecretReference | str] = field(default_factory=dict)
    """The credentials that look at locks and extend them; empty: those of the address."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """How many steps may use a source, and a node of it, at once; None: as many as of anything else."""

    at_once: int | None = None
    per_node: int | None = None


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """One platform that can be asked for data; `settings` are its kind's own keys."""

    name: str
    kind: str
    site: str
    settings: Settings = field(default_factory=dict)
    limits: SourceLimits = SourceLimits()


@dataclass(frozen=True, slots=True)
class Retention:
    """Rules that give reasons to keep; `within` keeps everything younger; `verified` is the floor of law 9."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: timedelta | None = None
    verified: int = 1


@dataclass(frozen=True, slots=True)
class Objectives:
    """RPO: most data, in time, we accept to lose. RTO: longest time until service is back. Proof: how long a passed drill proves."""

    rpo: timedelta = timedelta(hours=24)
    rto: timedelta = timedelta(hours=1)
    proof: timedelta = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class CopyPolicy:
    """A further repository for a set, with its own retention."""

    repository: str
    keep: Retention


@dataclass(frozen=True, slots=True)
class Protect:
    """One entry of `protect:`: which workloads of a source belong to the set."""

    source: str
    selector: Settings = field(default_factory=dict)
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """A command before or after the data is touched; `on` is the source on whose machine it runs, or the workload in which it does."""

    run: tuple[str, ...]
    on: str
    timeout: timedelta = timedelta(minutes=5)
    on_failure: str = "stop"
    """`stop` or `continue`."""

    @property
    def where(self) -> str:
        """Where it runs, in words: `on here`, `inside pve:104`."""
        return f"inside {self.on}" if self.workload else f"on {self.on}"

    @property
    def source(self) -> str:
        """The source that gives the runner."""
        return self.on.partition(":")[0]

    @property
    def workload(self) -> str:
        """The workload in which it runs, by its whole name; empty: on the machine of the source."""
        return self.on if ":" in self.on else ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The five phases."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    before_restore: tuple[Hook, ...] = ()
    after_restore: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """A question to a restored thing; `of` names the workload or source it is asked of (empty: every member).

    `level` is how high on the ladder a right answer takes it.
    """

    kind: str
    name: str
    of: str = ""
    settings: Settings = field(default_factory=dict)
    level: Level = Level.ANSWERS


@dataclass(frozen=True, slots=True)
class Quarantine:
    """When a set's forget stops until a person has looked; None: never for that reason.

    The first two are factors of the median size of the last complete points. `points_per_day` is a floor: what the schedule and
    earlier days explain is never too many. The default is that of a set without a schedule: what starts its runs may well do so hourly.
    """

    shrinks_below: float | None = 0.5
    grows_above: float | None = None
    points_per_day: int | None = 50


@dataclass(frozen=True, slots=True)
class ForgetFor:
    """Whose points a trusted machine forgets: of these machines, signed by these keys, by these rules for each of their sets."""

    machines: tuple[str, ...]
    signers: tuple[str, ...]
    keep: Retention
    quarantine: Quarantine = Quarantine()


_SCHEDULED: Final = Quarantine(points_per_day=12)
"""For a set with a schedule: a dozen runs by hand in a day of trying things out are no burst, however rare the schedule is."""


def usual_quarantine(schedule: str | None) -> Quarantine:
    """Return what holds for a set with that schedule, or none, where nobody said otherwise."""
    return Quarantine() if schedule is None else _SCHEDULED


@dataclass(frozen=True, slots=True)
class BackupSet:
    """Workloads protected, recovered and judged together."""

    name: str
    protect: tuple[Protect, ...]
    to: str
    keep: Retention
    objectives: Objectives = Objectives()
    copies: tuple[CopyPolicy, ...] = ()
    needs: tuple[str, ...] = ()
    schedule: str | None = None
    time_zone: str = "UTC"
    hooks: Hooks = Hooks()
    checks: tuple[CheckPolicy, ...] = ()
    consistent_within: timedelta | None = None
    nice: bool = False
    quiesce: timedelta | None = None
    """How long at most its members are held still together while their snapshots are taken; None: they are not."""
    quarantine: Quarantine = Quarantine()
    keep_on_source: timedelta | None = None
    """How long the snapshot of a stored point stays where it was taken, as a quick way back; None: it goes once its data is stored."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """An isolated, leased destination; `places` holds the keys per source name."""

    name: str
    lease: timedelta
    places: Mapping[str, Settings]


@dataclass(frozen=True, slots=True)
class DrillPolicy:
    """A timed restore into a sandbox, with checks."""

    name: str
    sets: tuple[str, ...]
    repository: str
    """The copy it restores from."""
    sandbox: str
    schedule: str | None = None
    time_zone: str = "UTC"
    negative_control: bool = False
    """After the green drill: break what was restored, and require red."""
    key: SecretReference | None = None
    """What alone opens the repository, for this drill; None: what its policy says."""


@dataclass(frozen=True, slots=True)
class NotifierPolicy:
    """Somebody who is told how things ended; `name` is the kind and which one of it."""

    kind: str
    name: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What of a source is knowingly not protected: a pattern of names, why, and the last day of that, in UTC."""

    workload: str
    source: str
    reason: str
    until: datetime

    def is_over(self, now: datetime) -> bool:
        """Tell whether its last day has passed."""
        return now.date() > self.until.date()


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the operator wrote, of all files together."""

    name: str
    site: str
    repositories: Mapping[str, RepositoryPolicy]
    sources: Mapping[str, SourcePolicy]
    sets: Mapping[str, BackupSet]
    sandboxes: Mapping[str, Sandbox] = field(default_factory=dict)
    drills: Mapping[str, DrillPolicy] = field(default_factory=dict)
    evidence_key: SecretReference | None = None
    """The key that signs evidence and manifests; None: one of this host's own, made at first need."""
    signers: tuple[str, ...] = ()
    """Fingerprints of the keys whose points and evidence count beside our own; empty: who alone signed at first contact, and adopted."""
    version: int = 1
    policy_in_points: str = "needed"
    """How much of the policy travels in every point: `needed`, what its set needs, or `whole`."""

    notify: tuple[NotifierPolicy, ...] = ()
    """Who is told how things ended."""
    exclusions: tuple[Exclusion, ...] = ()
    ups: str = ""
    """The UPS of this machine as `upsc` names it; empty: none."""

    def repositories_of(self, backup_set: BackupSet) -> tuple[str, ...]:
        """Name the repositories that hold points of a set: the first one written, then the copies."""
        return (backup_set.to, *(copy.repository for copy in backup_set.copies))

    def retention_in(self, backup_set: BackupSet, repository: str) -> Retention:
        """Return the rules that apply to a set's points in one repository."""
        for copy in backup_set.copies:
            if copy.repository == repository:
                return copy.keep
        return backup_set.keep
