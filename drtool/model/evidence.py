from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from drtool.model.codec import decode, parse

EVIDENCE_FORMAT = "drtool.evidence/1"
SIGNED_FORMAT = "drtool.evidence/2"
TOLD_IN_LISTINGS = ("fingerprint", "measured", "drill")
"""These keys of `details` travel in tags too: a drill's name, its proof and its measurements are judged from a listing alone."""


@dataclass(frozen=True, slots=True)
class EvidenceHead:
    """The newest record of one signer as somebody saw it: its number in the chain and the SHA-256 of its text in hex."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One slice of a repository that was read: `slice` of `slices` (from 1) of the cycle that began at `cycle`.

    `done` are the slices whose every stored byte of before the cycle had been read when this one was, this one with them.
    """

    slice: int
    slices: int
    cycle: datetime
    done: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every slice was read."""
        return len(self.done) == self.slices


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement about something that was tested: a drill, a full reading (`verify`), or a key, of one repository.

    `point` and `set` are empty for a reading of the whole repository: it verifies every point sealed before `started`. One with
    a `reading` read a slice: when that completes its cycle, every point sealed before the cycle began is verified.
    `details` is bounded and holds no secret; the rest travels in tags and is all that a listing knows. Without `signer` it is unsigned.
    """

    id: str
    subject: str
    """`drill`, `verify` or `key`."""
    by: str
    repository: str
    outcome: str
    started: datetime
    ended: datetime
    set: str = ""
    point: str = ""
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    bytes: int = 0
    files: int = 0
    checks_passed: int = 0
    checks_planned: int = 0
    key: str = ""
    """The id of the repository's key that this alone was opened with; empty: the one in use."""
    details: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading | None = None
    format: str = EVIDENCE_FORMAT
    signer: str = ""
    """Fingerprint of the signing key: `SHA256:…`."""
    number: int = 0
    """Position in the signer's chain, from 1."""
    digest: str = ""
    """SHA-256 in hex of the record's text."""
    previous: str = ""
    """Digest of the signer's record before this one; empty for the first."""
    machine: str = ""
    """Which machine tested it."""
    tested: str = ""
    """Which machine's point was tested; empty: no point, or one of a release that did not tell machines apart."""
    snapshot: str = ""
    """Snapshot id in the repository that listed it."""
    tags_signer: str = ""
    """Fingerprint of the key whose signature of the tags fits; empty: none fits, there is none, or it comes from no listing."""
    unsigned: str = ""
    """SHA-256 in hex of tags without any signature; empty for signed ones."""
    counts: bool = True
    """Whether its signer is accepted here: only then it proves anything."""
    retired: bool = False
    """Whether its signer was accepted until another key replaced it, and it was not known then."""
    untold: bool = False
    """Whether its signer was replaced, and the last word about that had no room for it: nobody can say whether it was known then."""
    copied: bool = False
    """Whether restic copied it there or wrote it again: what it found good was read elsewhere, or before."""


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """Everything that is signed: what was tested, from which point, by which program, how it went step by step, and its place in the chain.

    `report` is the set's part of the run's report until then; `journal_sha256` is of the first `journal_events` lines of the journal.
    """

    id: str
    subject: str
    by: str
    repository: str
    outcome: str
    started: datetime
    ended: datetime
    signer: str
    public_key: str
    """The signer's key as OpenSSH writes it: `ssh-ed25519 AAAA…`."""
    number: int
    previous: str = ""
    set: str = ""
    point: str = ""
    manifest: str = ""
    """Digest of the point's manifest in that repository; empty when it could not be asked."""
    run: str = ""
    plan: str = ""
    """Digest of the plan."""
    host: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    bytes: int = 0
    files: int = 0
    checks_passed: int = 0
    checks_planned: int = 0
    key: str = ""
    """The id of the repository's key that this alone was opened with; empty: the one in use."""
    details: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    journal_sha256: str = ""
    journal_events: int = 0
    machine: str = ""
    """Which machine tested it."""
    tested: str = ""
    """Which machine's point was tested; empty: no point, or one of a release that did not tell machines apart."""
    format: str = SIGNED_FORMAT


@dataclass(frozen=True, slots=True)
class SignedEvidence:
    """What lies in the repository: the record's canonical text, and its signature in OpenSSH's SSHSIG format."""

    record: str
    signature: str
    format: str = SIGNED_FORMAT

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the record's text."""
        return hashlib.sha256(self.record.encode("utf-8", "surrogatepass")).hexdigest()

    def opened(self) -> EvidenceRecord:
        """Return what the record says, believed or not; raises ValueError, KeyError or TypeError when it says nothing."""
        return decode(EvidenceRecord, parse(self.record))

    def summary(self) -> Evidence:
        """Return the record as a listing tells it; raises as `opened`."""
        record = self.opened()
        shared = {each.name for each in fields(Evidence)} & {each.name for each in fields(EvidenceRecord)} - {"details"}
        details = {name: record.details[name] for name in TOLD_IN_LISTINGS if name in record.details}
        return Evidence(**{name: getattr(record, name) for name in shared}, details=details, digest=self.digest)

    @property
    def by(self) -> str:
        """The policy it speaks for."""
        return self.opened().by


def newest_heads(evidence: Iterable[Evidence]) -> dict[str, EvidenceHead]:
    """Return the newest head of every signer."""
    heads: dict[str, EvidenceHead] = {}
    for each in evidence:
        known = heads.get(each.signer)
        if each.signer and (known is None or each.number > known.number):
            heads[each.signer] = EvidenceHead(each.number, each.digest)
    return dict(sorted(heads.items()))
