"""Evidence as an auditor takes it away: records, signatures, who may sign, and an index of where each answer stands."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from drtool.catalog.allowed_signers import HOW_TO_COMPARE, allowed_line
from drtool.catalog.storage import make_folder, write_atomically
from drtool.model.codec import encode
from drtool.model.errors import Refused
from drtool.model.evidence import EvidenceRecord, SignedEvidence

INDEX_FORMAT = "drtool.evidence_index/1"

CONTROLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "drill": {
        "SOC 2": ("A1.3",),
        "ISO/IEC 27001:2022": ("A.5.30", "A.8.13"),
        "NIST SP 800-53 rev. 5": ("CP-4", "CP-9(1)", "CP-10"),
        "NIS2": ("Art. 21(2)(c)",),
        "DORA": ("Art. 12(2)", "Art. 12(6)"),
    },
    "verify": {
        "SOC 2": ("A1.2",),
        "ISO/IEC 27001:2022": ("A.8.13",),
        "NIST SP 800-53 rev. 5": ("CP-9(1)",),
        "NIS2": ("Art. 21(2)(c)",),
        "DORA": ("Art. 12(2)",),
    },
}
"""Which controls a record speaks to, by its subject: a place to begin, the auditor decides."""

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "Which control does it speak to?": ("control",),
    "What was tested?": ("subject", "set", "details.drill"),
    "When, and over which period?": ("started", "ended"),
    "Who says so, and on which machine?": ("by", "host", "signer", "public_key"),
    "Which recovery point, how old, from which copy?": ("point", "manifest", "rpo_seconds", "repository", "report.copies"),
    "What was the result?": ("outcome",),
    "Was the objective met?": ("rto_seconds", "details.objective.rto_seconds", "rpo_seconds", "details.objective.rpo_seconds"),
    "How long did each phase take?": ("report.stages",),
    "What was checked, with which answer?": ("checks_passed", "checks_planned", "report.checks", "report.ladder", "files", "bytes"),
    "What went wrong?": ("outcome", "report.missing", "report.warnings", "details.what", "details.why"),
    "With which programs and which plan?": ("versions", "plan", "run"),
    "Is the record whole, and is none missing?": ("number", "previous", "journal_sha256"),
}
"""An auditor's questions, and the fields of a record that answer them."""


def write_evidence_bundle(
    directory: str, documents: Iterable[SignedEvidence], *, now: datetime, left_out: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Write everything into an empty or new directory and return the index; Refused when something lies there already."""
    opened = sorted(((document, document.opened()) for document in documents), key=lambda each: (each[1].signer, each[1].number))
    files = _files(opened)
    index = {
        "format": INDEX_FORMAT,
        "written": encode(now),
        "how_to_compare": HOW_TO_COMPARE,
        "how_to_check": "ssh-keygen -Y verify -f allowed_signers -I BY -n drtool.evidence -s FILE.sig < FILE",
        "questions": {question: list(names) for question, names in QUESTIONS.items()},
        "period": {
            "from": encode(min((record.started for _document, record in opened), default=None)),
            "to": encode(max((record.ended for _document, record in opened), default=None)),
        },
        "records": [_entry(document, record, files[document.digest]) for document, record in opened],
        "left_out": {name: list(items) for name, items in left_out.items()},
    }
    try:
        with contextlib.suppress(FileNotFoundError):
            if os.listdir(directory):
                raise Refused(f"{directory} is not empty", hint="name a new directory", safe="nothing was written")
        make_folder(os.path.join(directory, "records"))
        for document, _record in opened:
            path = os.path.join(directory, files[document.digest])
            write_atomically(path, document.record.encode("ascii"))
            write_atomically(f"{path}.sig", document.signature.encode("ascii"))
        write_atomically(os.path.join(directory, "allowed_signers"), _signers(record for _document, record in opened).encode("ascii"))
        write_atomically(os.path.join(directory, "index.json"), json.dumps(index, indent=2).encode("ascii"))
    except OSError as error:
        raise Refused(f"{directory} cannot be written: {error.strerror}", hint="name another directory with --output") from None
    return index


def _files(opened: Iterable[tuple[SignedEvidence, EvidenceRecord]]) -> dict[str, str]:
    """Return by digest where each record goes: by its id, and where somebody gave another one the same, by its digest as well."""
    every = [(document.digest, record.id) for document, record in opened]
    shared = {identifier for identifier, count in Counter(identifier for _, identifier in every).items() if count > 1}
    names = {digest: f"{identifier}.{digest}" if identifier in shared else identifier for digest, identifier in every}
    return {digest: os.path.join("records", f"{name}.json") for digest, name in names.items()}


def _signers(records: Iterable[EvidenceRecord]) -> str:
    """Return the keys that the records name: compare their fingerprints with the recovery sheet before you believe them."""
    principals: dict[str, set[str]] = {}
    for record in records:
        principals.setdefault(record.public_key, set()).add(record.by)
    return "".join(f"{allowed_line(sorted(names), key)}\n" for key, names in sorted(principals.items()))


def _entry(document: SignedEvidence, record: EvidenceRecord, file: str) -> dict[str, Any]:
    details = record.details
    objective = promised if isinstance(promised := details.get("objective"), Mapping) else {}
    return {
        "file": file,
        "signature": f"{file}.sig",
        "digest": document.digest,
        "id": record.id,
        "control": {name: list(items) for name, items in CONTROLS.get(record.subject, {}).items()},
        "what": {"subject": record.subject, "set": record.set, "drill": details.get("drill", ""), "point": record.point},
        "period": {"started": encode(record.started), "ended": encode(record.ended)},
        "who": {"by": record.by, "host": record.host, "signer": record.signer, "number": record.number},
        "copy": record.repository,
        "result": {
            "outcome": record.outcome,
            "rto_seconds": record.rto_seconds,
            "rto_objective_seconds": objective.get("rto_seconds"),
            "rpo_seconds": record.rpo_seconds,
            "rpo_objective_seconds": objective.get("rpo_seconds"),
            "checks": f"{record.checks_passed}/{record.checks_planned}",
            "files": record.files,
            "bytes": record.bytes,
        },
        "versions": dict(record.versions),
    }
