"""What is said of a step while it is waited for: words, no ids of steps."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from drtool.model.codec import kind_of
from drtool.model.hold import Hold
from drtool.model.plan import Action, EndHold, Release, RunHook, Step, Undo
from drtool.model.workload import Leftover
from drtool.planning.backup import plan_run
from drtool.planning.doing import _DOING, spell_all, spell_doing
from tests.planning.planning_values import BY, HOOKS, NOW, WORKLOADS, backup_set, daily, inventory, listing, policy

SPELLED = {"run_hook", "copy", "release", "end_hold", "mount", "cutover", "undo", "ask"}


def test_every_action_has_words() -> None:
    assert {kind_of(each) for each in get_args(Action)} == SPELLED | _DOING.keys()


def test_the_steps_of_a_run_are_told_by_what_they_do() -> None:
    chosen = policy(backup_set(hooks=HOOKS))
    seen = inventory(listing("near", daily(5)), listing("offsite", daily(9)), workloads=WORKLOADS)
    plan = plan_run(chosen, seen, sets=("documents",), now=NOW, run="R", points={"documents": "NEW"})
    told = {spell_doing(step) for step in plan.steps}
    assert {"storing here:/home", "copying from near to offsite", "running the hook before on here"} <= told
    assert all("/documents/" not in each and each == each.strip() for each in told)
    hooks = [step for step in plan.steps if isinstance(step.action, RunHook)]
    assert spell_all(hooks[:3]) == "running the hook before on here"
    assert spell_all(()) == ""


def test_what_is_swept_and_taken_back_is_told_by_its_place() -> None:
    left = Leftover("near", "unsealed", "a" * 64, "R", BY)
    assert spell_doing(Step(f"sweep/near/unsealed/{'a' * 64}", Release(leftover=left), "")) == "removing what a run left on near"
    kept = replace(left, source="here", what="kept", locator="/srv.before-P", target="/srv")
    assert spell_doing(Step("undo", Undo(kept), "")) == "taking back the restore of /srv"
    hold = Hold("h", "documents", BY, "", NOW)
    assert spell_doing(Step("unpin", EndHold(repository="near", hold=hold), "")) == "ending a hold in near"
