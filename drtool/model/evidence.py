from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

EVIDENCE_FORMAT = "drtool.evidence/1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sealed statement about something that was tested: a drill, a full reading (`verify`), or a key, of one repository.

    `point` and `set` are empty for a reading of the whole repository: it verifies every point sealed before `started`.
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
    format: str = EVIDENCE_FORMAT
