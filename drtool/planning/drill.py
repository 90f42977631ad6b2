from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from drtool.model.errors import NotFound
from drtool.model.nearest import named
from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Destination, EndHold, Plan, Record, Release, Reserve, Restore, Skipped, Step
from drtool.model.point import Manifest
from drtool.model.policy import CheckPolicy, DrillPolicy, Policy
from drtool.model.shrunk import holds_something
from drtool.planning.implied_checks import address_of, is_placed
from drtool.planning.negative_control import break_steps
from drtool.planning.proof import fingerprint, rigour
from drtool.planning.restore import RestoreRequest, plan_restore

_EARLY_TIMEOUT = "5s"
"""Who is in service accepts a connection within this; where packets are dropped the recovery waits no longer."""


def drill_named(policy: Policy, name: str, *, gone: Iterable[str] = ()) -> DrillPolicy:
    """Return a drill of the policy, or that of a set of this name, from its last copy and in the first sandbox.

    `gone` are the sets that have points and are not in the policy. Raises UnknownName, and NotFound where there is no sandbox.
    """
    if name in policy.drills:
        return policy.drills[name]
    if name not in policy.sets:
        named(name, (*policy.drills, *policy.sets, *gone), "drill and no set")
    if not policy.sandboxes:
        raise NotFound("the policy has no sandbox to drill in", hint="add sandboxes: {lab: {lease: 2h, …}}")
    kept_in = policy.repositories_of(policy.sets[name]) if name in policy.sets else tuple(policy.repositories)
    return DrillPolicy(name, (name,), kept_in[-1], next(iter(policy.sandboxes)))


def plan_drill(
    policy: Policy,
    drill: DrillPolicy,
    *,
    manifests: Mapping[str, Manifest],
    older: Mapping[str, Manifest] | None = None,
    repository: str,
    now: datetime,
    declared: datetime,
    run: str,
    notes: tuple[str, ...] = (),
) -> Plan:
    """Plan a drill: the restore into a sandbox from one copy and a cold cache, then evidence, then release.

    With the drill's negative control what was restored is broken on purpose in between; `older` are manifests of earlier points, by set.
    Evidence is recorded and the sandbox released whatever happened. Raises what `plan_restore` raises.
    """
    request = RestoreRequest(sets=drill.sets, destination=Destination("sandbox", sandbox=drill.sandbox))
    restore = plan_restore(
        policy,
        request,
        manifests=manifests,
        copies=dict.fromkeys(drill.sets, (repository,)),
        now=now,
        declared=declared,
        run=run,
        fresh_cache=True,
        verb="drill",
        notes=notes,
    )
    restore = _with_early_asks(restore)
    if drill.negative_control:
        breaks: list[Step] = []
        for name in (objective.set for objective in restore.objectives):
            before = _other((older or {}).get(name), manifests[name])
            breaks.extend(break_steps(restore, set_name=name, older=before, repository=repository))
        restore = replace(restore, steps=(*restore.steps, *breaks))
    records = tuple(
        _record_step(policy, drill, restore, set_name=objective.set, point=objective.point, repository=repository)
        for objective in restore.objectives
    )
    # A sandbox place must outlive everything that may still look into it.
    ended = tuple(step.id for step in restore.steps) + tuple(step.id for step in records)
    releases = tuple(
        Step(
            id=f"release/{step.action.source}",
            action=Release(reserved=step.id),
            why="a drill leaves nothing behind",
            after=ended,
            always=True,
            uses=(f"source:{step.action.source}",),
        )
        for step in restore.steps
        if isinstance(step.action, Reserve)
    )
    names = tuple(objective.set for objective in restore.objectives)
    # A place that was not mounted looks like this, and its census agrees with itself.
    empty = tuple(
        Skipped(name, "its point holds no file and no byte, so there is nothing to prove", Outcome.FAILED.value, set=name)
        for name in names
        if not any(map(holds_something, manifests[name].members))
    )
    hollow = tuple(
        f"{member.workload} was empty when the point was made: nothing of it is compared"
        for name in names
        for member in manifests[name].members
        if not holds_something(member)
    )
    elsewhere = tuple(
        f"{step.action.check.name} of {step.set} asks at {address_of(step.action.check)}: it is red if something answers there before"
        " anything is restored"
        for step in restore.steps
        if isinstance(step.action, Ask) and step.action.before
    )
    notes = (f"{repository} is opened with {drill.key} alone; the policy's own password is not asked",) if drill.key else ()
    return replace(
        restore,
        steps=(*restore.steps, *records, *releases),
        skipped=(*restore.skipped, *empty),
        notes=(*restore.notes, *notes, *hollow, *elsewhere),
    )


def _with_early_asks(restore: Plan) -> Plan:
    """Ask at every address of a check before anything is restored: a check cannot tell who answers it."""
    asked = {step.id: address for step in restore.steps if isinstance(step.action, Ask) and (address := _known_address(step.action.check))}
    if not asked:
        return restore
    reserves = [step for step in restore.steps if isinstance(step.action, Reserve)]
    early = [
        Step(
            id=f"early/{address}",
            action=Ask(
                check=CheckPolicy("tcp", address, settings={"address": address, "timeout": _EARLY_TIMEOUT}),
                cutovers={},
                instant=restore.created,
                early=True,
            ),
            why="what answers before anything is restored is not what was restored",
            after=tuple(step.id for step in reserves),
        )
        for address in dict.fromkeys(asked.values())
    ]
    waited = tuple(step.id for step in early)
    later = []
    for step in restore.steps:
        match step.action:
            case Restore():
                later.append(replace(step, after=(*step.after, *waited)))
            case Ask() as action if step.id in asked:
                later.append(replace(step, action=replace(action, before=f"early/{asked[step.id]}")))
            case action if not isinstance(action, Reserve):
                later.append(step)
    return replace(restore, steps=(*reserves, *early, *later))


def _known_address(check: CheckPolicy) -> str:
    """Return where a check asks, as far as that is known before anything is restored."""
    return "" if is_placed(check) else address_of(check)


def _other(older: Manifest | None, manifest: Manifest) -> Manifest | None:
    """Leave out of an older manifest the members whose census is the same now: nothing could tell them apart."""
    if older is None:
        return None
    now = {member.workload: tuple(artifact.census for artifact in member.artifacts) for member in manifest.members}
    differing = (member for member in older.members if now.get(member.workload) != tuple(artifact.census for artifact in member.artifacts))
    return replace(older, members=tuple(differing))


def _record_step(policy: Policy, drill: DrillPolicy, restore: Plan, *, set_name: str, point: str, repository: str) -> Step:
    own = [step for step in restore.steps if step.set == set_name]
    objectives = policy.sets[set_name].objectives
    workloads = [step.action.member.workload for step in own if isinstance(step.action, Restore)]
    return Step(
        id=f"{set_name}/record",
        action=Record(
            repository=repository,
            set=set_name,
            point=point,
            drill=drill.name,
            rto_seconds=objectives.rto.total_seconds(),
            rpo_seconds=objectives.rpo.total_seconds(),
            asks=tuple(step.id for step in own if isinstance(step.action, Ask)),
            restores=tuple(step.id for step in own if isinstance(step.action, Restore)),
            fingerprint={**fingerprint(policy, policy.sets[set_name], workloads=workloads), **rigour(drill)},
        ),
        why="a drill counts only with its evidence, and a failed one counts too",
        set=set_name,
        after=tuple(step.id for step in own if not isinstance(step.action, EndHold)),
        always=True,
        uses=(f"repository:{repository}",),
    )
