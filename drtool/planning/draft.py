"""A restore on paper while it grows: what was asked for, and the steps so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.plan import Destination, Skipped, Step
from drtool.model.policy import Policy
from drtool.planning.nesting import Places


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What a person asks for: which sets, as of when, which parts of them, and where to.

    `workloads` and `paths` empty: everything. `repositories` is the preferred order of copies. With
    `leave_excluded` nothing goes back into service that the point left out.
    """

    sets: tuple[str, ...]
    destination: Destination
    point: str | None = None
    at: datetime | None = None
    workloads: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    repositories: tuple[str, ...] | None = None
    leave_excluded: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Which source of today stands for one of the point that is gone; the empty name: for every such."""


@dataclass(slots=True)
class Draft:
    """The plan as it grows; `cutovers` by set, workload, step id."""

    policy: Policy
    request: RestoreRequest
    places: Places
    expires: datetime
    fresh_cache: bool
    run: str
    steps: list[Step] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reserved: dict[str, str] = field(default_factory=dict)
    cutovers: dict[str, dict[str, str]] = field(default_factory=dict)
    started: dict[str, dict[str, str]] = field(default_factory=dict)
    """The steps that start what has to be started, by set and workload."""
    counted: dict[tuple[str, str], str] = field(default_factory=dict)
    """The censuses that are asked before something else is put inside, by set and workload."""


def cutover_id(name: str, workload: str) -> str:
    """Return the id of the step that puts a workload of a set in place."""
    return f"{name}/cutover/{workload}"
