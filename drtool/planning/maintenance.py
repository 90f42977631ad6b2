"""What a timer's call adds to a plan, or leaves out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drtool.model.inventory import Inventory
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Skipped
from drtool.model.policy import Policy
from drtool.planning.prune import plan_prune
from drtool.planning.verify import plan_due_verify


def put_off(policy: Policy, found: Inventory, sets: Iterable[str]) -> tuple[Skipped, ...]:
    """Return the sets whose repository does not answer now: to stop their services for nothing helps nobody, and a later call comes."""
    skipped = []
    for name in sets:
        listing = found.repositories.get(policy.sets[name].to)
        if listing is not None and listing.problem is not None and listing.problem.kind == "Unavailable":
            reason = f"{listing.problem.what}; nothing was stopped, and the timer's next calls try again"
            skipped.append(Skipped(name, reason, Outcome.FAILED.value, set=name, because=listing.problem.kind, hint=listing.problem.hint))
    return tuple(skipped)


def with_maintenance(policy: Policy, found: Inventory, plan: Plan, *, prunes: Iterable[str], readings: Iterable[str]) -> Plan:
    """Return the plan with prunes and readings of repositories, after everything else of it."""
    steps = list(plan.steps)
    for added in (
        plan_prune(policy, repositories=prunes, now=plan.created, run=plan.run),
        plan_due_verify(policy, found.repositories, repositories=readings, now=plan.created, run=plan.run),
    ):
        earlier = tuple(step.id for step in steps)
        steps += [replace(step, after=(*step.after, *earlier)) for step in added.steps]
    return replace(plan, steps=tuple(steps))
