from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.plan import Initialise, Release
from drtool.model.point import Unsealed
from drtool.model.policy import CopyPolicy, Protect, Retention, VerifyPolicy
from drtool.model.workload import Leftover
from drtool.planning.backup import plan_run
from drtool.planning.evidence import last_proof, verified_points
from drtool.planning.explain import explain
from drtool.planning.initialise import plan_initialise
from drtool.planning.maintenance import with_maintenance
from drtool.planning.order import recovery_order
from drtool.planning.prune import plan_prune
from drtool.planning.status import assess
from drtool.planning.sweep import plan_sweep
from drtool.planning.verify import plan_verify
from drtool.planning.words import spell_count, spell_duration
from tests.planning.planning_values import (
    BY,
    CHECKS,
    DAY,
    HOOKS,
    NOW,
    backup_set,
    daily,
    every_wait_is_known,
    evidence,
    inventory,
    listing,
    point,
    policy,
    repository,
    workload,
)

NONE: frozenset[str] = frozenset()


def test_verified_points() -> None:
    drills = (
        evidence(),
        evidence(id="E2", point="P002", outcome="objective_missed"),
        evidence(id="E3", point="P003", outcome="data_wrong"),
        evidence(id="E4", point="P004", repository="offsite"),
    )
    assert verified_points(listing("near", daily(6), evidence=drills)) == {"P001", "P002"}
    reading = evidence(id="E5", subject="verify", point="", set="", started=NOW - DAY)
    assert verified_points(listing("near", daily(3), evidence=(reading,))) == {"P001", "P002"}


def test_last_proof() -> None:
    newer = evidence(id="E2", ended=NOW)
    failed = evidence(id="E3", ended=NOW + DAY, outcome="failed")
    assert last_proof(listing("near", evidence=(newer, evidence(), failed)), "documents") == newer
    assert last_proof(listing("near", evidence=(newer,)), "photos") is None


@given(st.permutations(["a", "b", "c", "d", "e"]), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_recovery_order(names: list[str], edges: list[tuple[int, int]]) -> None:
    needs = {name: tuple(dict.fromkeys("abcde"[low] for high, low in edges if "abcde"[high] == name and low < high)) for name in names}
    of = policy(*(backup_set(name, needs=needs[name]) for name in names))
    found = recovery_order(of, names)
    assert sorted(found) == sorted(names)
    for name in names:
        assert all(found.index(need) < found.index(name) for need in needs[name])
    if not any(needs.values()):
        assert list(found) == names


def test_recovery_order_refuses_circles_and_strangers() -> None:
    of = policy(backup_set("a", needs=("b",)), backup_set("b", needs=("c",)), backup_set("c", needs=("b",)))
    with pytest.raises(Refused, match="a > b > c > b"):
        recovery_order(of, ("a",))
    with pytest.raises(NotFound):
        recovery_order(of, ("z",))


def test_words() -> None:
    texts = [spell_duration(seconds) for seconds in (0, 45, 60, 90, 3600, 7440, 86400, 30 * 86400, 60 * 3600, -60)]
    assert texts == ["0s", "45s", "1m", "1m30s", "1h", "2h04", "24h", "30d", "2d12h", "-1m"]
    assert [spell_count(number, "copy") for number in (1, 2)] == ["1 copy", "2 copies"]
    assert spell_count(2, "day") == "2 days"


def test_repositories() -> None:
    assert [step.id for step in plan_prune(policy(), repositories=("near", "near"), now=NOW, run="R").steps] == ["prune/near"]
    assert [step.id for step in plan_verify(policy(), repositories=("offsite",), now=NOW, run="R").steps] == ["verify/offsite"]
    with pytest.raises(NotFound) as caught:
        plan_prune(policy(), repositories=("far",), now=NOW, run="R")
    assert "near, offsite" in caught.value.hint


def test_initialise_shares_the_chunker() -> None:
    plan = plan_initialise(policy(), repositories=("offsite", "near"), run="R", now=NOW)
    every_wait_is_known(plan)
    assert [step.action for step in plan.steps] == [Initialise("near"), Initialise("offsite", "near")]
    alone = plan_initialise(policy(), repositories=("offsite",), run="R", now=NOW)
    assert [(step.action, step.needs) for step in alone.steps] == [(Initialise("offsite", "near"), ())]


def test_initialise_never_goes_in_circles() -> None:
    def one(name: str, to: str, target: str) -> object:
        return backup_set(name, to=to, copies=(CopyPolicy(target, Retention(last=1)),))

    of = policy(
        one("a", "near", "offsite"),  # type: ignore[arg-type]
        one("b", "offsite", "near"),  # type: ignore[arg-type]
        one("c", "offsite", "far"),  # type: ignore[arg-type]
        repositories={name: repository(name) for name in ("near", "offsite", "far")},
    )
    plan = plan_initialise(of, repositories=("far", "offsite", "near"), run="R", now=NOW)
    every_wait_is_known(plan)
    assert [step.action for step in plan.steps] == [Initialise("near"), Initialise("offsite", "near"), Initialise("far", "offsite")]


def _left(what: str, run: str, expires: str = "", by: str = BY) -> Leftover:
    return Leftover(source="here", what=what, locator=f"{what}-{run}-{by}{expires}", run=run, by=by, expires=expires)


def test_sweep() -> None:
    past, future = "2026-11-23T13:00:00Z", "2026-11-24T13:00:00Z"
    leftovers = (
        _left("staging", "dead"),
        _left("staging", "live", past),
        _left("staging", "self", past),
        _left("sandbox", "elsewhere", past),
        _left("sandbox", "elsewhere", future),
        _left("sandbox", "elsewhere", "gibberish"),
        _left("sandbox", "elsewhere", "2026-11-23T13:00:00"),
        _left("staging", "dead", by="another"),
        _left("kept", "dead"),
    )
    unsealed = {
        "near": (
            Unsealed("u1", BY, "documents", "P", "dead", "w", NOW - DAY, None),
            Unsealed("u2", BY, "documents", "P", "old", "w", NOW - 3 * DAY, NOW - DAY),
            Unsealed("u3", BY, "documents", "P", "old", "w", NOW - 3 * DAY, NOW - DAY, copied=True),
            Unsealed("u4", BY, "documents", "P", "old", "w", NOW, NOW + DAY),
        )
    }
    plan = plan_sweep(
        leftovers, run="self", now=NOW, by=BY, dead_runs=frozenset({"dead"}), live_runs=frozenset({"live"}), unsealed=unsealed
    )
    gone = [step.action.leftover.locator for step in plan.steps if isinstance(step.action, Release) and step.action.leftover]
    assert gone == [f"staging-dead-{BY}", f"sandbox-elsewhere-{BY}{past}", "u1", "u2"]
    assert plan.steps[-1].uses == ("repository:near",)
    assert len(plan.skipped) == 4
    kept = plan_sweep(leftovers[-1:], run="self", now=NOW, by=BY, dead_runs=NONE, live_runs=NONE, kept=True)
    assert [step.id for step in kept.steps] == [f"sweep/here/kept/kept-dead-{BY}"]
    copied = {"near": unsealed["near"][2:3]}
    calm = plan_sweep((), run="self", now=NOW, by=BY, dead_runs=NONE, live_runs=frozenset({"self"}), unsealed=copied)
    assert [step.id for step in calm.steps] == ["sweep/near/unsealed/u3"]


def test_status_when_all_is_well() -> None:
    days = daily(5)
    (found,) = assess(policy(), inventory(listing("near", days, evidence=(evidence(),)), listing("offsite", days)), now=NOW)
    assert (found.point, found.age_seconds, found.rpo_met) == ("P005", 3600.0, True)
    assert found.copies == ("near", "offsite")
    assert found.missing_copies == ()
    assert (found.rto_seconds, found.rto_met, found.proof_age_seconds) == (600.0, True, 3600.0)
    assert (found.attention, found.next) == ((), "")


def test_status_when_nothing_is_there() -> None:
    (found,) = assess(policy(), inventory(), now=NOW)
    assert (found.point, found.instant, found.rpo_met, found.rto_met) == ("", None, False, None)
    assert found.attention == ("documents has no complete recovery point", "documents was never proven by a drill")
    assert found.next == "drtool run documents"


def test_status_names_what_needs_attention() -> None:
    old = daily(3, newest=NOW - 3 * DAY)
    strange = (
        point("PART", NOW, complete=False),
        point("OLDPART", NOW - 9 * DAY, complete=False),
        point("AHEAD", NOW + DAY),
        point("X", by="another"),
        point("Y", set="unknown"),
    )
    slow = evidence(rto_seconds=7200.0)
    near = listing("near", (*old, *strange), evidence=(evidence(id="E0", ended=NOW - DAY), slow, evidence(by="another")))
    (found,) = assess(policy(), inventory(near, listing("offsite", old[1:])), now=NOW)
    assert found.attention == (
        "the newest complete point of documents is 3d old, RPO 24h",
        "the last backup of documents, 0s ago, is partial",
        "1 point of documents dated in the future: nothing of it is forgotten",
        "offsite does not hold the newest point of documents",
        "the last drill of documents took 2h, RTO 1h",
    )
    assert found.next == "drtool run documents"
    broken = listing("near", daily(2)[:1], problem=Problem("Unavailable", "no answer"))
    failed = evidence(id="E9", ended=NOW, outcome="data_wrong", repository="offsite")
    (worse,) = assess(policy(drills={}), inventory(broken, listing("offsite", daily(2), evidence=(failed,))), now=NOW)
    assert worse.next == "drtool doctor"
    assert worse.attention[-1] == "the last drill of documents ended data wrong"
    (unasked,) = assess(policy(), inventory(listing("offsite", daily(2))), now=NOW)
    assert "it was not asked" in unasked.attention[0]
    (unwritten,) = assess(policy(), inventory(listing("near"), listing("offsite", daily(2))), now=NOW)
    assert unwritten.next == "drtool run documents"


def test_explain_leaves_out_of_a_selector_what_is_empty_or_usual() -> None:
    unsaid = {"exact": False, "exclude": [], "exclude_files": [], "where": {}, "canary": None, "census": "sample"}
    told = {"dataset": "tank/documents", "recursive": True}
    more = {"exclude_caches": True, "exclude_files": ["*.o", "*.a"], "where": {"org:backup": "yes"}, "census": "full"}
    for selector, words in (
        (unsaid | told, "dataset: tank/documents; recursive"),
        (told | more, "dataset: tank/documents; recursive; exclude caches; exclude files: *.o, *.a; where: org:backup = yes; census: full"),
        (unsaid, ""),
    ):
        of = policy(backup_set("documents", protect=(Protect("here", selector),)))
        assert explain(of, "documents", now=NOW)[1] == f"From here (files){f': {words}' if words else ''}."


def test_explain() -> None:
    rich = backup_set(
        "web",
        hooks=HOOKS,
        checks=CHECKS[:2],
        needs=("documents",),
        keep=Retention(last=2, daily=7, within=DAY, verified=1),
        consistent_within=timedelta(minutes=5),
        copies=(CopyPolicy("offsite", Retention(verified=0)),),
    )
    of = policy(backup_set(schedule=None), rich, backup_set("leap", schedule="0 0 30 2 *"))
    lines = explain(of, "web", now=NOW)
    assert any("2026-11-24 02:30 UTC, 2026-11-25 02:30 UTC" in line for line in lines)
    assert "In near are kept: the last 2; the newest of each of the last 7 days that have one; everything younger than 24h." in lines
    assert "In offsite are kept: every complete point, as no rule says otherwise." in lines
    assert "It is restored after documents." in lines
    assert any(line.startswith("Its members shall be taken within 5m of each other") for line in lines)
    assert "Asked of what was restored: census, enough, answers." in lines
    assert any("No drill" in line for line in lines)
    plain = explain(of, "documents", now=NOW)
    assert "It is backed up only when you type `drtool run documents`: there is no schedule." in plain
    assert any(line.startswith("The drill monthly restores it from offsite") for line in plain)
    assert any("never comes" in line for line in explain(of, "leap", now=NOW))
    with pytest.raises(NotFound):
        explain(of, "none", now=NOW)


def test_what_an_ended_run_left_goes_except_its_sandboxes() -> None:
    future = "2026-11-24T13:00:00Z"
    leftovers = (_left("staging", "ended", future), _left("sandbox", "ended", future))
    plan = plan_sweep(leftovers, run="self", now=NOW, by=BY, dead_runs=NONE, live_runs=NONE, ended_runs=frozenset({"ended"}))
    assert [step.action for step in plan.steps] == [Release(leftovers[0])]


def test_a_sweep_that_could_not_ask_everybody_failed() -> None:
    away = Problem("Unavailable", "nas: it does not answer", "look whether it is up")
    plan = plan_sweep((), run="self", now=NOW, by=BY, dead_runs=NONE, live_runs=NONE, problems=(away,))
    assert [(entry.what, entry.reason, entry.outcome) for entry in plan.skipped] == [(away.what, away.hint, "failed")]


def test_maintenance_comes_last() -> None:
    reading = VerifyPolicy(schedule="@daily")
    near = replace(repository("near"), prune="@daily", verify=reading)
    of = policy(repositories={"near": near, "offsite": repository("offsite")})
    seen = inventory(listing("offsite"))
    plan = plan_run(of, seen, sets=("documents",), now=NOW, run="R", points={"documents": "N"})
    more = with_maintenance(of, seen, plan, prunes=("near",), readings=("near",))
    every_wait_is_known(more)
    assert [step.id for step in more.steps[len(plan.steps) :]] == ["prune/near", "verify/near"]
    assert set(more.steps[-1].after) == {step.id for step in more.steps[:-1]}


def test_ten_thousand_workloads_and_a_hundred_thousand_points() -> None:
    points = [point(f"P{number:06d}", NOW - timedelta(minutes=10 * number + 60)) for number in range(100_000)]
    seen = inventory(listing("near", points), listing("offsite"), workloads=[workload(f"here:/{number}") for number in range(10_000)])
    plan = plan_run(policy(), seen, sets=("documents",), now=NOW, run="R", points={"documents": "N"})
    assert len(plan.steps) == 10_004
    assert len(plan.verdicts) == 100_002
