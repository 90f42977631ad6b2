from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.hook import run_hook as run
from drtool.model.plan import Done, RunHook


def run_hook(work: Work, action: RunHook) -> Done:
    """Run an operator's command on the machine of its source, or inside the workload that it names."""
    return run(work.adapters, action.hook, set_name=work.step.set, run=work.plan.run, phase=action.phase)
