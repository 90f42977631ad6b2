"""One match over the actions: each intent meets the world here, and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drtool.catalog import manifest as manifests
from drtool.engine import safeguard
from drtool.engine.attest import known_heads
from drtool.engine.control import Asked, control
from drtool.engine.fetch import fetch
from drtool.engine.hands import Hands
from drtool.engine.hook import run_hook
from drtool.engine.mount import mount
from drtool.engine.nobody import unless_nobody_was_to
from drtool.engine.prove import ask_planned, record
from drtool.engine.read import note_loss, verify
from drtool.engine.store import store
from drtool.model import plan as actions
from drtool.model.codec import canonical, decode, encode
from drtool.model.errors import Conflict, NotFound
from drtool.model.event import Event
from drtool.model.plan import Answer, Copied, Done, Fetched, Plan, Restored, Result, Sealed, Step, Stored
from drtool.model.point import MissingMember
from drtool.model.workload import Leftover, Snapshot
from drtool.ports import Progress, ReserveRequest


@dataclass(frozen=True, slots=True)
class Work:
    """What a step may know: the plan it belongs to, the results so far, where progress is told, and the run's events until now."""

    plan: Plan
    step: Step
    results: Mapping[str, Result]
    hands: Hands
    on_progress: Callable[[Progress], None]
    events: Callable[[], Sequence[Event]] = tuple

    def result(self, step: str) -> Result:
        """Return the result of another step; NotFound when it has none."""
        try:
            return self.results[step]
        except KeyError:
            raise NotFound(f"the step {step} has no result") from None


def perform(work: Work) -> Result:  # noqa: C901, PLR0912 - one line per action is the point of this function
    """Carry out one step: look, act, and say what is now true."""
    match work.step.action:
        case actions.Initialise() as action:
            return _initialise(work, action)
        case actions.RunHook() as action:
            return _run_hook(work, action)
        case actions.Reserve() as action:
            return _reserve(work, action)
        case actions.TakeSnapshot() as action:
            return _snapshot(work, action)
        case actions.Store() as action:
            return _store(work, action)
        case actions.Seal() as action:
            return _seal(work, action)
        case actions.Copy() as action:
            return _copy(work, action)
        case actions.Release() as action:
            return _release(work, action)
        case actions.Forget() as action:
            return safeguard.forget(work.hands, action, set=work.step.set)
        case actions.Prune() as action:
            return safeguard.prune(work.hands, action)
        case actions.PlaceHold() as action:
            return safeguard.place_hold(work.hands, work.plan, action, set=work.step.set)
        case actions.EndHold() as action:
            return safeguard.end_hold(work.hands, work.plan, action, placed=work.results.get(action.placed))
        case actions.Guard() as action:
            return safeguard.guard(work.hands, work.plan, action, set=work.step.set)
        case actions.Verify() as action:
            return verify(work.hands, work.plan, action, work.on_progress, work.events)
        case actions.Mount() as action:
            return mount(work.hands, action)
        case actions.Restore() as action:
            return fetch(work.hands, work.plan, action, reserved=_reserved(work), on_progress=work.on_progress)
        case actions.Cutover() as action:
            return _cutover(work, action)
        case actions.Undo() as action:
            return Done(work.hands.sources[action.leftover.source].undo(action.leftover, work.plan.run))
        case actions.Ask() as action:
            restored = tuple(_as_restored(work.result(step)) for step in action.cutovers.values())
            answer = ask_planned(work.hands, action, restored, before=work.results.get(action.before))
            return unless_nobody_was_to(answer, work.step, work.plan, work.results)
        case actions.Break() as action:
            return control(work.hands, action, _asked(work, action), reserved=_reserved(work))
        case actions.Record() as action:
            return record(work.hands, work.plan, action, work.events())


def _initialise(work: Work, action: actions.Initialise) -> Done:
    repositories = work.hands.repositories
    chunker_of = repositories[action.chunker_of] if action.chunker_of else None
    created = repositories[action.repository].initialise(chunker_of=chunker_of)
    return Done("created" if created else "exists already", {"created": created})


def _run_hook(work: Work, action: actions.RunHook) -> Done:
    hook = action.hook
    return run_hook(work.hands, hook, set_name=work.step.set, run=work.plan.run, phase=action.phase)


def _reserve(work: Work, action: actions.Reserve) -> Done:
    sandbox = work.hands.policy.sandboxes[action.destination.sandbox]
    leftover = work.hands.sources[action.source].reserve(
        ReserveRequest(
            settings=sandbox.places[action.source],
            destination=action.destination,
            run=work.plan.run,
            by=work.hands.policy.name,
            bytes=action.bytes,
            expires=action.expires,
        )
    )
    return Done("reserved", encode(leftover))


def _reserved(work: Work) -> str:
    for step in work.plan.steps:
        if isinstance(step.action, actions.Reserve) and step.id in work.step.needs:
            result = work.results.get(step.id)
            if isinstance(result, Done):
                return decode(Leftover, result.data).locator
    return ""


def _snapshot(work: Work, action: actions.TakeSnapshot) -> Snapshot:
    wanted = frozenset(action.together)
    planned = [step.action for step in work.plan.steps if isinstance(step.action, actions.TakeSnapshot)] if wanted else []
    together = [each.workload for each in planned if each.label == action.label and each.workload.name in wanted]
    return work.hands.sources[action.workload.source].snapshot(action.workload, action.label, together=together)


def _store(work: Work, action: actions.Store) -> Stored:
    workload = action.workload
    source = work.hands.sources[workload.source]
    snapshot = work.result(action.snapshot) if action.snapshot else source.snapshot(workload, work.plan.run)
    if not isinstance(snapshot, Snapshot):
        raise Conflict(f"the step {action.snapshot} took no snapshot")
    return store(work.hands, work.plan, action, snapshot, set=work.step.set, on_progress=work.on_progress)


def _seal(work: Work, action: actions.Seal) -> Sealed:
    hands = work.hands
    repository = hands.repositories[action.repository]
    stored = tuple(result for step in action.stores.values() if isinstance(result := work.results.get(step), Stored))
    failed = tuple(
        MissingMember(workload, "it could not be stored in this run")
        for workload, step in action.stores.items()
        if not isinstance(work.results.get(step), Stored)
    )
    listing = repository.list()
    already = next((point for point in listing.points if point.point == action.point), None)
    if already is not None:  # an earlier attempt sealed it, and only its answer was lost
        manifest = manifests.read(repository.read(already.manifest), digest=already.digest)
    else:
        manifest = manifests.build(
            policy=hands.policy,
            backup_set=hands.policy.sets[work.step.set],
            point=action.point,
            run=work.plan.run,
            stored=stored,
            missing=(*action.missing, *failed),
            listing=listing,
            now=hands.clock.now(),
            versions=hands.versions,
            evidence=known_heads(hands, listing),
            spell=hands.spell_policy,
            machine=hands.machine,
        )
        repository.append(manifest)
    digest = hashlib.sha256(canonical(manifest)).hexdigest()
    sealed = next((point for point in repository.list().points if point.point == action.point), None)
    if sealed is None or sealed.digest != digest or not sealed.whole:
        raise Conflict(
            f"the repository {action.repository} does not show the point {action.point} as it was sealed, with all its data",
            hint="drtool run again, and drtool doctor",
            safe="earlier points are untouched",
        )
    return Sealed(
        point=manifest.point,
        set=manifest.set,
        instant=manifest.instant,
        complete=manifest.complete,
        digest=digest,
        manifest=sealed.manifest,
        bytes=manifest.bytes,
        files=manifest.files,
        missing=manifest.missing,
        skew_seconds=manifest.skew_seconds,
    )


def _copy(work: Work, action: actions.Copy) -> Copied:
    origin, target = work.hands.repositories[action.origin], work.hands.repositories[action.target]
    listed = {point.point: point for point in target.list().points}
    wanted = tuple(name for name in action.points if name not in listed or not listed[name].whole)
    again = tuple(listed[name] for name in wanted if name in listed)
    for point in again:  # before it looks whole again: what was read of it earlier says nothing of what comes now
        note_loss(work.hands, point, work.plan, action.target, work.events())
    written = target.copy(wanted, origin, on_progress=work.on_progress) if wanted else 0
    return Copied(wanted, tuple(name for name in action.points if name not in wanted), written, tuple(point.point for point in again))


def _release(work: Work, action: actions.Release) -> Done:
    leftover = action.leftover
    if action.reserved:
        reserved = work.results.get(action.reserved)
        leftover = decode(Leftover, reserved.data) if isinstance(reserved, Done) else None
    if action.snapshot:
        taken = work.results.get(action.snapshot)
        if isinstance(taken, Snapshot):
            leftover = Leftover(taken.workload.source, "snapshot", taken.locator or taken.label, work.plan.run, work.plan.policy)
    if leftover is None:
        return Done("there is nothing to release")
    if leftover.source in work.hands.sources:
        work.hands.sources[leftover.source].release(leftover)
    else:
        work.hands.repositories[leftover.source].discard((leftover.locator,))
    return Done("released", {"what": leftover.what, "locator": leftover.locator})


def _cutover(work: Work, action: actions.Cutover) -> Restored:
    fetched = work.result(action.restore)
    if not isinstance(fetched, Fetched):
        raise Conflict(f"the step {action.restore} landed nothing")
    landed = work.hands.sources[action.source].cutover(fetched.landed)
    for other in action.others:
        before = work.results.get(other)
        if isinstance(before, Restored) and not work.hands.sources[before.source].inspect(before).up:
            raise Conflict(
                f"{before.workload} was put in place, and is not there any more since {landed.workload} was put at {landed.target}",
                hint=f"restore it again: drtool restore {work.step.set} --workload {before.workload}",
                safe=f"what was in the way is kept as {landed.aside}" if landed.aside else "",
            )
    return Restored(
        workload=landed.workload,
        source=landed.source,
        destination=landed.destination,
        path=landed.target,
        member=fetched.member,
        paths=fetched.paths,
        aside=landed.aside,
        note=landed.note,
        opened=landed.opened,
        carried=landed.moves[0].carried if len(landed.moves) == 1 else None,
    )


def _asked(work: Work, action: actions.Break) -> tuple[Asked, ...]:
    asks = {step.id: step.action for step in work.plan.steps if isinstance(step.action, actions.Ask)}
    found = []
    for name in action.asks:
        answer = work.results.get(name)
        restored = tuple(_as_restored(work.result(step)) for step in asks[name].cutovers.values())
        found.append(Asked(asks[name], restored, green=not isinstance(answer, Answer) or answer.passed))
    return tuple(found)


def _as_restored(result: Result) -> Restored:
    if not isinstance(result, Restored):
        raise Conflict("a check was planned for something that was not restored")
    return result
