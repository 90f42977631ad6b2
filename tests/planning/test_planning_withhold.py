"""What is taken out of a restore whose policy came out of a repository."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.model.errors import Refused
from drtool.model.kind import KindFacts
from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Cutover, Destination, Plan, Restore, RunHook, Step
from drtool.model.point import Member
from drtool.model.policy import CheckPolicy, Hook, SourcePolicy
from drtool.planning.withhold import at_home, withhold
from tests.planning.planning_values import NOW

FACTS = {"plain": KindFacts(), "far": KindFacts(connects={"at": "the address"}), "taken": KindFacts(runs={"by": "the command"})}
SOURCES = {
    "here": SourcePolicy("here", "plain", ""),
    "there": SourcePolicy("there", "far", "", {"at": "10.0.0.1"}),
    "near": SourcePolicy("near", "far", "", {}),
    "dump": SourcePolicy("dump", "taken", "", {"by": ["load", "-x"]}),
    "new": SourcePolicy("new", "martian", "", {"rocket": "mars"}),
}
BEYOND = {"asks": {"url": "the address"}, "looks": {}}


def restored(*sources: str, form: str = "original", checks: tuple[CheckPolicy, ...] = (), hooks: tuple[Hook, ...] = ()) -> Plan:
    members = [Member(f"{source}:x", source, "any", {}, NOW, ()) for source in sources]
    steps = [Step(f"s/before/{number}", RunHook("before_restore", hook), "", set="s") for number, hook in enumerate(hooks)]
    before = tuple(step.id for step in steps)
    steps += [
        Step(
            f"s/restore/{member.workload}",
            Restore("P", member, ("near",), Destination(form)),
            "",
            set="s",
            workload=member.workload,
            after=before,
        )
        for member in members
    ]
    steps += [
        Step(f"s/cutover/{member.workload}", Cutover(f"s/restore/{member.workload}", member.source), "", set="s", workload=member.workload)
        for member in members
    ]
    cutovers = {member.workload: f"s/cutover/{member.workload}" for member in members}
    steps += [Step(f"s/ask/{check.name}", Ask(check, cutovers, NOW), "", set="s", needs=tuple(cutovers.values())) for check in checks]
    return Plan("restore", "R", "p", NOW, tuple(steps))


def held(plan: Plan) -> Plan:
    return withhold(plan, sources=SOURCES, facts=FACTS, beyond=BEYOND)


@pytest.mark.parametrize(
    ("source", "named"),
    [("there", "the address 10.0.0.1"), ("dump", "the command load -x"), ("new", "martian (rocket mars)"), ("nobody", "does not have")],
)
def test_what_reaches_out_is_refused_in_place_and_not_elsewhere(source: str, named: str) -> None:
    with pytest.raises(Refused) as caught:
        held(restored(source))
    assert named in caught.value.what
    plan = restored(source, form="directory")
    assert held(plan) == plan


@pytest.mark.parametrize("source", ["here", "near"])
def test_what_stays_here_is_restored_in_place(source: str) -> None:
    plan = restored(source)
    assert held(plan) == plan


def test_the_rest_of_a_set_comes_back_all_the_same() -> None:
    both = restored("here", "dump", checks=(CheckPolicy("looks", "look"),))
    plan = held(both)
    assert [step.id for step in plan.steps] == ["s/restore/here:x", "s/cutover/here:x", "s/ask/look"]
    (ask,) = (step for step in plan.steps if isinstance(step.action, Ask))
    assert ask.needs == ("s/cutover/here:x",)
    assert isinstance(ask.action, Ask)
    assert set(ask.action.cutovers) == {"here:x"}
    (skipped,) = plan.skipped
    assert (skipped.set, skipped.outcome) == ("s", Outcome.PARTIAL)
    assert "load -x" in skipped.what
    assert "drtool restore s --point P --workload dump:x --to directory PATH" in skipped.reason


def test_a_check_that_leads_beyond_stays_and_is_told() -> None:
    url = CheckPolicy("asks", "answers", settings={"url": "http://10.0.0.1/x"})
    plan = held(restored("here", checks=(url, CheckPolicy("looks", "look"), CheckPolicy("asks", "asks nothing"))))
    assert len([step for step in plan.steps if isinstance(step.action, Ask)]) == 3
    (note,) = plan.notes
    assert "answers" in note
    assert "http://10.0.0.1/x" in note


def test_hooks_are_not_run() -> None:
    hook = Hook(("stop", "it"), "here", on_failure="continue")
    plan = held(restored("here", hooks=(hook,)))
    assert not any(isinstance(step.action, RunHook) for step in plan.steps)
    assert all(not step.after for step in plan.steps)
    (skipped,) = plan.skipped
    assert (skipped.outcome, skipped.set) == (Outcome.PARTIAL, "s")
    assert "stop it (on here)" in skipped.what
    with pytest.raises(Refused, match=r"stop it \(on here\)"):
        held(restored("here", hooks=(replace(hook, on_failure="stop"),)))


@pytest.mark.parametrize(("kind", "settings"), [("far", {"at": "nas.example.org"}), ("unheard", {"any": "thing"})])
def test_a_source_that_lies_elsewhere_becomes_the_kind_that_needs_a_directory_alone(kind: str, settings: dict[str, str]) -> None:
    facts = {**FACTS, "shelf": KindFacts(directories=True)}
    assert at_home(SourcePolicy("theirs", kind, "home", settings), facts) == SourcePolicy("theirs", "shelf", "home")
    own = SourcePolicy("here", "plain", "home", {"any": "thing"})
    assert at_home(own, facts) == own
