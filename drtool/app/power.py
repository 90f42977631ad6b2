"""What may not begin or go on while this machine runs on battery: everything that only protects; a way back may always."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from drtool.app.runtime import Runtime
from drtool.engine.power import PowerState, ask_ups, stopped_on_battery
from drtool.model.errors import NotNow
from drtool.model.event import Event, EventKind
from drtool.runners.local import LocalRunner

_PUT_OFF: Final = frozenset({"run", "copy", "verify", "prune", "drill"})


def power_state(runtime: Runtime) -> PowerState | None:
    """Ask the UPS of the policy; None where there is none, or nobody minds. What a repository tells of one is asked by nobody."""
    ups = runtime.policy.ups
    return ask_ups(LocalRunner(), ups) if ups and runtime.minds_power and not runtime.is_bare else None


def waits_for_power(runtime: Runtime) -> bool:
    """Tell whether what is due waits until this machine is off battery, and say so to whoever listens."""
    state = power_state(runtime)
    if state is None or not state.on_battery:
        return False
    words = f"not now: {_on_battery(runtime)}; what is due waits for the mains"
    told = Event(EventKind.NOTED, "", runtime.clock.now(), 0.0, "", {"text": words, "stopping": True})
    for listener in runtime.listeners:
        listener(told)
    return True


@contextlib.contextmanager
def heeding_power(runtime: Runtime, verb: str) -> Iterator[tuple[str, ...]]:
    """Refuse to begin on battery, and stop work when it comes to that; yields what a person must know of the UPS.

    A UPS that does not answer stops nothing: it would be the end of all backups, and nobody would know.
    """
    state = power_state(runtime) if verb in _PUT_OFF else None
    if state is None:
        yield ()
        return
    if state.on_battery:
        raise NotNow(
            f"this is no time for `{verb}`: {_on_battery(runtime)}",
            hint="wait for the mains, or the same command with --on-battery, which goes on all the same",
            safe="nothing was started",
        )
    told = () if state.on_battery is not None else (f"The UPS {runtime.policy.ups} does not answer: {state.words}. The work goes on.",)
    with stopped_on_battery(lambda: ask_ups(LocalRunner(), runtime.policy.ups), runtime.interrupt, why=_on_battery(runtime)):
        yield told


def _on_battery(runtime: Runtime) -> str:
    return f"the UPS {runtime.policy.ups} runs on battery"
