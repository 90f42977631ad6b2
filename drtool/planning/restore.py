from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drtool.model.errors import NotFound, Refused
from drtool.model.nearest import named
from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Cutover, Destination, Objective, Plan, Reserve, Restore, Skipped, Step
from drtool.model.point import Manifest
from drtool.model.policy import BackupSet, Policy
from drtool.planning.asked import address_of, always_asked, why_asked
from drtool.planning.choose import ChosenPoint, choose_point
from drtool.planning.freeze import freeze_steps, thaw_steps
from drtool.planning.hooks import Gate, hook_steps
from drtool.planning.order import Nesting, nearest_needs, recovery_order
from drtool.planning.selection import Selected, select_members
from drtool.planning.unprotected import without_unprotected

__all__ = ["LEASE", "ChosenPoint", "RestoreRequest", "choose_point", "plan_restore"]

LEASE = timedelta(hours=24)
"""How long staging is left alone when nobody says otherwise."""
_ANY_PLACE = "/var/lib/drtool/sandbox"
"""An example that every kind of source takes: a directory of this host, made when it is missing."""


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What a person asks for: which sets, as of when, which parts of them, and where to.

    `workloads` and `paths` empty: everything. `repositories` is the preferred order of copies. With
    `leave_excluded` nothing goes back into service that the point left out.
    """

    sets: tuple[str, ...]
    destination: Destination
    point: str | None = None
    at: datetime | None = None
    workloads: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    repositories: tuple[str, ...] | None = None
    leave_excluded: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Which source of today stands for one of the point that is gone; the empty name: for every such."""


@dataclass(slots=True)
class _Draft:
    """The plan as it grows; `cutovers` by set, workload, step id."""

    policy: Policy
    request: RestoreRequest
    expires: datetime
    fresh_cache: bool
    run: str
    steps: list[Step] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reserved: dict[str, str] = field(default_factory=dict)
    cutovers: dict[str, dict[str, str]] = field(default_factory=dict)


def plan_restore(
    policy: Policy,
    request: RestoreRequest,
    *,
    manifests: Mapping[str, Manifest],
    copies: Mapping[str, tuple[str, ...]],
    now: datetime,
    declared: datetime,
    run: str,
    lease: timedelta | None = None,
    fresh_cache: bool = False,
    verb: str = "restore",
    unprotected: frozenset[str] = frozenset(),
    notes: tuple[str, ...] = (),
) -> Plan:
    """Plan to bring sets back, in recovery order: hooks, sandbox places, restores, cutovers, hooks, checks.

    `manifests` and `copies` (repositories in order of preference) are keyed by set. `lease` is how long staging and sandbox
    places live; without it the sandbox's own, else a day. Hooks belong to the original destination only. Every member's census
    is asked for even when the policy names no check. `unprotected` are workloads that today's policy does not mean: a point's word alone
    puts nothing in place, so they go there only when `workloads` names them. `notes` are told with the plan.
    Raises NotFound for an unknown set, workload, path or sandbox, Refused for a sandbox without a place.
    """
    order = recovery_order(policy, request.sets)
    for name in order:
        if name not in manifests or not copies.get(name):
            raise NotFound(f"no recovery point of {name} was given", hint=f"drtool points {name}")
    selected = select_members({name: manifests[name] for name in order}, workloads=request.workloads, paths=request.paths)
    selected, left_out = without_unprotected(
        selected, unprotected, named=request.workloads, in_place=request.destination.form == "original"
    )
    sandbox_lease = _check_sandbox(policy, request.destination, selected)
    draft = _Draft(policy, request, expires=now + (lease or sandbox_lease or LEASE), fresh_cache=fresh_cache, run=run)
    draft.skipped.extend(left_out)
    draft.notes.extend(notes)
    _reserve_steps(draft, selected)
    objectives = []
    for name in order:
        if not selected[name]:
            _tell_missing(draft, manifests[name], selected[name])
            continue
        backup_set, manifest = policy.sets[name], manifests[name]
        _set_steps(draft, backup_set, manifest, selected[name], copies=copies[name])
        objectives.append(
            Objective(
                set=name,
                point=manifest.point,
                declared=declared,
                point_instant=manifest.instant,
                rto_seconds=backup_set.objectives.rto.total_seconds(),
                rpo_seconds=backup_set.objectives.rpo.total_seconds(),
            )
        )
    return Plan(
        verb=verb,
        run=run,
        policy=policy.name,
        created=now,
        steps=tuple(draft.steps),
        skipped=tuple(draft.skipped),
        objectives=tuple(objectives),
        notes=tuple(draft.notes),
    )


def _check_sandbox(policy: Policy, destination: Destination, selected: Mapping[str, tuple[Selected, ...]]) -> timedelta | None:
    if destination.form != "sandbox":
        return None
    sandbox = policy.sandboxes[named(destination.sandbox, policy.sandboxes, "sandbox")]
    sources = dict.fromkeys(item.member.source for items in selected.values() for item in items)
    without = [source for source in sources if source not in sandbox.places]
    if without:
        raise Refused(
            f"the sandbox {sandbox.name} has no place for {', '.join(without)}",
            hint=f"add it to the policy: sandboxes: {{{sandbox.name}: {{{without[0]}: {{directory: {_ANY_PLACE}}}}}}}",
            safe="nothing was restored",
        )
    return sandbox.lease


def _reserve_steps(draft: _Draft, selected: Mapping[str, tuple[Selected, ...]]) -> None:
    if draft.request.destination.form != "sandbox":
        return
    needed: dict[str, int] = {}
    for item in (item for items in selected.values() for item in items):
        size = sum(artifact.census.bytes for artifact in item.member.artifacts)
        needed[item.member.source] = needed.get(item.member.source, 0) + size
    for source, size in needed.items():
        step = Step(
            id=f"reserve/{source}",
            action=Reserve(source=source, destination=draft.request.destination, bytes=size, expires=draft.expires),
            why="a labelled, leased place that holds what is restored and nothing of production",
            uses=(f"source:{source}",),
        )
        draft.reserved[source] = step.id
        draft.steps.append(step)


def _set_steps(
    draft: _Draft,
    backup_set: BackupSet,
    manifest: Manifest,
    items: tuple[Selected, ...],
    *,
    copies: tuple[str, ...],
) -> None:
    name, request = backup_set.name, draft.request
    in_place = request.destination.form == "original"
    if not in_place and (backup_set.hooks.before_restore or backup_set.hooks.after_restore):
        draft.notes.append(f"{name}: its restore hooks are not run, as nothing in service is touched")
    if in_place and any(item.member.by_hand for item in items):
        draft.notes.append(f"{name}: what a person puts back is taken out by: drtool restore {name} --to directory /root/recovered")
    earlier = nearest_needs(draft.policy, name, frozenset(draft.cutovers))
    waited = tuple(step for need in earlier for step in draft.cutovers[need].values())
    frozen = freeze_steps(name, point=manifest.point, copies=copies, run=draft.run, until=draft.expires)
    before, gate = hook_steps(
        name,
        "before_restore",
        backup_set.hooks.before_restore if in_place else (),
        gate=Gate(needs=(frozen[0].id, *waited)),
    )
    draft.steps.extend((*frozen, *before))
    restores = [_restore_step(draft, name, manifest, item, copies=copies, gate=gate) for item in items]
    draft.steps.extend(restores)
    nesting = Nesting(item.member.workload for item in items if in_place and item.member.selector.get("nests"))
    inside_out = sorted(zip(items, restores, strict=True), key=lambda pair: -nesting.depth(pair[0].member.workload))
    steps = [_cutover_step(name, item, restore, in_place=in_place, nesting=nesting) for item, restore in inside_out]
    draft.steps.extend(steps)
    cutovers = draft.cutovers[name] = {step.workload: step.id for step in steps}
    after, settled = hook_steps(
        name,
        "after_restore",
        backup_set.hooks.after_restore if in_place else (),
        gate=Gate(after=(*(step.id for step in before), *cutovers.values())),
    )
    draft.steps.extend(after)
    _tell_missing(draft, manifest, items)
    _ask_steps(draft, backup_set, manifest, items, after=settled.after if after else (), nesting=nesting)
    draft.steps.extend(thaw_steps(name, frozen, after=tuple(step.id for step in restores)))


def _restore_step(draft: _Draft, name: str, manifest: Manifest, item: Selected, *, copies: tuple[str, ...], gate: Gate) -> Step:
    member = item.member
    reserved = draft.reserved.get(member.source)
    others = f" ({', '.join(copies[1:])} if it cannot give it)" if len(copies) > 1 else ""
    return Step(
        id=f"{name}/restore/{member.workload}",
        action=Restore(
            point=manifest.point,
            member=member,
            copies=copies,
            destination=draft.request.destination,
            paths=item.paths,
            expires=draft.expires,
            fresh_cache=draft.fresh_cache,
            missing=tuple(missing.workload for missing in manifest.missing),
            leave_excluded=draft.request.leave_excluded,
        ),
        why=f"from {copies[0]}{others}" if member.complete else f"from {copies[0]}{others}; it was stored incompletely",
        set=name,
        workload=member.workload,
        needs=(*gate.needs, reserved) if reserved else gate.needs,
        after=gate.after,
        uses=(*(f"repository:{copy}" for copy in copies), f"source:{member.source}"),
    )


def _cutover_id(name: str, workload: str) -> str:
    return f"{name}/cutover/{workload}"


def _cutover_step(name: str, item: Selected, restore: Step, *, in_place: bool, nesting: Nesting) -> Step:
    """Draft a cutover; what lies around others is put in place after them, takes them in, and is not changed by that."""
    return Step(
        id=_cutover_id(name, item.member.workload),
        action=Cutover(restore=restore.id, source=item.member.source),
        why=_why_cutover(item, in_place=in_place),
        set=name,
        workload=item.member.workload,
        needs=(restore.id,),
        after=tuple(_cutover_id(name, workload) for workload in nesting.inside(item.member.workload)),
        uses=(f"source:{item.member.source}",),
    )


def _why_cutover(item: Selected, *, in_place: bool) -> str:
    if not in_place:
        return "it is put where the checks can see it"
    if item.member.by_hand:
        return f"a person puts it back: {item.member.by_hand}"
    own = item.member.kind == "stream"  # of other kinds a stream becomes what it was
    return "its restore command takes it" if own else "what is there is kept aside"


def _tell_missing(draft: _Draft, manifest: Manifest, items: tuple[Selected, ...]) -> None:
    if draft.request.workloads or draft.request.paths:
        if not items:
            reason = "nothing of it was asked for"
            draft.skipped.append(Skipped(what=manifest.set, reason=reason, set=manifest.set))
        return
    draft.skipped.extend(
        Skipped(missing.workload, f"it is not in the point: {missing.reason}", Outcome.PARTIAL.value, set=manifest.set)
        for missing in manifest.missing
    )
    if not manifest.members:
        draft.skipped.append(Skipped(manifest.set, "the point is empty", Outcome.FAILED.value, set=manifest.set))


def _ask_steps(
    draft: _Draft,
    backup_set: BackupSet,
    manifest: Manifest,
    items: tuple[Selected, ...],
    *,
    after: tuple[str, ...],
    nesting: Nesting,
) -> None:
    name, by_name = backup_set.name, {item.member.workload: item for item in items}
    asked = always_asked(items)
    if draft.request.paths:
        draft.skipped.extend(Skipped(f"check {check.name}", "only some paths are restored", set=name) for check in backup_set.checks)
    else:
        asked.extend((check.name, check) for check in backup_set.checks)
    taken: dict[str, int] = {}
    commands: list[str] = []
    for label, check in asked:
        concerned = (
            [check.of] if check.of in by_name else [workload for workload, item in by_name.items() if check.of in ("", item.member.source)]
        )
        if not concerned:
            chosen = bool(draft.request.workloads)
            outcome = Outcome.SUCCEEDED if chosen else Outcome.FAILED
            reason = f"{check.of} is not among what is restored"
            draft.skipped.append(Skipped(f"check {check.name}", reason, outcome.value, set=name, of="check"))
            continue
        taken[label] = taken.get(label, 0) + 1
        cutovers = {workload: draft.cutovers[name][workload] for workload in concerned}
        moving = dict.fromkeys(_cutover_id(name, outer) for workload in concerned for outer in nesting.around(workload))
        started = commands if address_of(check) else ()  # such a command may start what answers there
        starters = (*after, *commands, *draft.cutovers[name].values()) if address_of(check) or check.kind == "sql" else ()
        identifier = f"{name}/ask/{label}" if taken[label] == 1 else f"{name}/ask/{label}:{taken[label]}"
        draft.steps.append(
            Step(
                id=identifier,
                action=Ask(check=check, cutovers=cutovers, instant=manifest.instant, started_by=starters),
                why=why_asked(check),
                set=name,
                workload=concerned[0] if len(concerned) == 1 else "",
                needs=tuple(cutovers.values()),
                after=tuple(dict.fromkeys((*after, *moving, *started))),
                uses=tuple(dict.fromkeys(f"source:{by_name[workload].member.source}" for workload in concerned)),
            )
        )
        if check.kind == "command":
            commands.append(identifier)
