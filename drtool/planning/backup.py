from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drtool.model.inventory import Inventory, SetInventory
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Seal, Skipped, Step, Store, Verdict
from drtool.model.point import DataSnapshot, MissingMember, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.workload import Workload
from drtool.planning.believed import Leap, leap_of
from drtool.planning.caution import cautions
from drtool.planning.copy import copy_step, lacking
from drtool.planning.forget import ForgetDecision, decide_forget, forget_step
from drtool.planning.hooks import Gate, hook_steps
from drtool.planning.limits import used_of, with_limits
from drtool.planning.only_taking import spell_append_only
from drtool.planning.order import set_of
from drtool.planning.others import others_of
from drtool.planning.quarantine import explained, guard_steps
from drtool.planning.quiesce import quiet_steps, why_not_quiet
from drtool.planning.repository_view import RepositoryView, repository_views
from drtool.planning.snapshots import label_of, release_step, snapshot_steps

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
    held = repository_views(inventory, policy.repositories)
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
        draft.notes += [f"{workload.name}: {workload.doubt}" for workload in workloads if workload.doubt]
        draft.notes += [told.words for told in others_of(inventory.repositories.values(), name, by=policy.name, now=now)]
        fresh = _fresh_point(policy, backup_set, workloads, point=points[name], run=run, now=now, complete=_is_all(workloads, missing))
        seal = _store_steps(backup_set, workloads, missing, draft, point=fresh.point, now=now, expires=now + lifetime)
        _after_seal(policy, backup_set, held, draft, fresh=fresh, seal=seal, now=now)
        draft.skipped.extend(cautions(policy, backup_set, held, now=now))
    written = {repository: tuple(steps) for repository, steps in draft.written.items()}
    draft.steps.extend(_forget_steps(draft, written, now=now))
    plan = Plan(
        verb="run",
        run=run,
        policy=policy.name,
        created=now,
        steps=tuple(draft.steps),
        skipped=tuple(draft.skipped),
        verdicts=tuple(draft.verdicts),
        notes=tuple(draft.notes),
    )
    return with_limits(plan, policy)


def _divide(backup_set: BackupSet, found: SetInventory, draft: _Draft) -> tuple[tuple[MissingMember, ...], tuple[Workload, ...]]:
    unique = {workload.name: workload for workload in reversed(found.workloads)}
    ordered = [unique.pop(workload.name) for workload in found.workloads if workload.name in unique]
    missing = {each.name: why for each in ordered if (why := each.problem or why_not_quiet(backup_set, each))}
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
    return members, tuple(workload for workload in ordered if workload.name not in missing)


def _is_all(workloads: tuple[Workload, ...], missing: tuple[MissingMember, ...]) -> bool:
    """Tell whether the point will be complete, as far as is known before it is made."""
    return not missing and not any(workload.lacks for workload in workloads)


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
    now: datetime,
    expires: datetime,
) -> str:
    """Draft everything up to the seal and return its step id."""
    name = backup_set.name
    stays = None if backup_set.keep_on_source is None else now + backup_set.keep_on_source
    before, gate = hook_steps(name, "before", backup_set.hooks.before)
    draft.steps.extend(before)
    quiet = quiet_steps(backup_set, workloads, snapshot_steps(name, workloads, gate, point=point, stays=stays), gate, label=label_of(point))
    taken = {step.workload: step.id for step in quiet.snapshots}
    draft.steps.extend((*quiet.before, *quiet.snapshots, *quiet.thaws))
    gate = replace(gate, after=(*gate.after, *quiet.gate))
    stores = {
        workload.name: _store_step(backup_set, workload, gate, point=point, expires=expires, snapshot=taken.get(workload.name, ""))
        for workload in workloads
    }
    draft.steps.extend(stores.values())
    live = tuple(step.id for step in stores.values() if step.workload not in taken)
    started = tuple(step.id for step in before)
    after, _ = hook_steps(name, "after", backup_set.hooks.after, gate=Gate(after=(*started, *taken.values(), *quiet.gate, *live)))
    draft.steps.extend(after)
    for workload in workloads:
        if workload.name in taken:
            snapshot = taken[workload.name]
            draft.steps.append(release_step(name, workload, snapshot=snapshot, store=stores[workload.name].id, stays=stays))
    seal = Step(
        id=f"{name}/seal",
        action=Seal(
            repository=backup_set.to,
            point=point,
            stores={workload: step.id for workload, step in stores.items()},
            missing=missing,
            consistent_within=backup_set.consistent_within,
            thaws=quiet.gate,
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
        uses=(f"repository:{backup_set.to}", *used_of(workload.source, workload.selector)),
    )


def _after_seal(
    policy: Policy,
    backup_set: BackupSet,
    held: Mapping[str, RepositoryView],
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
    leap = _leap(policy, backup_set, held, now=now)
    draft.notes += [f"{backup_set.name}: {leap.words}"] if leap else []
    for repository, needs in arrived.items():
        if policy.repositories[repository].append_only:
            draft.notes.append(f"{backup_set.name}: {spell_append_only(repository)}")
            continue
        decision = decide_forget(policy, backup_set, held[repository], fresh=fresh, now=now, stopped=leap.reason if leap else "")
        if decision is None:
            draft.notes.append(f"{backup_set.name}: nothing is forgotten in {repository}, which could not be listed")
            continue
        draft.verdicts.extend(decision.verdicts)
        if decision.points and not held[repository].listing.vanished:
            draft.forgets.append((backup_set, decision, fresh.point, needs))
    for repository in arrived:  # nothing is forgotten anywhere before the new point was looked at
        draft.written.setdefault(repository, []).extend(step.id for step in guard)


def _leap(policy: Policy, backup_set: BackupSet, held: Mapping[str, RepositoryView], *, now: datetime) -> Leap | None:
    earlier = (point for name in policy.repositories_of(backup_set) for point in held[name].of(backup_set.name))
    return leap_of(backup_set, earlier, now=now)


def _forget_steps(draft: _Draft, written: Mapping[str, tuple[str, ...]], *, now: datetime) -> list[Step]:
    """Return the forgettings, one repository of a set after the other where a platform keeps something of what is forgotten."""
    steps: list[Step] = []
    native: dict[str, tuple[str, ...]] = {}
    for backup_set, decision, expected, needs in draft.forgets:
        name = backup_set.name
        step = forget_step(
            backup_set,
            decision,
            expected=expected,
            needs=needs,
            written=written,
            rules=explained(backup_set, now=now),
            behind=native.get(name, ()) if decision.natives else (),
        )
        if decision.natives:
            native[name] = (*native.get(name, ()), step.id)
        steps.append(step)
    return steps
