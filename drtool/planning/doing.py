"""What a step does, in the words of whoever waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from drtool.model.codec import kind_of
from drtool.model.plan import Action, Ask, Copy, Cutover, EndHold, Mount, Release, RunHook, Step, TakeSnapshot, Undo

_DOING: Final = {
    "initialise": "making the repository",
    "reserve": "making room on",
    "quiesce": "holding still what is on",
    "take_snapshot": "taking a snapshot of",
    "thaw": "letting go on what is held still on",
    "store": "storing",
    "seal": "sealing the point of",
    "place_hold": "placing a hold in",
    "guard": "comparing a point with those before it in",
    "forget": "forgetting points in",
    "prune": "freeing space in",
    "verify": "reading every byte of",
    "restore": "restoring",
    "start": "starting",
    "break": "breaking on purpose",
    "record": "recording the evidence in",
}


def spell_doing(step: Step) -> str:
    """Say what a step does: `restoring here:/home`."""
    place = step.workload or getattr(step.action, "repository", "") or getattr(step.action, "source", "") or step.set
    match step.action:
        case RunHook(phase=phase, hook=hook):
            return f"running the hook {phase.replace('_', ' ')} {hook.where}"
        case Copy(origin=origin, target=target):
            return f"copying from {origin} to {target}"
        case Release(leftover=leftover) if leftover is not None:
            return f"removing what a run left on {leftover.source}"
        case Release():
            return f"removing what this run made for {place}".removesuffix(" for ")
        case EndHold(repository=repository):
            return f"ending a hold in {repository}"
        case Mount(repository=repository):
            return f"showing a point of {repository}"
        case Cutover():
            return f"putting {place} into service"
        case Undo(leftover=leftover):
            return f"taking back the restore of {leftover.target or leftover.locator}"
        case Ask(check=check):
            return f"asking the check {check.name}"
    return f"{_doing(step.action)} {place}".rstrip()


def _doing(action: Action) -> str:
    if isinstance(action, TakeSnapshot) and action.workload.existing_snapshot:
        return "choosing the newest snapshot of"
    kind = kind_of(type(action))
    return _DOING.get(kind, kind.replace("_", " "))


def spell_all(steps: Iterable[Step]) -> str:
    """Say what several steps do at once, each once; nothing where there are none."""
    return ", ".join(sorted({spell_doing(step) for step in steps}))
