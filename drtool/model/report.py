from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from drtool.model.errors import Bug, DrtoolError
from drtool.model.ladder import Level
from drtool.model.negative_control import Controlled
from drtool.model.outcome import Outcome

REPORT_FORMAT = "drtool.report/1"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a report keeps it: class name, and the words for the person."""

    kind: str
    what: str
    where: str = ""
    hint: str = ""
    safe: str = ""
    again_is_harmless: bool = True
    traceback: str = ""

    @classmethod
    def of(cls, error: DrtoolError) -> Self:
        """Return an error as reports keep it."""
        return cls(
            kind=error.kind,
            what=error.what,
            where=error.where,
            hint=error.hint,
            safe=error.safe,
            again_is_harmless=error.again_is_harmless,
            traceback=error.traceback if isinstance(error, Bug) else "",
        )


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step as it went; `result` is the action's result as JSON values."""

    id: str
    action: str
    set: str
    workload: str
    outcome: Outcome | None
    """None: never carried out, because of `not_run`."""
    seconds: float = 0.0
    started_after_seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    not_run: str = ""
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ObjectiveReport:
    """Realised against promised; RTO: last required check passed minus declared."""

    set: str
    point: str
    declared: datetime
    rto_seconds: float | None = None
    rto_objective_seconds: float | None = None
    rpo_seconds: float | None = None
    rpo_objective_seconds: float | None = None
    missed: tuple[str, ...] = ()
    canary_rpo_seconds: float | None = None
    """Declared minus the instant at which the oldest canary was planted that was found again; None: there was none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a recovery: `decide`, `reach`, `fetch`, `restore`, `start` or `check`; `seconds` leaves out when nothing of it ran.

    `started_after_seconds` counts from the declaration.
    """

    name: str
    started_after_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check as it was answered; `passed` is None when it was never asked, `workloads` are what it was asked of."""

    name: str
    kind: str
    step: str
    workloads: tuple[str, ...]
    level: Level
    passed: bool | None
    expected: str = ""
    observed: str = ""
    skipped: str = ""
    compared: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rung:
    """How far one workload came on the ladder, and how far its checks would have taken it."""

    workload: str
    reached: Level
    asked: Level


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A member of a point that a restore left out, why, and what to type to have it."""

    workload: str
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SetReport:
    """One set of the run."""

    set: str
    outcome: Outcome
    point: str = ""
    complete: bool | None = None
    bytes: int = 0
    files: int = 0
    stored_bytes: int = 0
    checks_passed: int = 0
    checks_planned: int = 0
    compared: int = 0
    """Regular files whose content was compared with the source."""
    missing: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    objective: ObjectiveReport | None = None
    copies: tuple[str, ...] = ()
    """The repositories that data really came from."""
    stages: tuple[Stage, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    ladder: tuple[Rung, ...] = ()
    controls: tuple[Controlled, ...] = ()
    """What the negative control found, fault by fault."""
    key: str = ""
    """The id and the reference of the key that alone opened the repository; empty: the one in use."""
    restored: str = ""
    """`all`, `part` or `none` of what was asked for is there; empty: nothing was to come back."""
    checks_wrong: int = 0
    checks_not_asked: int = 0
    quiet_seconds: float = 0.0
    """How long its members were held still together, at most; 0: they were not."""
    left_out: tuple[LeftOut, ...] = ()
    """Members of the point that were left out of the restore."""
    workloads: int = 0
    """How many workloads a restore was to bring back."""
    workloads_in_point: int = 0
    """How many the point holds; 0: nobody counted them."""
    only_paths: bool = False
    """Whether single paths were asked for, and not all of each workload."""


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """How many checks were planned, and what became of them; `not_asked` were neither right nor wrong."""

    planned: int = 0
    passed: int = 0
    wrong: int = 0
    not_asked: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A journal folded: outcome first, then sets, then steps."""

    run: str
    verb: str
    policy: str
    outcome: Outcome
    started: datetime
    ended: datetime | None
    seconds: float
    sets: tuple[SetReport, ...] = ()
    steps: tuple[StepReport, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    signal_number: int | None = None
    plan_digest: str = ""
    restored: str = ""
    """Of a restore or a drill: `all`, `part` or `none` of what was asked for is there."""
    asked: str = ""
    """Of a restore or a drill: whether `all` that the points hold was asked for, or a `part`."""
    checks: CheckCounts = CheckCounts()
    format: str = REPORT_FORMAT
