"""A set with one instant: all of it is held still before the first snapshot, and goes on in time, whatever happens meanwhile."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool import process
from drtool.cli.render.plan import plan_lines
from drtool.cli.render.report import report_lines
from drtool.engine.adapters import Adapters
from drtool.engine.clock import SystemClock
from drtool.engine.execute import execute
from drtool.engine.observe import observe
from drtool.model.codec import decode, encode, parse
from drtool.model.errors import PolicyError, Refused
from drtool.model.event import Event, EventKind
from drtool.model.plan import Plan, Quiesce, RunHook, Step, Store, TakeSnapshot, Thaw
from drtool.model.point import Manifest
from drtool.model.policy import Address, BackupSet, Hook, Hooks, Policy, Protect, RepositoryPolicy, Retention, SourceLimits, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.model.workload import QUIET, Leftover, Snapshot, Workload
from drtool.planning.backup import plan_run
from drtool.planning.explain import explain
from drtool.planning.limits import Limits
from drtool.planning.pieces import out_of_service
from drtool.planning.sweep import plan_sweep
from drtool.policy.load import load
from drtool.policy.write import spell
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_repository import MemoryRepository, Storage
from tests.planning.planning_values import NOW, backup_set, every_wait_is_known, inventory, workload
from tests.planning.planning_values import policy as small_policy
from tests.policy.small_kinds import GOOD, KINDS
from tests.toy.guests import Guests, Rack, machine
from tests.toy.house import House, build

QUIET_FILES = replace(KINDS, quiesces=lambda: frozenset({"files"}))
OF_IT = (Quiesce, TakeSnapshot, Thaw)


class Two:
    """Two racks on one clock, and sets over both; what happens at a change of them is `meanwhile`."""

    def __init__(self, *sets: str, quiesce: timedelta | None = timedelta(seconds=30), guests: type[Guests] = Guests) -> None:
        self.clock = FixedClock()
        self.racks = {name: Rack({number: machine("a", number) for number in numbers}) for name, numbers in (("one", "12"), ("two", "34"))}
        self.meanwhile: Callable[[str], None] = lambda _words: None
        key = SecretReference("env", "NOBODY_ASKS_FOR_THIS")
        self.policy = Policy(
            "test",
            "home",
            {"near": RepositoryPolicy("near", Address("near", key), "near")},
            {name: SourcePolicy(name, "rack", "home", limits=SourceLimits(at_once=1)) for name in self.racks},
            {
                name: BackupSet(name, tuple(Protect(source) for source in self.racks), "near", Retention(last=2), quiesce=quiesce)
                for name in sets or ("all",)
            },
        )
        self.storage = Storage()
        repository = MemoryRepository(name="near", by="test", storage=self.storage, clock=self.clock, site="near")
        repository.initialise()
        sources = {
            name: guests(name=name, by="test", cluster=rack, clock=self.clock, before_change=self.change)
            for name, rack in self.racks.items()
        }
        self.adapters = Adapters(self.policy, sources, {"near": repository}, {}, self.clock, LocalRunner())
        self.events: list[Event] = []

    def change(self, words: str) -> None:
        self.meanwhile(words)

    def plan(self) -> Plan:
        found = observe(self.adapters, sets=tuple(self.policy.sets), repositories=("near",))
        points = {name: self.clock.fresh_id() for name in self.policy.sets}
        return plan_run(self.policy, found, sets=points, now=self.clock.now(), run=self.clock.fresh_id(), points=points)

    def run(self, plan: Plan | None = None, *, workers: int = 4, interrupt: process.Interrupt | None = None) -> Mapping[str, object]:
        chosen = plan or self.plan()

        def emit(kind: EventKind, step: str, data: Mapping[str, object]) -> None:
            self.events.append(Event(kind, chosen.run, self.clock.now(), self.clock.monotonic(), step, data))

        stopped = interrupt or process.Interrupt()
        return execute(
            chosen, self.adapters, emit=emit, interrupt=stopped, limits=Limits(workers=workers), events=lambda: tuple(self.events)
        )

    @property
    def still(self) -> dict[str, str]:
        """What is held still, of both."""
        return {number: held for rack in self.racks.values() for number, held in rack.still.items()}

    def quiet_labels(self) -> list[Leftover]:
        return [each for rack in self.racks.values() for each in rack.labels.values() if each.what == QUIET]

    def ended(self, step: str) -> Mapping[str, object]:
        (event,) = [event for event in self.events if event.kind is EventKind.STEP_ENDED and event.step == step]
        return event.data


def of(plan: Plan, *kinds: type) -> list[Step]:
    return [step for step in plan.steps if isinstance(step.action, kinds)]


# on paper


def test_everything_is_held_still_before_the_first_snapshot_and_goes_on_after_the_last() -> None:
    two = Two()
    policy = replace(
        two.policy,
        sets={"all": replace(two.policy.sets["all"], hooks=Hooks(before=(Hook(("stop",), "one"),), after=(Hook(("go",), "one"),)))},
    )
    two.adapters = replace(two.adapters, policy=policy)
    two.policy = policy
    plan = two.plan()
    every_wait_is_known(plan)
    assert decode(Plan, encode(plan)) == plan
    held, taken, thawed = ([step.id for step in of(plan, kind)] for kind in OF_IT)
    assert held == ["all/quiesce/one", "all/quiesce/two"]
    assert [step.action.seconds for step in of(plan, Quiesce) if isinstance(step.action, Quiesce)] == [30.0, 30.0]
    assert len(taken) == 4
    assert thawed == ["all/thaw/one", "all/thaw/two"]
    assert all({*held} <= {*step.needs} for step in of(plan, TakeSnapshot))
    assert all({*held, *taken} == {*step.after} and step.always and not step.uses for step in of(plan, Thaw))
    assert all({*thawed} <= {*step.after} for step in of(plan, Store))
    before, after = of(plan, RunHook)
    assert all(before.id in step.needs for step in of(plan, Quiesce))
    assert {*thawed} <= {*after.after}


def test_without_the_key_nothing_is_held_still() -> None:
    plan = Two(quiesce=None).plan()
    assert of(plan, Quiesce, Thaw) == []
    assert not [step for step in of(plan, TakeSnapshot) if isinstance(step.action, TakeSnapshot) and step.action.quiet]


def test_a_member_that_is_read_live_is_missing_by_name() -> None:
    chosen = backup_set(quiesce=timedelta(seconds=30))
    workloads = (workload("here:/home", snapshots=True), workload("here:/etc"), workload("billing", snapshots=True, existing_snapshot=True))
    plan = plan_run(small_policy(chosen), inventory(workloads=workloads), sets=["documents"], now=NOW, run="R1", points={"documents": "P1"})
    (seal,) = [step.action for step in plan.steps if step.id == "documents/seal"]
    missing = encode(seal)["missing"]
    assert [(each["workload"], "cannot be held still" in each["reason"]) for each in missing] == [("here:/etc", True), ("billing", True)]
    assert [step.workload for step in of(plan, Store)] == ["here:/home"]


def test_the_screens_say_it() -> None:
    two = Two()
    shown = "\n".join(plan_lines(two.plan()))
    assert "hold still one, at most 30 s" in shown
    assert "let go on two" in shown
    assert [line for line in explain(two.policy, "all", now=two.clock.now()) if "held still together" in line and "at most 30s" in line]


def test_a_sweep_lets_go_on_first_and_what_is_held_counts_as_out_of_service() -> None:
    held = Leftover("one", QUIET, "still@x", "R1", "test", expires=(NOW + timedelta(seconds=30)).isoformat())
    taken = replace(held, what="snapshot", locator="1@x")
    plan = plan_sweep((taken, held), run="R2", now=NOW, by="test", dead_runs=frozenset({"R1"}), live_runs=frozenset())
    assert [step.id for step in plan.steps] == ["sweep/one/quiet/still@x", "sweep/one/snapshot/1@x"]
    assert out_of_service(held)
    alive = plan_sweep((held,), run="R2", now=NOW, by="test", dead_runs=frozenset(), live_runs=frozenset({"R1"}))
    assert alive.steps == ()
    elsewhere = replace(held, machine="another", run="R9")
    for later, count in ((0, 0), (31, 1)):
        now = NOW + timedelta(seconds=later)
        swept = plan_sweep((elsewhere,), run="R2", now=now, by="test", dead_runs=frozenset(), live_runs=frozenset())
        assert len(swept.steps) == count, "whichever machine died, nothing stays still after its time"


# carried out


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_all_of_it_is_still_at_each_snapshot_and_nothing_when_data_is_read(workers: int) -> None:
    two = Two()
    seen: list[tuple[str, int]] = []
    two.meanwhile = lambda words: seen.append((words, len(two.still)))
    two.run(workers=workers)
    assert [count for words, count in seen if words == "keeping a snapshot"] == [4, 4, 4, 4]
    assert two.still == {}
    assert two.quiet_labels() == []


def test_the_point_says_how_long_and_how_far_apart() -> None:
    two = Two()
    two.meanwhile = lambda words: two.clock.advance(timedelta(seconds=2 if words == "keeping a snapshot" else 0))
    two.run(workers=1)
    (point,) = two.adapters.repositories["near"].list().points
    read = decode(Manifest, parse(two.adapters.repositories["near"].read(point.manifest)))
    assert [member.instant for member in read.members] == [point.instant + timedelta(seconds=2 * number) for number in range(4)]
    assert (read.skew_seconds, read.quiet_seconds) == (6.0, 8.0)
    told = {key: value for key, value in encode(read).items() if key != "quiet_seconds"}
    assert decode(Manifest, told).quiet_seconds == 0.0  # as an earlier release wrote it


def test_a_snapshot_that_comes_too_late_is_none_and_everything_goes_on() -> None:
    two = Two()
    late = iter([0, 0, 40, 0, 0, 0])
    two.meanwhile = lambda words: two.clock.advance(timedelta(seconds=next(late) if words == "keeping a snapshot" else 0))
    two.run(workers=1)
    assert two.ended("all/snapshot/two:3")["failure"]["kind"] == "TimedOut"  # type: ignore[index]
    assert "time is over" in str(two.ended("all/snapshot/two:4")["not_run"])
    assert two.still == {}
    (point,) = [*two.adapters.repositories["near"].list().points]
    assert (point.complete, point.members) == (False, 2)
    assert two.ended("all/thaw/one")["result"]["data"]["seconds"] == 40.0  # type: ignore[index]


class Slow(Guests):
    """Its snapshots of what is on `two` are there only when that goes on."""

    def __init__(self, **keys: Any) -> None:  # noqa: ANN401 - those of Guests
        super().__init__(**keys)
        self.goes_on, self.waited = threading.Event(), list[bool]()

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        if self.name == "two":
            self.waited.append(self.goes_on.wait(30))
        return super().snapshot(workload, label, together=together, keep_until=keep_until)

    def release(self, leftover: Leftover) -> None:
        super().release(leftover)
        self.goes_on.set()


def test_what_hangs_holds_nothing_still_for_ever() -> None:
    two = Two(guests=Slow, quiesce=timedelta(seconds=1))
    two.adapters = replace(two.adapters, clock=SystemClock())
    two.run()
    slow = two.adapters.sources["two"]
    assert isinstance(slow, Slow)
    assert slow.waited == [True]
    assert two.still == {}
    assert two.ended("all/snapshot/two:3")["failure"]["kind"] in ("TimedOut", "Conflict")  # type: ignore[index]


def test_what_went_on_by_itself_is_not_stored() -> None:
    two = Two()

    def meanwhile(words: str) -> None:
        if words == "keeping a snapshot":
            two.racks["two"].still.pop("3", None)

    two.meanwhile = meanwhile
    two.run(workers=1)
    assert two.ended("all/snapshot/two:3")["failure"]["kind"] == "Conflict"  # type: ignore[index]
    assert "not_run" in two.ended("all/store/two:3")
    (point,) = two.adapters.repositories["near"].list().points
    assert (point.complete, point.members) == (False, 3)


def test_where_one_source_cannot_be_held_still_nothing_is_stored_and_the_other_goes_on() -> None:
    two = Two()

    def meanwhile(words: str) -> None:
        if words == "holding still" and len(two.still) == 3:
            raise Refused("the platform would not")

    two.meanwhile = meanwhile
    two.run(workers=1)
    assert "failure" in two.ended("all/quiesce/two")
    assert all("not_run" in two.ended(f"all/snapshot/{name}") for name in ("one:1", "one:2", "two:3", "two:4"))
    assert two.still == {}
    assert two.quiet_labels() == []
    assert two.adapters.repositories["near"].list().points == ()


def test_told_to_stop_everything_goes_on() -> None:
    two, interrupt = Two(), process.Interrupt()
    two.meanwhile = lambda words: interrupt.request(15) if words == "keeping a snapshot" else None
    two.run(workers=1, interrupt=interrupt)
    assert two.still == {}
    assert two.quiet_labels() == []


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_nothing_else_begins_while_something_is_held_still(workers: int) -> None:
    two = Two("all", "other", "third")
    two.policy = replace(two.policy, sets={**two.policy.sets, "third": replace(two.policy.sets["third"], quiesce=None)})
    two.adapters = replace(two.adapters, policy=two.policy)
    plan = two.plan()
    two.run(plan, workers=workers)
    steps = {step.id: step for step in plan.steps}
    open_: set[str] = set()
    for event in two.events:
        step = steps.get(event.step)
        if step is None:
            continue
        if event.kind is EventKind.STEP_STARTED:
            assert not open_ or (step.set in open_ and isinstance(step.action, OF_IT)), f"{step.id} begins while {open_} is held still"
            open_ |= {step.set} if isinstance(step.action, Quiesce) else set()
        elif event.kind is EventKind.STEP_ENDED and step.id.endswith("thaw/two"):
            open_.discard(step.set)
    assert len(two.adapters.repositories["near"].list().points) == 3


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return build(tmp_path, monkeypatch, {"quiesces": True})


def test_the_report_says_how_long(house: House) -> None:
    toys = house.open(quiesce="30s")
    toys.initialise()
    report = toys.run()
    assert report.outcome == "succeeded", report.failures
    assert report.sets[0].quiet_seconds > 0
    assert [line for line in report_lines(report, code=0) if "all: held still for" in line]


def test_killed_anywhere_the_next_sweep_lets_everything_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = 0
    for number in itertools.count(1):
        (directory := tmp_path / str(number)).mkdir()
        house = build(directory, monkeypatch, {"quiesces": True})
        toys = house.open(quiesce="30s")
        toys.initialise()
        life = house.live(toys.run, ends_at=number)
        if not life.over:
            break
        died = f"died before {life.moments[-1]} ({number})"
        held += any(rack.still for rack in house.racks.values())
        assert toys.sweep().outcome == "succeeded", died
        assert [rack.still for rack in house.racks.values()] == [{}, {}], died
        assert [each for rack in house.racks.values() for each in rack.labels.values()] == [], died
        assert toys.run().outcome == "succeeded", died
    assert held > 5
    assert number > 15


# the policy


def text(key: str) -> str:
    return GOOD.replace("    nice: true", f"    nice: true\n    quiesce: {key}")


def test_a_kind_that_cannot_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text("30s"))
    with pytest.raises(PolicyError) as caught:
        load((str(file),), QUIET_FILES)
    (problem,) = caught.value.problems
    assert (problem.field, problem.place.line) == ("sets.documents.quiesce", 1 + text("30s").splitlines().index("    quiesce: 30s"))
    assert "`billing` (`stream`)" in problem.message
    assert "`here`" not in problem.message
    assert problem.hint


@pytest.mark.parametrize("key", ["0s", "11m", "soon", "true", "30"])
def test_how_long_is_bounded(tmp_path: Path, key: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text(key).replace("      - billing:\n", "").replace("      - files: {of: billing}\n", ""))
    with pytest.raises(PolicyError) as caught:
        load((str(file),), QUIET_FILES)
    assert {problem.field for problem in caught.value.problems} == {"sets.documents.quiesce"}


def test_the_key_is_read_written_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text("45s").replace("      - billing:\n", "").replace("      - files: {of: billing}\n", ""))
    policy = load((str(file),), QUIET_FILES)
    assert policy.sets["documents"].quiesce == timedelta(seconds=45)
    file.write_text(spell(policy))
    assert load((str(file),), QUIET_FILES).sets["documents"].quiesce == timedelta(seconds=45)
    told = encode(policy)
    for each in told["sets"].values():
        del each["quiesce"]  # as an earlier release wrote it
    assert decode(Policy, told).sets["documents"].quiesce is None
