"""Small worlds for the planning tests."""

# ruff: noqa: ANN401
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drtool.model.evidence import Evidence
from drtool.model.inventory import Inventory, Listing, SetInventory
from drtool.model.plan import Plan
from drtool.model.point import Artifact, Census, Manifest, Member, MissingMember, RecoveryPoint
from drtool.model.policy import (
    Address,
    BackupSet,
    CheckPolicy,
    CopyPolicy,
    DrillPolicy,
    Hook,
    Hooks,
    Policy,
    Protect,
    RepositoryPolicy,
    Retention,
    Sandbox,
    SourcePolicy,
)
from drtool.model.secret import SecretReference
from drtool.model.workload import Workload

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BY = "homelab"


def point(name: str, instant: datetime = NOW, **changes: Any) -> RecoveryPoint:
    body: dict[str, Any] = {
        "point": name,
        "set": "documents",
        "by": BY,
        "run": "R0",
        "instant": instant,
        "complete": True,
        "bytes": 1,
        "files": 1,
        "members": 1,
        "digest": "d" * 64,
        "manifest": f"m-{name}",
        "sealed": instant,
    }
    return RecoveryPoint(**{**body, **changes})


def daily(count: int, *, newest: datetime = NOW - timedelta(hours=1), **changes: Any) -> tuple[RecoveryPoint, ...]:
    return tuple(point(f"P{count - age:03d}", newest - age * DAY, **changes) for age in range(count))


def listing(repository: str, points: Iterable[RecoveryPoint] = (), **changes: Any) -> Listing:
    """Return a listing as it comes through the door: what is of another name, or has a standing of its own, counts nowhere."""
    every = tuple(points)
    own = tuple(each for each in every if each.by == BY and not each.standing)
    others = tuple(each for each in every if each.by != BY or each.standing)
    made = replace(Listing(repository=repository, taken=NOW, points=own, others=others), **changes)
    return replace(made, evidence=tuple(replace(each, counts=each.counts and each.by == BY) for each in made.evidence))


def evidence(**changes: Any) -> Evidence:
    body: dict[str, Any] = {
        "id": "E1",
        "subject": "drill",
        "by": BY,
        "repository": "near",
        "outcome": "succeeded",
        "started": NOW - timedelta(hours=2),
        "ended": NOW - timedelta(hours=1),
        "set": "documents",
        "point": "P001",
        "rto_seconds": 600.0,
    }
    return Evidence(**{**body, **changes})


def repository(name: str, site: str = "home") -> RepositoryPolicy:
    return RepositoryPolicy(name=name, address=Address(f"repositories/{name}", SecretReference("env", "PASSWORD")), site=site)


def hook(*words: str, **changes: Any) -> Hook:
    return Hook(run=words, on="here", **changes)


def backup_set(name: str = "documents", **changes: Any) -> BackupSet:
    body: dict[str, Any] = {
        "name": name,
        "protect": (Protect("here", {"paths": ["/home", "/etc"]}), Protect("billing")),
        "to": "near",
        "keep": Retention(last=3),
        "copies": (CopyPolicy("offsite", Retention(last=5)),),
        "schedule": "30 2 * * *",
    }
    return BackupSet(**{**body, **changes})


HOOKS = Hooks(
    before=(hook("stop"), hook("flush", on_failure="continue"), hook("quiet")),
    after=(hook("thaw"), hook("start")),
    before_restore=(hook("halt"),),
    after_restore=(hook("resume"),),
)


def policy(*sets: BackupSet, **changes: Any) -> Policy:
    chosen = sets or (backup_set(),)
    body: dict[str, Any] = {
        "name": BY,
        "site": "home",
        "repositories": {name: repository(name) for name in ("near", "offsite")},
        "sources": {
            "here": SourcePolicy("here", "files", "home"),
            "billing": SourcePolicy("billing", "stream", "home"),
        },
        "sets": {one.name: one for one in chosen},
        "sandboxes": {"lab": Sandbox("lab", timedelta(hours=2), {"here": {"directory": "lab"}, "billing": {}})},
        "drills": {"monthly": DrillPolicy("monthly", (chosen[0].name,), "offsite", "lab", schedule="0 4 1 * *")},
    }
    return Policy(**{**body, **changes})


def workload(name: str, **changes: Any) -> Workload:
    source = name.partition(":")[0]
    return Workload(name=name, source=source, kind="files" if ":" in name else "stream", **changes)


WORKLOADS = (workload("here:/home"), workload("here:/etc"), workload("billing"))


def inventory(*listings: Listing, workloads: Iterable[Workload] = WORKLOADS, set_name: str = "documents", **changes: Any) -> Inventory:
    found = replace(SetInventory(set=set_name, workloads=tuple(workloads)), **changes)
    known = listings or (listing("near"), listing("offsite"))
    return Inventory(taken=NOW, sets={set_name: found}, repositories={one.repository: one for one in known})


def member(name: str, path: str, **changes: Any) -> Member:
    body: dict[str, Any] = {
        "workload": name,
        "source": name.partition(":")[0],
        "kind": "files",
        "selector": {},
        "instant": NOW,
        "artifacts": (Artifact("data", "tree", "t" * 64, path, Census(files=2, bytes=10)),),
    }
    return Member(**{**body, **changes})


def manifest(set_name: str = "documents", *members: Member, missing: tuple[MissingMember, ...] = ()) -> Manifest:
    chosen = members or (member("here:/home", "/home"), member("here:/etc", "/etc"), member("billing", "/billing"))
    return Manifest(
        point=f"P-{set_name}",
        set=set_name,
        by=BY,
        run="R0",
        instant=NOW - timedelta(hours=3),
        sealed=NOW - timedelta(hours=2),
        complete=not missing,
        members=chosen,
        missing=missing,
    )


CHECKS = (
    CheckPolicy("files", "enough", of="here", settings={"at_least": 1}),
    CheckPolicy("command", "answers"),
    CheckPolicy("files", "enough", of="here:/etc"),
)


def every_wait_is_known(plan: Plan) -> None:
    """Ids are unique, and every step waits only for steps that stand before it."""
    seen: set[str] = set()
    for step in plan.steps:
        assert step.id not in seen
        assert step.why
        assert seen.issuperset(step.needs), step
        assert seen.issuperset(step.after), step
        seen.add(step.id)
