"""Signing on this host: one place in the chain for each record, whoever signs at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from drtool.catalog.chain import Exhibit, examine
from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.engine.adapters import Adapters
from drtool.engine.attest import Attested, attest
from drtool.engine.clock import SystemClock
from drtool.model.errors import Refused
from drtool.model.evidence import Evidence, SignedEvidence
from drtool.model.inventory import Listing
from drtool.model.plan import Plan
from drtool.model.policy import Policy
from drtool.ports import Guarantees, Repository
from drtool.runners.local import LocalRunner

CLOCK = SystemClock()
POLICY = Policy("homelab", "home", {}, {}, {})
PLAN = Plan("drill", CLOCK.fresh_id(), "homelab", CLOCK.now(), ())


def adapters(folder: EvidenceFolder | None) -> Adapters:
    return Adapters(POLICY, {}, {}, {}, CLOCK, LocalRunner(), evidence=folder)


def statement() -> Evidence:
    now = CLOCK.now()
    return Evidence(CLOCK.fresh_id(), "drill", "homelab", "gone", "succeeded", now, now, "documents")


def test_those_who_sign_at_once_take_one_place_each(tmp_path: Path) -> None:
    folders = [EvidenceFolder(str(tmp_path)) for _number in range(4)]

    def sign(number: int) -> Attested:
        return attest(adapters(folders[number % 4]), statement(), plan=PLAN, events=())

    with ThreadPoolExecutor(max_workers=8) as pool:
        signed = list(pool.map(sign, range(24)))
    assert sorted(each.evidence.number for each in signed) == list(range(1, 25))
    found = examine([Exhibit("this disk", kept.id, document=kept.document) for kept in folders[0].all()], [])
    assert (found.faults, found.records) == ((), 24)


def test_a_repository_that_the_policy_lost_keeps_nothing_from_being_signed(tmp_path: Path) -> None:
    attested = attest(adapters(EvidenceFolder(str(tmp_path))), statement(), plan=PLAN, events=())
    assert "no repository gone" in attested.on_disk_only
    (kept,) = EvidenceFolder(str(tmp_path)).all()
    assert (kept.snapshot, kept.document.summary()) == ("", attested.evidence)


class _Taking:
    """A repository that takes every record."""

    name = "near"

    def __init__(self) -> None:
        self.taken: list[SignedEvidence] = []

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        del maximum_age_seconds
        return Listing(repository=self.name, taken=CLOCK.now())

    def guarantees(self) -> Guarantees:
        return Guarantees(encrypted=True, site="", identity="", program_version="1")

    def append(self, body: SignedEvidence) -> str:
        self.taken.append(body)
        return "5" * 64


def test_what_waits_for_another_policys_repository_is_not_brought_into_ours_of_that_name(tmp_path: Path) -> None:
    folder, near = EvidenceFolder(str(tmp_path)), _Taking()
    office = Adapters(replace(POLICY, name="office"), {}, {}, {}, CLOCK, LocalRunner(), evidence=folder)
    for asked, by in ((office, "office"), (adapters(folder), "homelab")):
        attest(asked, replace(statement(), by=by, repository="near"), plan=PLAN, events=())
    ours = Adapters(POLICY, {}, {"near": cast("Repository", near)}, {}, CLOCK, LocalRunner(), evidence=folder)
    attest(ours, replace(statement(), repository="near"), plan=PLAN, events=())
    assert [each.by for each in near.taken] == ["homelab", "homelab"]
    assert [kept.document.by for kept in folder.all() if not kept.snapshot] == ["office"]


def test_without_a_state_directory_nothing_is_signed() -> None:
    with pytest.raises(Refused, match="state directory"):
        attest(adapters(None), statement(), plan=PLAN, events=())


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file stands where the folder belongs")
    with pytest.raises(Refused, match="cannot be written"):
        attest(adapters(EvidenceFolder(str(tmp_path))), statement(), plan=PLAN, events=())


def test_a_record_that_was_edited_on_the_disk_is_not_built_upon(tmp_path: Path) -> None:
    folder = EvidenceFolder(str(tmp_path))
    first = attest(adapters(folder), statement(), plan=PLAN, events=())
    second = attest(adapters(folder), statement(), plan=PLAN, events=())
    path = tmp_path / "evidence" / f"{second.evidence.id}.json"
    path.write_text(path.read_text().replace("succeeded", "data_wrong"))
    third = attest(adapters(folder), statement(), plan=PLAN, events=())
    assert (third.evidence.number, third.evidence.previous) == (2, first.evidence.digest)
