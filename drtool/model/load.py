"""What each step of a plan has to do, and on which lane."""

from __future__ import annotations

from dataclasses import dataclass

from drtool.model.codec import kind_of
from drtool.model.lane import COLD, WARM, Lane
from drtool.model.plan import Ask, Cutover, Destination, PlaceHold, Plan, Reserve, Restore, RunHook, Start, Step


@dataclass(frozen=True, slots=True)
class Load:
    """One step as a forecast sees it: its lane, and how many bytes and files it has to do with."""

    lane: Lane
    bytes: int
    files: int


def place_of(destination: Destination) -> str:
    """Name the form of a destination; a sandbox has a place of its own."""
    return f"sandbox {destination.sandbox}" if destination.form == "sandbox" else destination.form


def loads(plan: Plan) -> dict[str, Load]:
    """Return what every step that a recovery waits for has to do, by step id."""
    restored: dict[str, Load] = {}
    found: dict[str, Load] = {}
    for step in plan.steps:
        load = _load(step, restored)
        if load is not None:
            found[step.id] = load
    return found


def _load(step: Step, restored: dict[str, Load]) -> Load | None:
    name = kind_of(type(step.action))
    match step.action:
        case Restore(member=member, destination=destination) as action:
            sizes = [artifact.census for artifact in member.artifacts]
            form = next((artifact.form for artifact in member.artifacts), "")
            cache = COLD if action.fresh_cache else WARM
            lane = Lane(name, member.source, place_of(destination), next(iter(action.copies), ""), cache, form)
            load = Load(lane, sum(size.bytes for size in sizes), sum(size.files for size in sizes))
            restored[step.id] = load
            return load
        case Cutover(restore=restore, source=source):
            of = restored.get(restore)
            if of is None:
                return None
            restored[step.id] = of
            return Load(Lane(name, source, of.lane.destination, kind=of.lane.kind, subject=step.workload), of.bytes, of.files)
        case Start(cutover=cutover, source=source) if cutover in restored:
            of = restored[cutover]
            return Load(Lane(name, source, of.lane.destination, subject=step.workload), 0, 0)
        case Ask(check=check, cutovers=cutovers):
            asked = [restored[each] for each in cutovers.values() if each in restored]
            lane = Lane(
                name,
                next((load.lane.source for load in asked), ""),
                next((load.lane.destination for load in asked), ""),
                kind=check.kind,
                subject=step.id,
            )
            return Load(lane, sum(load.bytes for load in asked), sum(load.files for load in asked))
        case Reserve(source=source, destination=destination):
            return Load(Lane(name, source, place_of(destination)), 0, 0)
        case PlaceHold(repository=repository):
            return Load(Lane(name, "", "", repository), 0, 0)
        case RunHook(phase=phase, hook=hook) if not step.always:
            return Load(Lane(name, hook.source, kind=phase, subject=step.id), 0, 0)
        case _:
            return None
