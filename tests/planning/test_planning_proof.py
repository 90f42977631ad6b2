"""A proof ends with its time, or with what it was made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drtool.model.evidence import Evidence
from drtool.model.forecast import RtoForecast, SetForecast
from drtool.model.plan import Record
from drtool.model.point import DataSnapshot
from drtool.model.policy import CheckPolicy, CopyPolicy, DrillPolicy, Objectives, Policy, Protect, Retention
from drtool.model.secret import SecretReference
from drtool.planning.drill import plan_drill
from drtool.planning.explain import explain
from drtool.planning.proof import decayed, fingerprint, rigour, versions
from drtool.planning.status import Beyond, assess
from tests.planning.planning_values import DAY, HOOKS, NOW, backup_set, daily, evidence, inventory, listing, manifest, point, policy

WORKLOADS = ("here:/home", "billing")
MIB = 1 << 20


def parts(**changes: Any) -> dict[str, str]:  # noqa: ANN401
    chosen = backup_set(**changes)
    return {**fingerprint(policy(chosen), chosen, workloads=WORKLOADS), **versions("0.1.0", "restic 0.19.0")}


def proof(**changes: Any) -> Evidence:  # noqa: ANN401
    body: dict[str, Any] = {"ended": NOW - 10 * DAY, "details": {"fingerprint": parts()}, "bytes": 100 * MIB, **changes}
    return evidence(**body)


def said(present: dict[str, str] | None = None, *, newest: Any = None, since: Any = None, **changes: Any) -> tuple[str, ...]:  # noqa: ANN401
    return decayed(
        backup_set(),
        proof(**changes),
        newest_bytes=None if newest is None else newest.bytes,
        present=present or parts(),
        since=since or {},
        now=NOW,
    )


def test_a_fresh_drill_of_the_same_set_proves_it() -> None:
    assert said(newest=point("P", bytes=150 * MIB)) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protect": (Protect("here", {"paths": ["/srv"]}),)}, "its selectors changed"),
        ({"hooks": HOOKS}, "its hooks changed"),
        ({"checks": (CheckPolicy("command", "answers"),)}, "its checks changed"),
        ({"copies": ()}, "its copies changed"),
    ],
)
def test_a_part_of_the_policy_that_moved_is_named(changes: dict[str, Any], words: str) -> None:
    (part,) = {name for name, value in parts(**changes).items() if value != parts()[name]}
    assert said(parts(**changes)) == (f"{words} since the drill",)
    assert said(parts(**changes), since={part: NOW - 3 * DAY}) == (f"{words} 3d ago",)
    assert said(parts(**changes), since={part: NOW - 30 * DAY}) == (f"{words} since the drill",)


def test_what_does_not_change_a_restore_is_no_part_of_it() -> None:
    calm = parts(schedule="@hourly", keep=Retention(last=9), copies=(CopyPolicy("offsite", Retention(last=1)),), nice=True)
    assert said(calm) == ()
    shuffled = fingerprint(policy(), backup_set(), workloads=reversed(WORKLOADS))
    assert shuffled["workloads"] == parts()["workloads"]


def test_workloads_and_programs_are_parts() -> None:
    assert said({**parts(), "workloads": "other"}) == ("its list of workloads changed since the drill",)
    newer = {**parts(), **versions("0.2.7", "restic 0.20.0")}
    assert said(newer) == ("drtool was 0.1 and is 0.2 since the drill", "restic was 0.19.0 and is 0.20.0 since the drill")
    assert said({**parts(), **versions("0.1.9", "")}) == ()


def test_a_proof_has_its_time() -> None:
    assert said(ended=NOW - 35 * DAY) == ()
    assert said(ended=NOW - 36 * DAY) == ("the last passed drill is 36d old, 35d allowed",)
    brief = backup_set(objectives=Objectives(proof=timedelta(days=7)))
    assert decayed(brief, proof(), newest_bytes=None, present={}, since={}, now=NOW) == ("the last passed drill is 10d old, 7d allowed",)


def test_a_set_of_another_size_is_another_set() -> None:
    assert said(newest=point("P", bytes=201 * MIB)) == ("it grew to 2 times what was drilled",)
    assert said(newest=point("P", bytes=40 * MIB)) == ("it shrank to 0.4 times what was drilled",)
    assert said(newest=point("P", bytes=MIB), bytes=100) == ()
    assert said(newest=point("P", bytes=0)) == ("it shrank to 0 times what was drilled",)


def test_evidence_of_an_earlier_release_is_judged_by_the_rest() -> None:
    assert said(details={}) == ()
    assert said(details={"fingerprint": "damaged"}) == ()


def test_a_drill_records_what_it_proves() -> None:
    chosen = policy()
    read = {"documents": manifest()}
    plan = plan_drill(chosen, chosen.drills["monthly"], manifests=read, repository="near", now=NOW, declared=NOW, run="R")
    (record,) = [step.action for step in plan.steps if isinstance(step.action, Record)]
    names = ("here:/home", "here:/etc", "billing")
    parts_of_set = fingerprint(chosen, chosen.sets["documents"], workloads=names)
    assert record.fingerprint == {**parts_of_set, **rigour(chosen.drills["monthly"])}


def test_status_names_what_moved_and_what_to_type() -> None:
    chosen = policy()
    days = tuple(replace(each, data=(DataSnapshot("i", "t", "here:/home", each.point),)) for each in daily(3))
    drilled = evidence(details={"fingerprint": fingerprint(chosen, chosen.sets["documents"], workloads=("here:/home",))})
    seen = inventory(listing("near", days), listing("offsite", days, evidence=(replace(drilled, repository="offsite"),)))
    (calm,) = assess(chosen, seen, now=NOW)
    assert (calm.attention, calm.moved, calm.never_drilled) == ((), (), ("near",))
    changed = policy(backup_set(protect=(Protect("here"),)))
    (found,) = assess(changed, seen, now=NOW)
    assert found.attention == ("documents is not proven: its selectors changed since the drill",)
    assert found.next == "drtool drill monthly"
    more = tuple(replace(each, data=(*each.data, DataSnapshot("j", "t", "here:/etc", each.point))) for each in days)
    (grown,) = assess(
        chosen, inventory(listing("near", more), listing("offsite", more, evidence=(replace(drilled, repository="offsite"),))), now=NOW
    )
    assert grown.moved == ("its list of workloads changed since the drill",)
    present = {**fingerprint(changed, changed.sets["documents"], workloads=())}
    since = {"documents": {"selectors": NOW - timedelta(minutes=5)}}
    (dated,) = assess(changed, seen, now=NOW, beyond=Beyond(present={"documents": present}, since=since))
    assert dated.moved == ("its selectors changed 5m ago",)


def rto_forecast(p50: float, p90: float) -> RtoForecast:
    found = SetForecast("documents", p50, p90, 3600.0, 4, NOW - 3 * DAY, "cold", "sandbox lab")
    return RtoForecast("documents", "offsite", 1, 1, found, found.met)


def test_a_forecast_that_is_too_long_is_not_green_though_the_last_drill_passed() -> None:
    days = daily(2)
    seen = inventory(listing("near", days, evidence=(evidence(),)), listing("offsite", days))
    (found,) = assess(policy(), seen, now=NOW, beyond=Beyond(rto_forecasts={"documents": (rto_forecast(3000.0, 7800.0),)}))
    source = "from 4 measurements, newest 3d old, cold, in sandbox lab"
    assert found.attention == (f"documents cannot make its RTO from offsite: forecast 50m (p90 2h10) of 1h, {source}",)
    assert found.next == "drtool forecast documents"
    assert found.rto_met is True
    (well,) = assess(policy(), seen, now=NOW, beyond=Beyond(rto_forecasts={"documents": (rto_forecast(3000.0, 3600.0),)}))
    assert well.attention == ()


def test_explain_says_how_long_a_drill_proves() -> None:
    assert any("35d" in line and "drill proves" in line for line in explain(policy(), "documents", now=NOW))


def test_a_lesser_drill_does_not_stand_in_for_the_policys() -> None:
    strict = DrillPolicy("monthly", ("documents",), "near", "lab", key=SecretReference("file", "/safe"), negative_control=True)
    of = policy(drills={"monthly": strict})
    read = {"documents": manifest()}

    def proven_by(drill: DrillPolicy, *, under: Policy = of) -> tuple[str, ...]:
        plan = plan_drill(of, drill, manifests=read, repository="near", now=NOW, declared=NOW, run="R")
        (record,) = [step.action for step in plan.steps if isinstance(step.action, Record)]
        done = proof(details={"fingerprint": dict(record.fingerprint)})
        chosen = under.sets["documents"]
        present = fingerprint(under, chosen, workloads=(member.workload for member in manifest().members))
        return decayed(chosen, done, newest_bytes=None, present=present, since={}, now=NOW)

    by_hand = replace(strict, key=None, negative_control=False)
    assert proven_by(strict) == ()
    assert len(proven_by(by_hand)) == 2
    assert "negative control" in proven_by(replace(strict, negative_control=False))[0]
    assert proven_by(by_hand, under=policy(drills={"monthly": strict, "weekly": by_hand})) == (), "the policy has one like it"
    assert proven_by(strict, under=policy(drills={"monthly": by_hand})) == (), "more than is asked is enough"
    assert decayed(of.sets["documents"], proof(details={}), newest_bytes=None, present={"key": "asked"}, since={}, now=NOW) == ()
