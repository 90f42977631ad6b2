"""What came of looking at evidence: where each piece lies, who signed it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.evidence import Evidence, EvidenceHead


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One piece of evidence and the repositories that hold it; none: it lies on this host's disk only."""

    evidence: Evidence
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceFault:
    """One thing that is wrong with evidence.

    `kind` is `edited`, `deleted`, `reordered`, `truncated`, `replaced`, `mislabelled`, `unsigned`, `stranger`, `retired` or `unreadable`;
    `number` counts from 1, 0 where it is not known.
    """

    kind: str
    what: str
    signer: str = ""
    number: int = 0
    id: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class SeenHead:
    """The head of a signer's chain as the manifest of a point tells it."""

    signer: str
    head: EvidenceHead
    point: str
    repository: str


@dataclass(frozen=True, slots=True)
class SignerView:
    """One signer: its key, whom it signs for, and how far its chain goes; `allowed` is None when nobody said who may sign.

    `replaced_by` are the keys that follow it; `counts` tells whether anything that it signed counts here, as `status` sees it.
    """

    fingerprint: str
    public_key: str
    by: tuple[str, ...]
    records: int
    newest: int
    last: datetime
    allowed: bool | None = None
    replaced_by: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Examination:
    """Evidence held against its signatures, its chain and the heads in manifests; `unread` names what could not be asked."""

    records: int
    heads: int
    """How many manifests told a head."""
    signers: tuple[SignerView, ...] = ()
    unsigned: tuple[str, ...] = ()
    """Ids of records from before evidence was signed: nobody vouches for them."""
    faults: tuple[EvidenceFault, ...] = ()
    untold: tuple[str, ...] = ()
    """Ids of records by a replaced key for which its last word had no room: their signatures fit, and they count for nothing new."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """By other policies of this state directory, how many records on this disk were signed for them: they are judged there, not here."""
    unread: tuple[str, ...] = ()
