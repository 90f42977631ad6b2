"""What was found wrong takes back what was proven before, and a clock that ran ahead proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drtool.model.evidence import Reading
from drtool.model.hold import Hold
from drtool.model.policy import CopyPolicy, Retention
from drtool.planning.evidence import damage, last_proof, verified_points
from drtool.planning.forget import decide_forget
from drtool.planning.repository_view import repository_views
from drtool.planning.status import assess
from tests.planning.planning_values import BY, DAY, NOW, backup_set, daily, evidence, inventory, listing, point, policy


def test_what_was_found_wrong_later_is_verified_no_longer() -> None:
    reading = evidence(id="E5", subject="verify", point="", set="", started=NOW - DAY)
    failed = replace(reading, id="E6", outcome="data_wrong", started=NOW, ended=NOW)
    drilled = evidence(id="E7", point="P002", ended=NOW - timedelta(minutes=30))
    assert verified_points(listing("near", daily(3), evidence=(reading, drilled, failed))) == frozenset()
    later = NOW + timedelta(minutes=1)
    assert verified_points(listing("near", daily(3), evidence=(reading, failed, replace(drilled, ended=later)))) == {"P002"}
    healed = replace(reading, id="E8", started=NOW, ended=later)
    assert verified_points(listing("near", daily(3), evidence=(reading, failed, healed))) == {"P001", "P002", "P003"}
    wrong = replace(drilled, outcome="data_wrong", ended=NOW)
    assert verified_points(listing("near", daily(3), evidence=(reading, drilled, wrong))) == {"P001"}, "this point alone came back wrong"
    assert verified_points(listing("near", daily(3), evidence=(wrong, healed))) == {"P001", "P002", "P003"}


def test_a_cycle_heals_only_what_it_read_since() -> None:
    failed = evidence(id="E6", subject="verify", point="", set="", outcome="data_wrong", ended=NOW - DAY)
    cycle = replace(failed, id="E7", outcome="succeeded", ended=NOW)
    before = replace(cycle, reading=Reading(3, 3, NOW - 2 * DAY, (1, 2, 3)))
    since = replace(cycle, reading=Reading(3, 3, NOW - timedelta(hours=20), (1, 2, 3)))
    slice_failed = replace(failed, reading=Reading(2, 3, NOW - 2 * DAY, (1,)))
    for stands in (before, replace(since, reading=Reading(2, 3, NOW, (1, 2)))):
        found = damage(listing("near", evidence=(failed, stands)))
        assert found is not None
        assert found.at == failed.ended
    assert damage(listing("near", evidence=(failed, since))) is None
    assert damage(listing("near", evidence=(slice_failed, before))) is None, "the slice was read again within its own cycle"


def test_evidence_of_a_clock_that_ran_ahead_proves_nothing() -> None:
    ahead = evidence(subject="verify", point="", set="", started=NOW + DAY, ended=NOW + DAY)
    drilled = evidence(id="E2", ended=NOW + DAY)
    assert verified_points(listing("near", daily(3), evidence=(ahead, drilled))) == frozenset()
    assert last_proof(listing("near", evidence=(drilled,)), "documents") is None
    failed = evidence(id="E3", outcome="failed")
    (status,) = assess(policy(), inventory(listing("near", daily(3), evidence=(drilled, failed))), now=NOW)
    assert status.last_proof is None
    assert "the last drill of documents ended failed" in status.attention


def test_status_tells_damage_until_everything_was_read_again() -> None:
    failed = evidence(subject="verify", point="", set="", outcome="data_wrong")
    near = listing("near", daily(3), evidence=(failed,))
    (status,) = assess(policy(), inventory(near, listing("offsite", daily(3))), now=NOW)
    assert status.attention[0] == "near was found damaged 1h ago: nothing is forgotten there"
    assert status.next == "drtool verify near"
    held = repository_views(inventory(near), {"near": None})["near"]
    decision = decide_forget(policy(), backup_set(keep=Retention(last=1)), held, fresh=point("P9"), now=NOW)
    assert decision is not None
    assert decision.points == ()
    drilled = evidence(id="E3", ended=NOW - timedelta(hours=2))
    (status,) = assess(policy(), inventory(listing("near", daily(3), evidence=(failed, drilled))), now=NOW)
    assert status.moved == ("near was found damaged since",)
    healed = replace(failed, id="E2", outcome="succeeded", ended=NOW)
    (status,) = assess(policy(), inventory(listing("near", daily(3), evidence=(failed, healed))), now=NOW)
    assert not any("damaged" in sentence for sentence in status.attention)


def test_a_hold_that_one_repository_knows_counts_in_all() -> None:
    pin = Hold("H1", "documents", BY, "legal", NOW - DAY, point="P001")
    seen = inventory(listing("near", daily(3), holds=(pin,)), listing("offsite", daily(3)))
    there = repository_views(seen, {"near": None, "offsite": None})["offsite"]
    decision = decide_forget(policy(), backup_set(copies=(CopyPolicy("offsite", Retention(last=1)),)), there, fresh=point("P9"), now=NOW)
    assert decision is not None
    assert "P001" not in decision.points
    assert "P002" in decision.points


def test_a_later_drill_that_went_wrong_takes_the_proof_back() -> None:
    proof = evidence()
    for outcome, proven in (("failed", False), ("data_wrong", False), ("interrupted", True)):
        later = replace(proof, id="E2", ended=NOW, outcome=outcome, rto_seconds=None)
        (status,) = assess(policy(), inventory(listing("near", daily(3), evidence=(proof, later))), now=NOW)
        assert status.last_proof == proof
        assert (status.moved == ()) is proven
        assert f"the last drill of documents ended {outcome.replace('_', ' ')}" in status.attention
