from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.policy import DrillPolicy, Policy
from drtool.model.secret import SecretReference
from drtool.planning.keys import last_proofs, opened_with, other_secrets
from drtool.policy.load import load
from tests.policy.small_kinds import GOOD, KINDS

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ESCROW = SecretReference("file", "/media/escrow/near.key")


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    file = tmp_path / "p.yaml"
    file.write_text(GOOD)
    return load((str(file),), KINDS)


def test_one_key_alone_opens_one_repository(policy: Policy) -> None:
    keyed = opened_with(policy, "near", ESCROW)
    assert set(keyed.repositories) == {"near"}
    near = keyed.repositories["near"]
    assert {near.address.password, *(address.password for address in near.seen_from.values())} == {ESCROW}
    assert near.seen_from.keys() == policy.repositories["near"].seen_from.keys() != set()
    assert near.address.location == policy.repositories["near"].address.location
    assert keyed.sandboxes == policy.sandboxes


def test_what_else_the_policy_opens_with(policy: Policy) -> None:
    near, far = SecretReference("file", "/etc/near.key"), SecretReference("env", "FAR")
    address = replace(policy.repositories["near"].address, password=near)
    other = replace(policy.repositories["near"], name="other", address=replace(address, environment={"A": far, "B": "plain"}))
    drills = {name: DrillPolicy(name, ("documents",), name, "lab", key=ESCROW) for name in ("near", "other")}
    whole = replace(policy, repositories={"near": policy.repositories["near"], "other": other}, drills=drills, evidence_key=far)
    found = set(other_secrets(whole, "near"))
    assert {("other", near), ("A of other", far), ("the drill other", ESCROW), ("the evidence", far)} <= found
    assert not [who for who, _reference in found if who in ("near", "the drill near") or who.startswith("B ")]


def evidence(subject: str, key: str, *, days: int, outcome: str = "succeeded", repository: str = "near") -> Evidence:
    at = NOW - timedelta(days=days)
    return Evidence(f"{subject}{days}", subject, "me", repository, outcome, at, at, key=key)


def test_the_last_proof_of_each_key() -> None:
    found = (
        evidence("key", "aa", days=9),
        evidence("drill", "aa", days=4, outcome="objective_missed"),
        evidence("drill", "aa", days=2, outcome="failed"),
        evidence("key", "aa", days=1, repository="elsewhere"),
        evidence("key", "bb", days=3, outcome="data_wrong"),
        evidence("drill", "", days=1),
        evidence("key", "aa", days=-1),
        evidence("verify", "cc", days=1),
    )
    assert last_proofs(Listing("near", NOW, evidence=found)) == {"aa": NOW - timedelta(days=4)}
