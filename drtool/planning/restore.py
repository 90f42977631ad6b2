from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from drtool.model.errors import NotFound, Refused
from drtool.model.kind import KindFacts
from drtool.model.nearest import named
from drtool.model.outcome import Outcome
from drtool.model.plan import Cutover, Destination, Objective, Plan, Reserve, Restore, Skipped, Start, Step
from drtool.model.point import Manifest
from drtool.model.policy import BackupSet, Policy
from drtool.planning.choose import ChosenPoint, choose_point
from drtool.planning.draft import Draft, RestoreRequest, cutover_id
from drtool.planning.hooks import Gate, hook_steps
from drtool.planning.limits import used_of, with_limits
from drtool.planning.nesting import Places
from drtool.planning.order import Nesting, nearest_needs, recovery_order
from drtool.planning.pin import pin_steps, unpin_steps
from drtool.planning.questions import ask_steps, count_before_more
from drtool.planning.selection import Selected, select_members
from drtool.planning.unprotected import without_unprotected
from drtool.planning.way_back import without_way_back

__all__ = ["LEASE", "ChosenPoint", "RestoreRequest", "choose_point", "plan_restore"]

LEASE = timedelta(hours=24)
"""How long staging is left alone when nobody says otherwise."""
_ANY_PLACE = "/var/lib/drtool/sandbox"
"""An example that every kind of source takes: a directory of this host, made when it is missing."""


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
    facts: Mapping[str, KindFacts] | None = None,
) -> Plan:
    """Plan to bring sets back, in recovery order: hooks, sandbox places, restores, cutovers, hooks, checks.

    `manifests` and `copies` (repositories in order of preference) are keyed by set. `lease` is how long staging and sandbox
    places live; without it the sandbox's own, else a day. Hooks belong to the original destination only. Every member's census
    is asked for even when the policy names no check. `unprotected` are workloads that today's policy does not mean: a point's word alone
    puts nothing in place, so they go there only when `workloads` names them. `notes` are told with the plan;
    by `facts` of the kinds of sources it is known what nothing would take in place.
    Raises NotFound for an unknown set, workload, path or sandbox, Refused for a sandbox without a place.
    """
    order = recovery_order(policy, request.sets)
    for name in order:
        if name not in manifests or not copies.get(name):
            raise NotFound(f"no recovery point of {name} was given", hint=f"drtool points {name}")
    selected = select_members({name: manifests[name] for name in order}, workloads=request.workloads, paths=request.paths)
    in_place = request.destination.form == "original"
    selected, left_out = without_unprotected(selected, unprotected, named=request.workloads, in_place=in_place)
    selected, not_taken = without_way_back(selected, sources=policy.sources, facts=facts or {}, manifests=manifests, in_place=in_place)
    places = Places(policy, selected, in_place=in_place)
    order = places.order(policy, order)
    sandbox_lease = _check_sandbox(policy, request.destination, selected)
    draft = Draft(policy, request, places, expires=now + (lease or sandbox_lease or LEASE), fresh_cache=fresh_cache, run=run)
    draft.skipped.extend((*left_out, *not_taken))
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
                members=len(manifest.members),
            )
        )
    plan = Plan(
        verb=verb,
        run=run,
        policy=policy.name,
        created=now,
        steps=_looked_at_last(draft),
        skipped=tuple(draft.skipped),
        objectives=tuple(objectives),
        notes=tuple(draft.notes),
    )
    return with_limits(plan, policy)


def _looked_at_last(draft: Draft) -> tuple[Step, ...]:
    """Let the last cutover wait for the others and look whether what they put in place still is there."""
    cutovers = [step for step in draft.steps if isinstance(step.action, Cutover)]
    if len(cutovers) < 2 or draft.request.destination.form != "original":  # noqa: PLR2004 - one has nobody to disturb
        return tuple(draft.steps)
    *others, last = (step.id for step in cutovers)
    return tuple(
        replace(step, action=replace(step.action, others=tuple(others)), after=tuple(dict.fromkeys((*step.after, *others))))
        if step.id == last and isinstance(step.action, Cutover)
        else step
        for step in draft.steps
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


def _reserve_steps(draft: Draft, selected: Mapping[str, tuple[Selected, ...]]) -> None:
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
    draft: Draft,
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
    waited = tuple(step for need in earlier for step in (draft.cutovers[need] | draft.started[need]).values())
    frozen = pin_steps(name, point=manifest.point, copies=copies, run=draft.run, until=draft.expires)
    before, gate = hook_steps(
        name,
        "before_restore",
        backup_set.hooks.before_restore if in_place else (),
        gate=Gate(needs=(frozen[0].id, *waited)),
    )
    draft.steps.extend((*frozen, *before))
    # A service is stopped for a point that is held; what only reads begins at once, and nothing of it is put in place until that is held.
    pinned = () if before else (frozen[0].id,)
    gate = gate if before else Gate(needs=waited)
    nesting = Nesting(item.member.workload for item in items if in_place and item.member.selector.get("nests"))
    cutovers = draft.cutovers[name] = {}
    restores: list[Step] = []
    for level in draft.places.levels(name, items):
        poured = [_restore_step(draft, name, manifest, item, copies=copies, gate=gate, beside=pinned) for item in level]
        inside_out = sorted(zip(level, poured, strict=True), key=lambda pair: -nesting.depth(pair[0].member.workload))
        # of a platform that stops what uses several of them: it can only wait for those that are there to be put in place
        sharing = tuple(step.id for item, step in zip(level, poured, strict=True) if in_place and item.member.selector.get("nests"))
        steps = [_cutover_step(name, item, restore, in_place=in_place, nesting=nesting, sharing=sharing) for item, restore in inside_out]
        draft.steps += [*poured, *steps]
        cutovers |= {step.workload: step.id for step in steps}
        restores += poured
        count_before_more(draft, manifest, level)
    starts = _start_steps(draft, name, items)
    draft.steps += starts
    after, settled = hook_steps(
        name,
        "after_restore",
        backup_set.hooks.after_restore if in_place else (),
        gate=Gate(after=(*(step.id for step in before), *cutovers.values(), *(step.id for step in starts))),
    )
    draft.steps.extend(after)
    _tell_missing(draft, manifest, items)
    ask_steps(draft, backup_set, manifest, items, after=settled.after if after else (), nesting=nesting)
    draft.steps.extend(unpin_steps(name, frozen, after=tuple(step.id for step in restores)))


def _restore_step(
    draft: Draft, name: str, manifest: Manifest, item: Selected, *, copies: tuple[str, ...], gate: Gate, beside: tuple[str, ...]
) -> Step:
    member = item.member
    reserved = draft.reserved.get(member.source)
    around = draft.places.around(name, member.workload)
    behind = [draft.cutovers[outer][workload] for outer, workload in around]
    behind += [draft.counted[pair] for pair in around if pair in draft.counted]
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
            within=bool(around),
            leave_excluded=draft.request.leave_excluded,
        ),
        why=f"from {copies[0]}{others}" if member.complete else f"from {copies[0]}{others}; it was stored incompletely",
        set=name,
        workload=member.workload,
        needs=(*gate.needs, reserved) if reserved else gate.needs,
        after=(*gate.after, *behind),
        uses=(*(f"repository:{copy}" for copy in copies), *used_of(member.source, member.selector)),
        beside=beside,
    )


def _cutover_step(name: str, item: Selected, restore: Step, *, in_place: bool, nesting: Nesting, sharing: tuple[str, ...] = ()) -> Step:
    """Draft a cutover; what lies around others is put in place after them, takes them in, and is not changed by that.

    What nests is put in place once all of it (`sharing`) was poured: one guest of a NAS may use several, and shall not run on a mix.
    """
    inside = tuple(cutover_id(name, workload) for workload in nesting.inside(item.member.workload))
    return Step(
        id=cutover_id(name, item.member.workload),
        action=Cutover(restore=restore.id, source=item.member.source),
        why=_why_cutover(item, in_place=in_place),
        set=name,
        workload=item.member.workload,
        needs=(restore.id, *restore.beside),
        after=(*inside, *(other for other in sharing if item.member.selector.get("nests") and other != restore.id)),
        uses=used_of(item.member.source, item.member.selector),
    )


def _start_steps(draft: Draft, name: str, items: tuple[Selected, ...]) -> list[Step]:
    """Draft the start of everything that runs, once all of its set is in place; in a directory nothing runs."""
    cutovers, started = draft.cutovers[name], draft.started.setdefault(name, {})
    if draft.request.destination.form == "directory":
        return []
    steps = [
        Step(
            id=f"{name}/start/{item.member.workload}",
            action=Start(cutover=cutovers[item.member.workload], source=item.member.source),
            why="it runs on its platform, and is in service once that says that it is up",
            set=name,
            workload=item.member.workload,
            needs=(cutovers[item.member.workload],),
            after=tuple(cutovers.values()),
            uses=used_of(item.member.source, item.member.selector),
        )
        for item in items
        if item.member.starts and not item.paths
    ]
    started |= {step.workload: step.id for step in steps}
    return steps


def _why_cutover(item: Selected, *, in_place: bool) -> str:
    if not in_place:
        return "what is in service stays as it is"
    if item.member.by_hand:
        return f"a person puts it back: {item.member.by_hand}"
    own = item.member.kind == "stream"  # of other kinds a stream becomes what it was
    return "its restore command takes it" if own else "what is there is kept aside"


def _tell_missing(draft: Draft, manifest: Manifest, items: tuple[Selected, ...]) -> None:
    if draft.request.workloads or draft.request.paths:
        if not items:
            reason = "nothing of it was asked for"
            draft.skipped.append(Skipped(what=manifest.set, reason=reason, set=manifest.set))
        return
    draft.skipped.extend(
        Skipped(
            missing.workload,
            f"it is not in the point: {missing.reason}",
            Outcome.PARTIAL.value,
            set=manifest.set,
            hint=f"drtool points {manifest.set} (an older point may hold it)",
            workload=missing.workload,
        )
        for missing in manifest.missing
    )
    if not manifest.members:
        draft.skipped.append(Skipped(manifest.set, "the point is empty", Outcome.FAILED.value, set=manifest.set))
