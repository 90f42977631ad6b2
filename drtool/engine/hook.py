from __future__ import annotations

import contextlib
import os
import shutil
from contextlib import AbstractContextManager

from drtool.engine.adapters import Adapters
from drtool.model.command import Command
from drtool.model.errors import NotNow, Refused
from drtool.model.plan import Done
from drtool.model.policy import Hook
from drtool.openness import Opening, opening_of
from drtool.ports import Runner

NOT_NOW = 75
"""EX_TEMPFAIL: how a hook says that this is no time for it."""


def run_hook(adapters: Adapters, hook: Hook, *, set_name: str, run: str, phase: str) -> Done:
    """Run an operator's command where it belongs; Refused when it fails and may not, NotNow when it says so by code 75."""
    environment = {"DRTOOL_SET": set_name, "DRTOOL_RUN": run, "DRTOOL_PHASE": phase}
    command = Command(hook.run, environment=environment, timeout_seconds=hook.timeout.total_seconds())
    with hook_runner(adapters, hook) as runner:
        if runner is adapters.local or runner.name == adapters.local.name:
            _require_closed(hook)
        completed = runner.run(command)
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


def hook_runner(adapters: Adapters, hook: Hook) -> AbstractContextManager[Runner]:
    """Open the runner of a hook: inside the workload that it names, else that of its source."""
    source = adapters.sources[hook.source]
    return source.runner_in(hook.workload) if hook.workload else contextlib.nullcontext(source.runner)


def _require_closed(hook: Hook) -> None:
    """Refuse, as root, a program that anybody of this machine may write; one that an owner or a group may change is told by doctor."""
    opening = next((each for each in hook_openings(hook) if each.anybody), None)
    if opening is not None and os.geteuid() == 0:
        raise Refused(
            f"the hook {' '.join(hook.run)} is not run as root: {opening.words}",
            hint=opening.remedy,
            safe="nothing was run",
        )


def hook_openings(hook: Hook) -> tuple[Opening, ...]:
    """Return by whom else the program of a hook of this machine, or a file that it is given by its whole path, may be written."""
    program = hook.run[0] if "/" in hook.run[0] else shutil.which(hook.run[0])
    named = (program, *(word for word in hook.run[1:] if word.startswith("/") and os.path.isfile(word)))
    return tuple(opening for path in named if path and (opening := opening_of(path)) is not None)
