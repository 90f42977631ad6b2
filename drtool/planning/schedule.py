from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from drtool.model.inventory import Inventory, Listing
from drtool.model.plan import Plan, Step
from drtool.model.policy import Policy
from drtool.planning.due import is_due
from drtool.planning.prune import plan_prune
from drtool.planning.verify import plan_due_verify


def due_sets(policy: Policy, found: Inventory, *, sets: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Return the sets whose schedule asks for a run since their newest complete, whole point; a set without a schedule is never due."""
    due = []
    for name in sets:
        backup_set = policy.sets[name]
        if backup_set.schedule is None:
            continue
        listing = found.repositories.get(backup_set.to)
        last = _newest(listing, name, by=policy.name, now=now)
        if is_due(backup_set.schedule, backup_set.time_zone, last_success=last, now=now):
            due.append(name)
    return tuple(due)


def with_due_maintenance(policy: Policy, found: Inventory, plan: Plan, *, pruned: Mapping[str, datetime | None], now: datetime) -> Plan:
    """Return the plan with the prunes and readings whose time has come, after everything else of it."""
    prunes = [
        name
        for name, repository in policy.repositories.items()
        if repository.prune is not None and is_due(repository.prune, "UTC", last_success=pruned.get(name), now=now)
    ]
    readings = [
        name
        for name, repository in policy.repositories.items()
        if repository.verify is not None
        and is_due(repository.verify.schedule, "UTC", last_success=_last_reading(found.repositories.get(name)), now=now)
    ]
    steps = list(plan.steps)
    for added in (
        plan_prune(policy, repositories=prunes, now=now, run=plan.run),
        plan_due_verify(policy, found.repositories, repositories=readings, now=now, run=plan.run),
    ):
        earlier = tuple(step.id for step in steps)
        steps += [_after(step, earlier) for step in added.steps]
    return replace(plan, steps=tuple(steps))


def _after(step: Step, earlier: tuple[str, ...]) -> Step:
    return replace(step, after=(*step.after, *earlier))


def _newest(listing: Listing | None, set_name: str, *, by: str, now: datetime) -> datetime | None:
    points = listing.points if listing is not None else ()
    instants = [point.instant for point in points if point.set == set_name and point.by == by and point.counts and point.instant <= now]
    return max(instants, default=None)


def _last_reading(listing: Listing | None) -> datetime | None:
    records = listing.evidence if listing is not None else ()
    readings = (record for record in records if record.subject == "verify" and not record.point)
    return max((record.started for record in readings if record.outcome == "succeeded"), default=None)
