from __future__ import annotations

from drtool.engine.hands import Hands
from drtool.model.command import Command
from drtool.model.errors import NotNow, Refused
from drtool.model.plan import Done
from drtool.model.policy import Hook

NOT_NOW = 75
"""EX_TEMPFAIL: how a hook says that this is no time for it."""


def run_hook(hands: Hands, hook: Hook, *, set_name: str, run: str, phase: str) -> Done:
    """Run an operator's command on the machine of its source; Refused when it fails and may not, NotNow when it says so by code 75."""
    environment = {"DRTOOL_SET": set_name, "DRTOOL_RUN": run, "DRTOOL_PHASE": phase}
    command = Command(hook.run, environment=environment, timeout_seconds=hook.timeout.total_seconds())
    completed = hands.sources[hook.on].runner.run(command)
    if completed.exit_code == 0:
        return Done("ran", {"seconds": completed.seconds})
    if hook.on_failure == "continue":
        return Done(f"failed with exit code {completed.exit_code}, and the policy says to go on", {"exit_code": completed.exit_code})
    if completed.exit_code == NOT_NOW and phase in ("before", "before_restore"):
        said = completed.said(500)
        raise NotNow(
            f"the {phase} hook {' '.join(hook.run)} says not now (exit code {NOT_NOW}){f': {said}' if said else ''}",
            hint=f"a timer's later call tries again, or type `drtool run {set_name}` when it is time" if phase == "before" else "",
            safe="earlier points are untouched",
        )
    raise Refused(
        f"the {phase} hook {' '.join(hook.run)} ended with exit code {completed.exit_code}: {completed.said(500)}",
        hint="run it by hand to see why",
        safe="earlier points are untouched",
    )
