from __future__ import annotations

from dataclasses import dataclass

from drtool.model.plan import RunHook, Step
from drtool.model.policy import Hook

_WHY = {
    "before": "the policy asks for it before the data is touched",
    "after": "no member needs live data any more; it runs whatever happened before",
    "before_restore": "the policy asks for it before anything is restored",
    "after_restore": "what was restored is in service, or never will be by this run",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What later steps wait for: `needs` must have succeeded, `after` must only have ended."""

    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def hook_steps(set_name: str, phase: str, hooks: tuple[Hook, ...], *, gate: Gate | None = None) -> tuple[tuple[Step, ...], Gate]:
    """Return the steps of one phase, one after the other, and the gate that what follows has to pass.

    A hook with `on_failure: continue` is waited for and not needed. Steps of the phase `after` are always carried out.
    """
    gate = gate or Gate()
    steps: list[Step] = []
    for number, hook in enumerate(hooks, start=1):
        step = Step(
            id=f"{set_name}/{phase}/{number}",
            action=RunHook(phase=phase, hook=hook),
            why=_WHY[phase],
            set=set_name,
            needs=gate.needs,
            after=gate.after,
            always=phase == "after",
            uses=(f"source:{hook.source}",),
        )
        steps.append(step)
        if phase.startswith("before") and hook.on_failure == "stop":
            gate = Gate(needs=(*gate.needs, step.id), after=gate.after)
        else:
            gate = Gate(needs=gate.needs, after=(*gate.after, step.id) if phase.startswith("before") else (step.id,))
    return tuple(steps), gate
