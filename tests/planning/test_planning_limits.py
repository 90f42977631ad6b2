"""Limits: said in the policy, written into the plan, and the same for whoever starts steps and whoever expects them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drtool.model.codec import decode, encode
from drtool.model.plan import Forget, Plan, Prune, Release, Step, Verify
from drtool.model.policy import Address, BackupSet, Policy, Quarantine, RepositoryPolicy, Retention, SourceLimits, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.model.workload import Leftover
from drtool.planning.forget import ForgetDecision, forget_step
from drtool.planning.limits import Limits, Room, limits_of, used_of, with_limits
from drtool.planning.prune import plan_prune
from drtool.planning.sweep import plan_sweep
from drtool.planning.timeline import ends_of
from drtool.planning.verify import plan_verify

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLUSTER = SourcePolicy("pve", "machines", "home", limits=SourceLimits(at_once=2, per_node=1))
POLICY = Policy("test", "home", {}, {"pve": CLUSTER, "here": SourcePolicy("here", "files", "home")}, {})


def step(name: str, *uses: str, alone: bool = False) -> Step:
    return Step(name, Prune("near"), "a test", uses=uses, alone=alone)


def on(node: str) -> tuple[str, ...]:
    return used_of("pve", {"node": node})


def plan(*steps: Step) -> Plan:
    return Plan("run", "01RUN", "test", NOW, steps)


def test_what_the_policy_says_stands_in_the_plan() -> None:
    made = with_limits(plan(step("a", *on("one")), step("b", *on("two")), step("c", "source:here", "repository:near")), POLICY)
    assert made.limits == {"source:pve": 2, "source:pve/one": 1, "source:pve/two": 1}
    assert decode(Plan, encode(replace(made, steps=()))).limits == made.limits


def test_a_plan_of_an_earlier_release_has_none() -> None:
    told = encode(replace(plan(), steps=()))
    del told["limits"]
    assert decode(Plan, told).limits == {}


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ((step("a", *on("one")), step("b", *on("two"))), 10.0),
        ((step("a", *on("one")), step("b", *on("one"))), 20.0),
        ((step("a", *on("one")), step("b", *on("two")), step("c", *on("three"))), 20.0),
        ((step("a", "source:here"), step("b", "source:here"), step("c", "source:here")), 10.0),
        ((step("a", "repository:near"), step("b", "repository:near", alone=True)), 20.0),
        ((step("a", "repository:near", alone=True), step("b", "repository:far", alone=True)), 10.0),
        (tuple(step(name) for name in "abcde"), 20.0),
    ],
)
def test_the_forecast_expects_what_the_engine_lets_begin(steps: tuple[Step, ...], seconds: float) -> None:
    limits = limits_of(with_limits(plan(*steps), POLICY), Limits())
    ends = ends_of(steps, {each.id: 10.0 for each in steps}, limits=limits)
    assert max(ends.values()) == seconds
    room = Room(limits)  # as the engine asks it: what begins at once is what the forecast lets end first
    begun = []
    for each in steps:
        if room.fits(each):
            room.take(each)
            begun.append(each.id)
    assert begun == [each.id for each in steps if ends[each.id] == 10.0]


def test_what_locks_a_repository_is_alone_in_every_plan() -> None:
    room = Room(Limits())
    room.take(step("a", "repository:near", alone=True))
    assert not room.fits(step("b", "repository:near"))
    assert room.fits(step("b", "repository:far"))
    room.leave(step("a", "repository:near", alone=True))
    assert room.fits(step("b", "repository:near", alone=True))


def test_whoever_locks_a_repository_against_everybody_says_so() -> None:
    near = replace(POLICY, repositories={"near": RepositoryPolicy("near", Address("/r", SecretReference("env", "KEY")), "home")})
    stray = Leftover("near", "unsealed", "abcdef01", "01DEAD", "test", expires=(NOW - timedelta(days=9)).isoformat())
    staging = replace(stray, source="here", what="staging", locator="/x")
    swept = plan_sweep([stray, staging], run="01RUN", now=NOW, by="test", dead_runs=frozenset({"01DEAD"}), live_runs=frozenset())
    forgets = forget_step(
        BackupSet("documents", (), "near", Retention()),
        ForgetDecision("near", (), ("01OLD",)),
        expected="",
        needs=(),
        written={"near": ()},
        rules=Quarantine(),
    )
    plans = (
        plan_prune(near, repositories=("near",), now=NOW, run="01RUN"),
        plan_verify(near, repositories=("near",), now=NOW, run="01RUN"),
        swept,
    )
    steps = (*(each for made in plans for each in made.steps), forgets)
    assert {(each.uses, each.alone) for each in steps} == {(("repository:near",), True), (("source:here",), False)}
    assert {type(each.action) for each in steps} == {Prune, Verify, Release, Forget}
