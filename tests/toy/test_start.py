"""Asking a platform to run what was put in place, and waiting for it: within a limit, and with every look closed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drtool import process
from drtool.cli.render.plan import restore_lines
from drtool.engine.actions.start import start
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.model.codec import decode, encode
from drtool.model.errors import Conflict, TimedOut
from drtool.model.kind import KindFacts
from drtool.model.locator import locate
from drtool.model.plan import Answer, Ask, Cutover, Destination, Done, Plan, Restored, Result, RunHook, Start, Step
from drtool.model.point import Artifact, Census, Manifest, Member
from drtool.model.policy import CheckPolicy, Hook, Hooks, Policy, SourcePolicy
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.withhold import withhold
from drtool.ports import Inspection, Source
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from tests.planning.planning_values import backup_set, manifest, policy
from tests.toy.cluster import Cluster, Machine, Number, Toy

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DISK = Artifact("disk", "stream", "0" * 64, "/1/disk", Census(1, 4, sha256="0" * 64))
MEMBER = Member("here:1", "here", "toy", {"machine": "1", "node": "a", "starts": True}, NOW, (DISK,))
RESTORED = Restored("here:1", "here", Destination("original"), "1", MEMBER, aside="1.before", locator=locate("toy", 1, Number("1", "1")))
STEP = Step("start", Start("cutover", "here", seconds=60.0), "a test")


class Counted(Toy):
    """Counts what is open; up at the look number `up_at`."""

    def __init__(self, *, clock: FixedClock, up_at: int) -> None:
        super().__init__(name="here", by="test", cluster=Cluster({"1": Machine("a", {})}), clock=clock)
        self.opened = self.closed = self.most = self.asked = 0
        self._up_at = up_at

    def start(self, restored: Restored) -> None:
        super().start(restored)
        self.asked += 1

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        with super().inspect(restored) as inspection:
            self.opened += 1
            self.most = max(self.most, self.opened - self.closed)
            try:
                yield replace(inspection, up=self.opened >= self._up_at, note="it boots")
            finally:
                self.closed += 1


def work(source: Source, clock: FixedClock, result: Result = RESTORED) -> Work:
    adapters = Adapters(Policy("test", "home", {}, {}, {}), {"here": source}, {}, {}, clock, LocalRunner())
    return Work(Plan("restore", "01RUN", "test", NOW, (STEP,)), STEP, {"cutover": result}, adapters, lambda _progress: None)


def started(source: Counted, clock: FixedClock, *, deadline: float | None = None) -> Done:
    assert isinstance(STEP.action, Start)
    with process.scope(process.Scope(label="01RUN/start", deadline=deadline)):
        return start(work(source, clock), STEP.action)


def test_it_is_asked_once_and_looked_at_until_it_is_up() -> None:
    clock = FixedClock()
    source = Counted(clock=clock, up_at=4)
    assert started(source, clock).data == {"seconds": sum(clock.slept)}
    assert (source.asked, source.opened, source.closed, source.most) == (1, 4, 4, 1)


@pytest.mark.parametrize("deadline", [None, 7.0, 600.0])
def test_waiting_has_an_end(deadline: float | None) -> None:
    clock = FixedClock()
    source = Counted(clock=clock, up_at=10_000)
    with pytest.raises(TimedOut, match=r"is not up after .* it boots") as caught:
        started(source, clock, deadline=deadline)
    assert clock.monotonic() == min(60.0, deadline or 60.0)
    assert "1.before" in caught.value.safe
    assert source.opened == source.closed


def test_what_was_not_put_in_place_is_not_started() -> None:
    clock = FixedClock()
    with pytest.raises(Conflict):
        start(work(Counted(clock=clock, up_at=1), clock, Answer(passed=True, expected="", observed="")), Start("cutover", "here"))


def planned(destination: Destination, *, source: str = "here", hooks: Hooks | None = None) -> Plan:
    documents = backup_set(hooks=hooks or Hooks(), checks=(CheckPolicy("command", "command 1", settings={"run": ["true"]}),))
    request = RestoreRequest(("documents",), destination)
    point: Manifest = replace(manifest(), members=(replace(MEMBER, source=source), replace(MEMBER, workload="here:2", selector={})))
    return plan_restore(
        policy(documents), request, manifests={"documents": point}, copies={"documents": ("near",)}, now=NOW, declared=NOW, run="01RUN"
    )


@pytest.mark.parametrize("destination", [Destination("original"), Destination("sandbox", sandbox="lab")])
def test_what_runs_is_started_once_everything_is_in_place_and_asked_after_that(destination: Destination) -> None:
    plan = planned(destination, hooks=Hooks(after_restore=(Hook(("true",), "here"),)))
    (begun,) = [step for step in plan.steps if isinstance(step.action, Start)]
    cutovers = {step.id for step in plan.steps if isinstance(step.action, Cutover)}
    assert begun.workload == "here:1"
    assert cutovers <= {*begun.needs, *begun.after}
    of_it = [step for step in plan.steps if isinstance(step.action, Ask) and "here:1" in step.action.cutovers]
    assert len(of_it) == 2
    assert all(begun.id in step.needs for step in of_it)
    assert all(begun.id in step.after for step in plan.steps if isinstance(step.action, RunHook))
    assert decode(Plan, encode(plan)) == plan


def test_the_screen_says_what_will_be_started() -> None:
    lines = restore_lines(planned(Destination("original")))
    assert [line.split()[1:3] for line in lines if "start here" in line] == [["start", "here:1"]]
    assert not [line for line in restore_lines(planned(Destination("directory", path="/x"))) if "start here" in line]


def test_in_a_directory_nothing_is_started() -> None:
    plan = planned(Destination("directory", path="/x"))
    assert not [step for step in plan.steps if isinstance(step.action, Start)]


def test_what_a_strangers_policy_puts_nowhere_is_not_started_either() -> None:
    facts = {"files": KindFacts(), "stream": KindFacts(runs={"command": "the command"})}
    sources = {"here": SourcePolicy("here", "files", ""), "billing": SourcePolicy("billing", "stream", "", {"command": ["load"]})}
    plan = planned(Destination("original"), source="billing")
    assert [step.workload for step in plan.steps if isinstance(step.action, Start)] == ["here:1"]
    kept = withhold(plan, sources=sources, facts=facts, beyond={})
    assert {step.workload for step in kept.steps if isinstance(step.action, Cutover)} == {"here:2"}
    assert not [step for step in kept.steps if isinstance(step.action, Start)]
