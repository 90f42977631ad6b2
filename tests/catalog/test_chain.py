"""What is done to evidence afterwards is found, and named; what was not is left in peace."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drtool.catalog import sshsig
from drtool.catalog.chain import Exhibit, examine
from drtool.catalog.seal import seal
from drtool.catalog.signer import Signer
from drtool.model.codec import canonical
from drtool.model.evidence import Evidence, EvidenceHead, EvidenceRecord, SignedEvidence, newest_heads
from drtool.model.examination import Examination, SeenHead

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def signer_of(seed: int) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    public = sshsig.public_line(key)
    return Signer(key, public, sshsig.fingerprint(public))


ONE, TWO = signer_of(1), signer_of(2)


def record(signer: Signer, number: int, previous: str) -> EvidenceRecord:
    return EvidenceRecord(
        id=f"01J00000000000000{1 if signer is ONE else 2:02}{number:07}",
        subject="drill",
        by="homelab",
        repository="near",
        outcome="data_wrong",
        started=NOW + timedelta(hours=number),
        ended=NOW + timedelta(hours=number, minutes=1),
        signer=signer.fingerprint,
        public_key=signer.public_key,
        number=number,
        previous=previous,
        set="documents",
    )


def chain(length: int, signer: Signer = ONE) -> list[SignedEvidence]:
    documents: list[SignedEvidence] = []
    for number in range(1, length + 1):
        documents.append(seal(signer, record(signer, number, documents[-1].digest if documents else "")))
    return documents


def exhibit(document: SignedEvidence, *, tags_of: SignedEvidence | None = None) -> Exhibit:
    listed = replace((tags_of or document).summary(), snapshot="5" * 64)
    return Exhibit("near", listed.id, listed=listed, document=document)


def exhibits(documents: list[SignedEvidence]) -> list[Exhibit]:
    return [exhibit(document) for document in documents]


def head_of(document: SignedEvidence) -> SeenHead:
    summary = document.summary()
    return SeenHead(summary.signer, EvidenceHead(summary.number, document.digest), "01JPOINT", "near")


def kinds(found: Examination) -> list[tuple[str, int]]:
    return sorted((fault.kind, fault.number) for fault in found.faults)


def test_two_whole_chains_are_left_in_peace() -> None:
    ours, theirs = chain(5), chain(3, TWO)
    found = examine(exhibits(ours) + exhibits(ours) + exhibits(theirs), [head_of(ours[3]), head_of(theirs[2]), head_of(ours[0])])
    assert found.faults == ()
    assert (found.records, found.heads) == (8, 1)
    assert {(each.fingerprint, each.records, each.newest) for each in found.signers} == {(ONE.fingerprint, 5, 5), (TWO.fingerprint, 3, 3)}


def test_a_signer_of_whom_nothing_counts_is_told() -> None:
    ours, theirs = exhibits(chain(1)), exhibits(chain(2, TWO))
    theirs = [replace(each, listed=replace(each.listed, counts=False)) for each in theirs if each.listed is not None]
    assert {each.fingerprint: each.counts for each in examine([*ours, *theirs], []).signers} == {
        ONE.fingerprint: True,
        TWO.fingerprint: False,
    }


def test_edited_is_found() -> None:
    documents = chain(4)
    said = json.loads(documents[1].record)
    documents[1] = replace(documents[1], record=canonical({**said, "outcome": "succeeded"}).decode())
    found = examine(exhibits(documents), [head_of(documents[3])])
    assert kinds(found) == [("edited", 2)]
    assert found.records == 3


def test_edited_and_signed_by_somebody_else_is_found() -> None:
    documents = chain(4)
    forged = replace(documents[1].opened(), outcome="succeeded", signer=TWO.fingerprint, public_key=TWO.public_key)
    forgery = seal(TWO, forged)
    found = examine([*exhibits(documents[:1]), exhibit(forgery), *exhibits(documents[2:])], [])
    assert ("deleted", 2) in kinds(found)
    allowed = examine(
        exhibits([*documents, seal(TWO, replace(forged, number=1, previous=""))]), [], allowed=lambda each: each.signer == ONE.fingerprint
    )
    assert kinds(allowed) == [("stranger", 1)]
    assert {each.fingerprint: each.allowed for each in allowed.signers} == {ONE.fingerprint: True, TWO.fingerprint: False}


def test_deleted_is_found() -> None:
    documents = chain(6)
    found = examine(exhibits([documents[0], documents[2], documents[5]]), [])
    assert kinds(found) == [("deleted", 2), ("deleted", 4)]
    assert "4 to 5" in found.faults[1].what


def test_deleted_at_the_beginning_is_found() -> None:
    assert kinds(examine(exhibits(chain(3)[1:]), [])) == [("deleted", 1)]


def test_what_this_disk_remembers_is_missed_in_its_repository() -> None:
    documents = chain(2)
    kept = Exhibit("this disk", documents[1].summary().id, document=documents[1], gone_from="near")
    assert kinds(examine([*exhibits(documents[:1]), kept], [])) == [("deleted", 2)]


def test_what_was_signed_for_another_policy_keeps_its_place_and_is_not_judged() -> None:
    first, second = chain(2)
    theirs = seal(ONE, replace(second.opened(), by="office"))
    third = seal(ONE, record(ONE, 3, theirs.digest))
    kept = Exhibit("this disk", theirs.summary().id, document=theirs, elsewhere="office")
    found = examine([*exhibits([first, third]), kept], [head_of(theirs)], allowed=lambda each: each.by == "homelab")
    assert (found.faults, found.records, found.elsewhere) == ((), 2, {"office": 1})
    (signer,) = found.signers
    assert (signer.by, signer.records, signer.allowed) == (("homelab",), 2, True)
    judged = examine([*exhibits([first, theirs, third]), kept], [])
    assert (judged.records, judged.elsewhere) == (3, {}), "what lies in a repository of ours is judged, whoever it speaks for"
    assert examine([kept], []).signers == ()


def test_reordered_is_found() -> None:
    documents = chain(3)
    swapped = [exhibit(documents[1], tags_of=documents[0]), exhibit(documents[0], tags_of=documents[1]), exhibit(documents[2])]
    assert kinds(examine(swapped, [])) == [("reordered", 1), ("reordered", 2)]


def test_reordered_by_the_holder_of_the_key_is_found() -> None:
    documents = chain(4)
    second, third = documents[1].opened(), documents[2].opened()
    documents[1], documents[2] = seal(ONE, replace(third, number=2)), seal(ONE, replace(second, number=3))
    found = examine(exhibits(documents), [])
    assert [kind for kind, _number in kinds(found)] == ["reordered"] * 3


def test_two_records_in_one_place_are_found() -> None:
    documents = chain(2)
    other = seal(ONE, replace(documents[1].opened(), id="01J0000000000000000000TW1N", outcome="succeeded"))
    assert kinds(examine(exhibits([*documents, other]), [])) == [("reordered", 2)]


def test_truncated_is_found_by_a_head() -> None:
    documents = chain(5)
    found = examine(exhibits(documents[:3]), [head_of(documents[4]), head_of(documents[3]), head_of(documents[1])])
    assert kinds(found) == [("truncated", 5)]
    assert "ends at 3" in found.faults[0].what


def test_a_whole_chain_that_is_gone_is_found_by_a_head() -> None:
    assert kinds(examine([], [head_of(chain(2)[1])])) == [("truncated", 2)]


def test_a_chain_signed_anew_is_found_by_a_head() -> None:
    documents = chain(2)
    anew = [seal(ONE, replace(documents[0].opened(), outcome="succeeded"))]
    anew.append(seal(ONE, replace(documents[1].opened(), previous=anew[0].digest)))
    assert examine(exhibits(anew), []).faults == ()
    assert kinds(examine(exhibits(anew), [head_of(documents[1])])) == [("replaced", 2)]


def test_tags_that_lie_are_found() -> None:
    (document,) = chain(1)
    better = replace(document.summary(), outcome="succeeded")
    assert kinds(examine([Exhibit("near", better.id, listed=better, document=document)], [])) == [("mislabelled", 1)]


def test_what_cannot_be_read_is_told_and_not_taken_for_deleted() -> None:
    documents = chain(3)
    lost = Exhibit("near", documents[1].summary().id, listed=documents[1].summary(), problem="the pack is damaged")
    assert kinds(examine([*exhibits([documents[0], documents[2]]), lost], [head_of(documents[2])])) == [("unreadable", 2)]


def test_unsigned_records_count_only_from_before() -> None:
    def unsigned(name: str, ended: datetime, by: str = "homelab") -> Exhibit:
        return Exhibit("near", name, listed=Evidence(name, "drill", by, "near", "succeeded", ended, ended, "documents"))

    old, slipped_in = unsigned("OLD", NOW - timedelta(days=1)), unsigned("NEW", NOW + timedelta(days=1))
    another = unsigned("ANOTHER", NOW + timedelta(days=1), by="elsewhere")
    found = examine([old, slipped_in, another, *exhibits(chain(1))], [])
    assert [(fault.kind, fault.id) for fault in found.faults] == [("unsigned", "NEW")]
    assert found.unsigned == ("ANOTHER", "NEW", "OLD")


def test_the_newest_head_of_each_signer() -> None:
    documents = [*chain(3), *chain(2, TWO)]
    unsigned = Evidence("E", "drill", "homelab", "near", "succeeded", NOW, NOW)
    heads = newest_heads([unsigned, *(document.summary() for document in documents)])
    assert heads == {ONE.fingerprint: EvidenceHead(3, documents[2].digest), TWO.fingerprint: EvidenceHead(2, documents[4].digest)}
