from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

EVIDENCE_FORMAT = "drtool.evidence/1"


@dataclass(frozen=True, slots=True)
class Reading:
    """One slice of a repository that was read: `slice` of `slices` (from 1) of the cycle that began at `cycle`.

    `done` are the slices whose every stored byte of before the cycle had been read when this one was, this one with them.
    """

    slice: int
    slices: int
    cycle: datetime
    done: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every slice was read."""
        return len(self.done) == self.slices


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sealed statement about something that was tested: a drill, a full reading (`verify`), or a key, of one repository.

    `point` and `set` are empty for a reading of the whole repository: it verifies every point sealed before `started`. One with
    a `reading` read a slice: when that completes its cycle, every point sealed before the cycle began is verified.
    `details` is bounded and holds no secret; `summary` travels in tags and is all that a listing knows.
    """

    id: str
    subject: str
    """`drill`, `verify` or `key`."""
    by: str
    repository: str
    outcome: str
    started: datetime
    ended: datetime
    set: str = ""
    point: str = ""
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    bytes: int = 0
    files: int = 0
    checks_passed: int = 0
    checks_planned: int = 0
    key: str = ""
    """The id of the repository's key that this alone was opened with; empty: the one in use."""
    details: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading | None = None
    snapshot: str = ""
    """Snapshot id in the repository that listed it."""
    format: str = EVIDENCE_FORMAT
