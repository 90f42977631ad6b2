from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drtool.model.policy import Policy
from drtool.ports import Check, Clock, Repository, Runner, Source


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything a run may touch the world with, chosen by `app.py`; a drill's hands are wrapped so that they cannot do more."""

    policy: Policy
    sources: Mapping[str, Source]
    repositories: Mapping[str, Repository]
    checks: Mapping[str, Check]
    clock: Clock
    local: Runner
    versions: Mapping[str, str] = field(default_factory=dict)
    read_only: Mapping[str, Repository] = field(default_factory=dict)
    sandbox_only: Mapping[str, Source] = field(default_factory=dict)

    def for_drill(self) -> Hands:
        """Return hands that can read repositories, append evidence and holds, and touch a sandbox: nothing else."""
        return replace(self, sources=self.sandbox_only, repositories=self.read_only)
