from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drtool.model.inventory import Inventory, SetInventory
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Release, Seal, Skipped, Step, Store, TakeSnapshot, Verdict
from drtool.model.point import DataSnapshot, MissingMember, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.workload import Workload
from drtool.planning.caution import cautions
from drtool.planning.copy import copy_step, lacking
from drtool.planning.forget import ForgetDecision, decide_forget, forget_step
from drtool.planning.holdings import Holding, holdings
from drtool.planning.hooks import Gate, hook_steps
from drtool.planning.order import set_of
from drtool.planning.others import others_of
from drtool.planning.quarantine import explained, guard_steps

LIFETIME = timedelta(hours=48)
"""How long what was stored and never sealed is left alone."""


@dataclass(slots=True)
class _Draft:
    """The plan as it grows."""

    steps: list[Step] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    forgets: list[tuple[BackupSet, ForgetDecision, str, tuple[str, ...]]] = field(default_factory=list)
    written: dict[str, list[str]] = field(default_factory=dict)


def plan_run(
    policy: Policy,
    inventory: Inventory,
    *,
    sets: Iterable[str],
    now: datetime,
    run: str,
    points: Mapping[str, str],
    lifetime: timedelta = LIFETIME,
) -> Plan:
    """Plan a backup: hooks, snapshots, stores, seal, release, copies, and at last what is forgotten.

    `points` gives every set a fresh id; `lifetime` is how long unsealed data is left alone. Forgetting is judged as if the fresh
    point were there. Raises NotFound for a set the policy does not have.
    """
    held = holdings(inventory, policy.repositories)
    draft = _Draft()
    for name in dict.fromkeys(sets):
        backup_set = set_of(policy, name)
        found = inventory.sets.get(name)
        if found is None:
            draft.skipped.append(Skipped(name, "its sources were not asked", Outcome.FAILED.value, set=name))
            continue
        missing, workloads = _divide(backup_set, found, draft)
        if not workloads:
            draft.skipped.append(_nothing_to_store(name, missing, found))
            continue
        draft.notes += [told.words for told in others_of(inventory.repositories.values(), name, by=policy.name, now=now)]
        fresh = _fresh_point(policy, backup_set, workloads, point=points[name], run=run, now=now, complete=not missing)
        seal = _store_steps(backup_set, workloads, missing, draft, point=fresh.point, expires=now + lifetime)
        _after_seal(policy, backup_set, held, draft, fresh=fresh, seal=seal, now=now)
        draft.skipped.extend(cautions(policy, backup_set, held, now=now))
    written = {repository: tuple(steps) for repository, steps in draft.written.items()}
    draft.steps.extend(
        forget_step(backup_set, decision, expected=expected, needs=needs, written=written, rules=explained(backup_set, now=now))
        for backup_set, decision, expected, needs in draft.forgets
    )
    return Plan(
        verb="run",
        run=run,
        policy=policy.name,
        created=now,
        steps=tuple(draft.steps),
        skipped=tuple(draft.skipped),
        verdicts=tuple(draft.verdicts),
        notes=tuple(draft.notes),
    )


def _divide(backup_set: BackupSet, found: SetInventory, draft: _Draft) -> tuple[tuple[MissingMember, ...], tuple[Workload, ...]]:
    unique = {workload.name: workload for workload in reversed(found.workloads)}
    ordered = [unique.pop(workload.name) for workload in found.workloads if workload.name in unique]
    missing = {workload.name: workload.problem for workload in ordered if workload.problem}
    answered = {workload.source for workload in ordered} | set(found.empty)
    silent = [protect.source for protect in backup_set.protect if protect.source not in answered]
    for number, problem in enumerate(found.problems, start=1):
        # An inventory's problem carries words only; a person looks for the source's name in the list of what is missing.
        named = next((name for name in silent if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", problem.what)), "")
        key = named if named and named not in missing else f"source {number}"
        missing[key] = problem.what
    for source in dict.fromkeys(found.empty):
        reason = "the selector matched nothing"
        what = f"{backup_set.name}/{source}"
        draft.skipped.append(Skipped(what, reason, Outcome.FAILED.value, set=backup_set.name))
        missing.setdefault(source, reason)
    members = tuple(MissingMember(workload=name, reason=reason) for name, reason in missing.items())
    return members, tuple(workload for workload in ordered if not workload.problem)


def _nothing_to_store(name: str, missing: tuple[MissingMember, ...], found: SetInventory) -> Skipped:
    if missing:
        reasons = "; ".join(f"{member.workload}: {member.reason}" for member in missing)
        kinds = {problem.kind for problem in found.problems}
        because = kinds.pop() if len(kinds) == 1 and not found.empty and not found.workloads else ""
        hint = next((problem.hint for problem in found.problems if problem.hint), "")
        return Skipped(name, f"nothing could be stored ({reasons})", Outcome.FAILED.value, set=name, because=because, hint=hint)
    return Skipped(name, "nothing matched, which the policy allows", set=name)


def _fresh_point(
    policy: Policy, backup_set: BackupSet, workloads: tuple[Workload, ...], *, point: str, run: str, now: datetime, complete: bool
) -> RecoveryPoint:
    return RecoveryPoint(
        point=point,
        set=backup_set.name,
        by=policy.name,
        run=run,
        instant=now,
        complete=complete,
        bytes=0,
        files=0,
        members=len(workloads),
        digest="",
        manifest="",
        sealed=now,
        data=tuple(DataSnapshot("", "", workload.name, point) for workload in workloads),
    )


def _store_steps(
    backup_set: BackupSet,
    workloads: tuple[Workload, ...],
    missing: tuple[MissingMember, ...],
    draft: _Draft,
    *,
    point: str,
    expires: datetime,
) -> str:
    """Draft everything up to the seal and return its step id."""
    name = backup_set.name
    before, gate = hook_steps(name, "before", backup_set.hooks.before)
    draft.steps.extend(before)
    snapshots = _snapshot_steps(name, workloads, gate, point=point)
    taken = {step.workload: step.id for step in snapshots}
    draft.steps.extend(snapshots)
    stores = {
        workload.name: _store_step(backup_set, workload, gate, point=point, expires=expires, snapshot=taken.get(workload.name, ""))
        for workload in workloads
    }
    draft.steps.extend(stores.values())
    live = tuple(step.id for step in stores.values() if step.workload not in taken)
    started = tuple(step.id for step in before)
    after, _ = hook_steps(name, "after", backup_set.hooks.after, gate=Gate(after=(*started, *taken.values(), *live)))
    draft.steps.extend(after)
    for workload in workloads:
        if workload.name in taken:
            snapshot = taken[workload.name]
            draft.steps.append(_release_step(name, workload, snapshot=snapshot, store=stores[workload.name].id))
    seal = Step(
        id=f"{name}/seal",
        action=Seal(
            repository=backup_set.to,
            point=point,
            stores={workload: step.id for workload, step in stores.items()},
            missing=missing,
            consistent_within=backup_set.consistent_within,
        ),
        why="the point exists once its manifest is written",
        set=name,
        needs=gate.needs,
        after=tuple(step.id for step in stores.values()),
        uses=(f"repository:{backup_set.to}",),
    )
    draft.steps.append(seal)
    draft.written.setdefault(backup_set.to, []).append(seal.id)
    return seal.id


def _snapshot_steps(name: str, workloads: tuple[Workload, ...], gate: Gate, *, point: str) -> list[Step]:
    """Draft a snapshot of each; the first of a source takes all of them there together, and the others wait for it."""
    members: dict[str, list[Workload]] = {}
    for workload in workloads:
        if workload.snapshots:
            members.setdefault(workload.source, []).append(workload)
    steps = []
    for first, *others in members.values():
        step = _snapshot_step(name, first, gate, point=point, together=tuple(other.name for other in others))
        behind = replace(gate, after=(*gate.after, step.id))
        steps += [step, *(_snapshot_step(name, other, behind, point=point) for other in others)]
    return steps


def _snapshot_step(name: str, workload: Workload, gate: Gate, *, point: str, together: tuple[str, ...] = ()) -> Step:
    return Step(
        id=f"{name}/snapshot/{workload.name}",
        action=TakeSnapshot(workload=workload, label=f"drtool-{point}", together=together),
        why="it is read as it is at one instant",
        set=name,
        workload=workload.name,
        needs=gate.needs,
        after=gate.after,
        uses=(f"source:{workload.source}",),
    )


def _release_step(name: str, workload: Workload, *, snapshot: str, store: str) -> Step:
    return Step(
        id=f"{name}/release/{workload.name}",
        action=Release(snapshot=snapshot),
        why="a snapshot is no backup: it goes as soon as its data is stored",
        set=name,
        workload=workload.name,
        after=(snapshot, store),
        always=True,
        uses=(f"source:{workload.source}",),
    )


def _store_step(backup_set: BackupSet, workload: Workload, gate: Gate, *, point: str, expires: datetime, snapshot: str) -> Step:
    return Step(
        id=f"{backup_set.name}/store/{workload.name}",
        action=Store(
            workload=workload,
            repository=backup_set.to,
            point=point,
            expires=expires,
            snapshot=snapshot,
            nice=backup_set.nice,
        ),
        why=workload.way or (f"{workload.source} protects it" if snapshot else f"{workload.source} protects it; it is read live"),
        set=backup_set.name,
        workload=workload.name,
        needs=(*gate.needs, snapshot) if snapshot else gate.needs,
        after=gate.after,
        uses=(f"repository:{backup_set.to}", f"source:{workload.source}"),
    )


def _after_seal(
    policy: Policy,
    backup_set: BackupSet,
    held: Mapping[str, Holding],
    draft: _Draft,
    *,
    fresh: RecoveryPoint,
    seal: str,
    now: datetime,
) -> None:
    """Draft the copies at once, and remember what to forget once every set is stored and copied."""
    draft.steps.extend(guard := guard_steps(backup_set, point=fresh.point, seal=seal, now=now))
    arrived: dict[str, tuple[str, ...]] = {backup_set.to: (seal,)}
    for copy in backup_set.copies:
        target = copy.repository
        step = copy_step(
            backup_set,
            held,
            target,
            points=lacking(policy, backup_set, held, target=target, now=now, fresh=fresh),
            needs=(seal,),
        )
        draft.steps.append(step)
        # What is read from must not shrink meanwhile either.
        draft.written.setdefault(backup_set.to, []).append(step.id)
        draft.written.setdefault(target, []).append(step.id)
        arrived[target] = (seal, step.id)
    for repository, needs in arrived.items():
        decision = decide_forget(policy, backup_set, held[repository], fresh=fresh, now=now)
        if decision is None:
            draft.notes.append(f"{backup_set.name}: nothing is forgotten in {repository}, which could not be listed")
            continue
        draft.verdicts.extend(decision.verdicts)
        if decision.points and not held[repository].listing.vanished:
            draft.forgets.append((backup_set, decision, fresh.point, needs))
    draft.written.setdefault(backup_set.to, []).extend(step.id for step in guard)
