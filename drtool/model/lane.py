"""Lanes: the ways that data takes in a recovery, and what was measured on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.codec import kind_of
from drtool.model.forecast import PastForecast
from drtool.model.plan import Ask, Cutover, Destination, PlaceHold, Plan, Reserve, Restore, RunHook, Step

COLD = "cold"
WARM = "warm"


@dataclass(frozen=True, slots=True)
class Lane:
    """What makes two durations comparable.

    `repository` and `cache` (cold or warm) belong to restores; `source` is where the data lands, `destination` the form of the place there
    (`original`, `directory`, `sandbox lab`). `kind` is the form of the data, of a hook its phase, of a check its kind; `subject` is the
    step itself where only it is like itself.
    """

    action: str
    source: str
    destination: str = ""
    repository: str = ""
    cache: str = ""
    kind: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """One step as a forecast sees it: its lane, and how many bytes and files it has to do with."""

    lane: Lane
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one step took on a lane, when and in which run, and with which program (`restic 0.19.0`)."""

    lane: Lane
    bytes: int
    files: int
    seconds: float
    at: datetime
    run: str
    step: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What one workload of a set held when it was last stored or restored."""

    set: str
    workload: str
    source: str
    kind: str
    form: str
    bytes: int
    files: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Experience:
    """What is known from earlier runs; `program` is what they last stored or restored with."""

    measurements: tuple[Measurement, ...] = ()
    contents: tuple[Content, ...] = ()
    past: tuple[PastForecast, ...] = ()
    program: str = ""


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
            return Load(Lane(name, hook.on, kind=phase, subject=step.id), 0, 0)
        case _:
            return None
