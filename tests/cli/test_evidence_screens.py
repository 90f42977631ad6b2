"""What a person reads of evidence: nothing wrong stays unsaid, and nothing foreign reaches the terminal as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from drtool.cli.render.evidence import evidence_lines, examination_lines, export_lines, record_lines
from drtool.model.evidence import Evidence, EvidenceRecord
from drtool.model.examination import EvidenceFault, EvidenceView, Examination, SignerView
from drtool.model.view import ShownEvidence

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SIGNER = "SHA256:QkYfXgRwdlngxquepmCQQE7vBU/UXE3lElDDTUSGMRI"
PROOF = Evidence("01M84CDPPCJWVDGXXVGAK16BJ8", "drill", "homelab", "offsite", "succeeded", NOW, NOW, "documents", signer=SIGNER, number=7)
HOSTILE = "\x1b[2J"


def record(**changes: str) -> EvidenceRecord:
    body = EvidenceRecord(PROOF.id, "drill", "homelab", "offsite", "succeeded", NOW, NOW, SIGNER, "ssh-ed25519 AAAA", 7, host="pi", run="R")
    return replace(body, **changes)  # type: ignore[arg-type]


def test_the_list_tells_where_it_lies_and_whether_it_is_signed() -> None:
    here = EvidenceView(PROOF, ())
    there = EvidenceView(replace(PROOF, signer="", number=0, outcome="data_wrong"), ("near", "offsite"))
    lines = evidence_lines((here, there), policy="homelab")
    assert lines[1].endswith("succeeded ✔   QkYf…MRI 7  on disk only")
    assert lines[2].endswith("data wrong ✖  unsigned ✖  near offsite")
    assert evidence_lines((here, there), policy="office")[1].endswith("of policy homelab, not asked here")
    assert "drtool drill" in evidence_lines((), policy="homelab")[0]
    stranger = EvidenceView(replace(PROOF, counts=False), ("near",))
    assert evidence_lines((stranger,), policy="homelab")[1].endswith("QkYf…MRI 7, does not count  near")
    assert "does not count: whoever signed it" in record_lines(ShownEvidence(stranger, record()), policy="homelab")[-1]
    copied = EvidenceView(replace(PROOF, copied=True), ("near",))
    assert evidence_lines((copied,), policy="homelab")[1].endswith("QkYf…MRI 7, copied there  near")
    assert "copied there: restic copied it" in record_lines(ShownEvidence(copied, record()), policy="homelab")[-1]


def test_a_record_tells_what_is_wrong_with_its_signature() -> None:
    good = record_lines(ShownEvidence(EvidenceView(PROOF, ("offsite",)), record()), policy="homelab")
    assert good[-1] == "  signature ✔ fits"
    assert any("number 7 of SHA256:" in line for line in good)
    bad = record_lines(ShownEvidence(EvidenceView(PROOF, ()), fault="the signature does not fit the record"), policy="homelab")
    assert bad[-1] == "  signature ✖ the signature does not fit the record"
    assert "on this disk only" in bad[-2]
    theirs = record_lines(ShownEvidence(EvidenceView(PROOF, ()), record()), policy="office")
    assert "  lies on this disk, of policy homelab, not asked here" in theirs
    assert "nobody vouches" in record_lines(ShownEvidence(EvidenceView(PROOF, ("near",))), policy="homelab")[-1]


def test_an_examination_ends_with_its_verdict() -> None:
    signer = SignerView(SIGNER, "ssh-ed25519 AAAA", ("homelab",), 3, 3, NOW, allowed=False)
    whole = Examination(3, 2, (signer,))
    assert "not allowed ✖" in examination_lines(whole)[0]
    assert examination_lines(whole)[-1] == "3 records of 1 signer, heads in 2 manifests: every signature fits, and none is missing ✔"
    fault = EvidenceFault("truncated", "the chain ends at 3", SIGNER, 5, place="near")
    faulty = examination_lines(replace(whole, faults=(fault,), unsigned=("OLD",)))
    assert faulty[1:] == [
        "unsigned: 1 record that nobody vouches for: OLD",
        f"truncated ✖  number 5, in near of {SIGNER}: the chain ends at 3",
        "3 records of 1 signer, heads in 2 manifests: 1 fault ✖",
    ]
    stranger = examination_lines(replace(whole, signers=(replace(signer, allowed=None, counts=False),)))
    assert stranger[0].endswith(", counts for nothing here")
    apart = examination_lines(replace(whole, elsewhere={"office": 2}))
    assert apart[1] == "of policy office, not asked here: 2 records on this disk"
    assert apart[-1].endswith("none is missing ✔")
    unread = examination_lines(replace(whole, unread=("offsite: no answer",)))
    assert unread[-1].endswith("nothing wrong in what could be read ✖")


def test_nothing_to_examine_is_no_good_verdict() -> None:
    nothing = examination_lines(Examination(0, 2, (), unsigned=("OLD",)))
    assert nothing[-1].endswith("there is no signed evidence, so nothing was verified ✖  next: drtool drill")
    headless = examination_lines(Examination(3, 0, (SignerView(SIGNER, "ssh-ed25519 AAAA", ("homelab",), 3, 3, NOW),)))
    assert "a cut end would not be seen" in headless[-1]


def test_an_export_tells_what_it_left_out() -> None:
    index = {
        "records": [1],
        "how_to_compare": "awk",
        "how_to_check": "ssh-keygen -Y verify",
        "left_out": {"unsigned": ["A", "B"], "faulty": [], "unread": []},
    }
    lines = export_lines("out", index)
    assert lines[0].startswith("1 record in out")
    assert lines[1] == "left out, unsigned: A B ✖"
    assert lines[-2:] == ["  awk", "  ssh-keygen -Y verify"]


def test_foreign_words_are_escaped() -> None:
    proof = replace(PROOF, id=HOSTILE, subject=HOSTILE, set=HOSTILE, outcome=HOSTILE, repository=HOSTILE, point=HOSTILE, signer=HOSTILE)
    view = EvidenceView(proof, (HOSTILE,))
    fault = EvidenceFault("edited", HOSTILE, HOSTILE, 1, HOSTILE, HOSTILE)
    signer = SignerView(HOSTILE, HOSTILE, (HOSTILE,), 1, 1, NOW)
    words = [
        *evidence_lines((view,), policy="homelab"),
        *record_lines(ShownEvidence(view, record(host=HOSTILE, run=HOSTILE, signer=HOSTILE, by=HOSTILE, plan=HOSTILE)), policy="homelab"),
        *examination_lines(Examination(1, 1, (signer,), (HOSTILE,), (fault,), (HOSTILE,))),
        *export_lines(HOSTILE, {"records": [], "how_to_compare": "", "how_to_check": "", "left_out": {"unsigned": [HOSTILE]}}),
    ]
    assert "\x1b" not in "\n".join(words)
