"""Evidence for a person: the list, one record, what an examination found, what was handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, counted, long_duration, printable, short_id, size, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drtool.app.rotation import RotatedSigner
    from drtool.model.evidence import Evidence
    from drtool.model.examination import EvidenceFault, EvidenceView, Examination, SignerView
    from drtool.model.view import ShownEvidence

_GOOD_OUTCOMES = ("succeeded", "objective_missed")
_SHOWN_ITEMS = 10
_WHY_NOT = "whoever signed it is not accepted here, or it is about another policy or machine; drtool status does not go by it"
_COPIED = "copied there"
_WHY_COPIED = "restic copied it, or wrote it again: that proves nothing good where it lies now  next: drtool drill, drtool verify"


def evidence_lines(views: Sequence[EvidenceView], *, policy: str) -> list[str]:
    """Return one line per piece of evidence, as the policy of this name sees it."""
    if not views:
        return ["There is no evidence.  next: drtool drill"]
    rows: list[Sequence[str]] = [("EVIDENCE", "ENDED", "WHAT", "SET", "POINT", "OUTCOME", "SIGNED", "WHERE")]
    for view in views:
        each = view.evidence
        rows.append(
            (
                printable(each.id),
                stamp(each.ended),
                printable(each.subject),
                printable(each.set) or "-",
                short_id(each.point) if each.point else "-",
                _outcome(each.outcome),
                _signed(each),
                " ".join(map(printable, view.repositories)) or _on_disk(each, policy) or "on disk only",
            )
        )
    return table(rows)


def _signed(evidence: Evidence) -> str:
    """Say whose signature a piece bears, and whether that counts here."""
    if not evidence.signer:
        return f"unsigned {BAD}"
    whose = f"{short_id(evidence.signer.removeprefix('SHA256:'))} {evidence.number}"
    if not evidence.counts:
        return f"{whose}, does not count"
    return f"{whose}, {_COPIED}" if evidence.copied else whose


def _on_disk(evidence: Evidence, policy: str) -> str:
    """Say whose a piece is that lies on the disk alone as far as this policy knows; empty: its own."""
    return f"of policy {printable(evidence.by)}, not asked here" if evidence.by != policy else ""


def record_lines(shown: ShownEvidence, *, policy: str) -> list[str]:
    """Return one record in words, as the policy of this name sees it."""
    each, record = shown.view.evidence, shown.record
    lines = [
        f"{printable(each.subject)} of {printable(each.set) or printable(each.repository)}: {_outcome(each.outcome)}",
        f"  {stamp(each.started)} to {stamp(each.ended)} · from {printable(each.repository)}",
        f"  {_extent(each)}",
    ]
    if each.point:
        lines.insert(1, f"  point {printable(each.point)}")
    if each.rto_seconds is not None:
        lines.append(f"  back in {long_duration(each.rto_seconds)}")
    here = f"on this disk, {whose}" if (whose := _on_disk(each, policy)) else "in no repository: on this disk only"
    places = " ".join(map(printable, shown.view.repositories))
    lines.append(f"  lies {f'in {places}' if places else here}")
    if record is None:
        words = printable(shown.fault) if shown.fault else "never signed: nobody vouches for it"
        return [*lines, f"  signature {BAD} {words}"]
    lines += [
        f"  run {printable(record.run)} on {printable(record.host)}, plan {printable(record.plan[:16])}…",
        f"  written with {', '.join(f'{printable(name)} {printable(version)}' for name, version in record.versions.items())}",
        f"  number {record.number} of {printable(record.signer)}, for {printable(record.by)}",
        f"  signature {GOOD} fits" if not shown.fault else f"  signature {BAD} {printable(shown.fault)}",
    ]
    if not each.counts:
        return [*lines, f"  does not count: {_WHY_NOT}"]
    return [*lines, f"  {_COPIED}: {_WHY_COPIED}"] if each.copied else lines


def examination_lines(found: Examination) -> list[str]:
    """Return what was examined and what is wrong, the verdict last."""
    lines = [_signer_line(signer) for signer in found.signers]
    if found.unsigned:
        named = ", ".join(map(short_id, found.unsigned[:_SHOWN_ITEMS]))
        lines.append(f"unsigned: {counted(len(found.unsigned), 'record')} that nobody vouches for: {named}")
    if found.untold:
        told = f"{counted(len(found.untold), 'record')} for which the last word about a replaced key had no room"
        lines.append(f"not told: {told}: the signatures fit, and they prove nothing new  next: drtool drill, drtool verify")
    lines += [
        f"of policy {printable(by)}, not asked here: {counted(count, 'record')} on this disk" for by, count in found.elsewhere.items()
    ]
    lines += [_fault_line(fault) for fault in found.faults]
    lines += [f"not read: {printable(text)} {BAD}" for text in found.unread]
    examined = f"{counted(found.records, 'record')} of {counted(len(found.signers), 'signer')}, heads in {counted(found.heads, 'manifest')}"
    if found.faults:
        return [*lines, f"{examined}: {counted(len(found.faults), 'fault')} {BAD}"]
    if found.unread:
        return [*lines, f"{examined}: nothing wrong in what could be read {BAD}"]
    if not found.records:
        return [*lines, f"{examined}: there is no signed evidence, so nothing was verified {BAD}  next: drtool drill"]
    if not found.heads:
        return [*lines, f"{examined}: every signature fits {GOOD}; no manifest knows any of them yet, so a cut end would not be seen"]
    return [*lines, f"{examined}: every signature fits, and none is missing {GOOD}"]


def export_lines(directory: str, index: Mapping[str, Any]) -> list[str]:
    """Return what was written, and how to check it."""
    left_out = index["left_out"]
    lines = [f"{counted(len(index['records']), 'record')} in {printable(directory)}, explained by index.json"]
    lines += [f"left out, {name}: {' '.join(map(printable, items))} {BAD}" for name, items in left_out.items() if items]
    return [
        *lines,
        "in that directory, show the fingerprints of allowed_signers and compare them with the recovery sheet, then check each record:",
        f"  {index['how_to_compare']}",
        f"  {index['how_to_check']}",
    ]


def _extent(evidence: Evidence) -> str:
    if not evidence.checks_planned:
        return f"{size(evidence.bytes)} read"
    checks = f"{evidence.checks_passed} of {counted(evidence.checks_planned, 'check')} passed"
    return f"{checks} · {counted(evidence.files, 'file')}, {size(evidence.bytes)}"


def _outcome(outcome: str) -> str:
    return f"{printable(outcome.replace('_', ' '))} {GOOD if outcome in _GOOD_OUTCOMES else BAD}"


def _signer_line(signer: SignerView) -> str:
    known = {None: "", True: f", allowed {GOOD}", False: f", not allowed {BAD}"}[signer.allowed]
    who = " ".join(map(printable, signer.by))
    known += f", replaced by {printable(signer.replaced_by)}" if signer.replaced_by else ""
    known += "" if signer.counts else ", counts for nothing here"
    return f"{printable(signer.fingerprint)} for {who}: {counted(signer.records, 'record')}, the last {stamp(signer.last)}{known}"


def _fault_line(fault: EvidenceFault) -> str:
    what = [f"number {fault.number}"] if fault.number else []
    what += [printable(fault.id)] if fault.id else []
    what += [f"in {printable(fault.place)}"] if fault.place else []
    signer = f" of {printable(fault.signer)}" if fault.signer else ""
    return f"{fault.kind} {BAD}  {', '.join(what)}{signer}: {printable(fault.what)}"


def rotated_lines(rotated: RotatedSigner) -> list[str]:
    """Return what a rotation of the signing key did, and what is left to do."""
    places = " ".join(map(printable, rotated.repositories))
    if rotated.done:
        return [f"It is done already: {rotated.new} signs here instead of {rotated.old} {GOOD}", f"  told in {places}; nothing was changed"]
    if rotated.next:
        return [
            f"{rotated.new} may follow {rotated.old}: both signed that, in {places}. Nothing changed yet.",
            *(f"  next: {printable(each)}" for each in rotated.next),
        ]
    begun = "An earlier rotation was finished: " if rotated.resumed else ""
    count = "counts" if rotated.points == 1 else "count"
    return [
        f"{begun}{rotated.new} signs here instead of {rotated.old} {GOOD}",
        f"  told in {places}; {counted(rotated.points, 'point')} by the old key still {count}, later ones do not",
        "  on the recovery sheet, and in every file of allowed signers, add this line and end the old one by valid-before:",
        f"      {printable(rotated.allowed)}",
    ]
