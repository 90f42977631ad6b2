"""What may run at once: the one truth of the engine, which starts steps by it, and of the forecast, which expects them by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drtool.model.plan import Plan, Step
from drtool.model.policy import Policy


@dataclass(frozen=True, slots=True)
class Limits:
    """How much happens at once: steps in all, and of those that use the same thing (`repository:near`) unless `resources` names it."""

    workers: int = 4
    per_resource: int = 4
    resources: Mapping[str, int] = field(default_factory=dict)


def limits_of(plan: Plan, limits: Limits) -> Limits:
    """Return the limits by which a plan is carried out: its own, and what `limits` says otherwise."""
    return replace(limits, resources={**plan.limits, **limits.resources})


def used_of(source: str, selector: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what a step with a workload of a source uses: the source, and the node it lies on where it lies on one."""
    node = str(selector.get("node") or "")
    return (f"source:{source}", f"source:{source}/{node}") if node else (f"source:{source}",)


def with_limits(plan: Plan, policy: Policy) -> Plan:
    """Return the plan with what the policy says of its sources, for everything that its steps use."""
    found: dict[str, int] = {}
    for name in _used(plan.steps):
        room, _, place = name.partition(":")
        source, _, node = place.partition("/")
        known = policy.sources.get(source) if room == "source" else None
        limit = None if known is None else known.limits.per_node if node else known.limits.at_once
        if limit is not None:
            found[name] = limit
    return replace(plan, limits=found)


def _used(steps: Iterable[Step]) -> Iterable[str]:
    return dict.fromkeys(name for step in steps for name in step.uses)


class Room:
    """What is under way, by what it uses."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._steps = 0
        self._occupied: dict[str, int] = {}
        self._alone: set[str] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more can begin, whatever it uses."""
        return self._steps >= self._limits.workers

    def fits(self, step: Step) -> bool:
        """Tell whether a step may begin beside what is under way."""
        limits = self._limits
        return not self.full and not any(
            name in self._alone or self._occupied.get(name, 0) >= (1 if step.alone else limits.resources.get(name, limits.per_resource))
            for name in step.uses
        )

    def take(self, step: Step) -> None:
        """Count a step that begins."""
        self._steps += 1
        for name in step.uses:
            self._occupied[name] = self._occupied.get(name, 0) + 1
        self._alone.update(step.uses if step.alone else ())

    def leave(self, step: Step) -> None:
        """Count a step that has ended."""
        self._steps -= 1
        for name in step.uses:
            self._occupied[name] -= 1
        self._alone.difference_update(step.uses if step.alone else ())
