"""Holding evidence against its signatures, its chain and the heads in manifests: edited, deleted, reordered and truncated are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from drtool.catalog.seal import unseal
from drtool.model.errors import Corrupt
from drtool.model.evidence import Evidence, EvidenceRecord, SignedEvidence
from drtool.model.examination import EvidenceFault, Examination, SeenHead, SignerView

Allowed = Callable[[EvidenceRecord], bool]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One copy of a piece of evidence: where it lies, what its tags say (in a repository), and the document.

    `problem` tells why the document could not be read; `gone_from` names the repository that had it and has it no more. `elsewhere` is
    the other policy that it was signed for, where it lies on this disk: it keeps its place in the chain, and is not judged here.
    """

    place: str
    id: str
    listed: Evidence | None = None
    document: SignedEvidence | None = None
    problem: str = ""
    gone_from: str = ""
    elsewhere: str = ""


@dataclass(slots=True)
class _Chain:
    """What one signer is known to have signed, by number; `claimed` are numbers that only a bad copy speaks of."""

    records: dict[int, dict[str, EvidenceRecord]] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)

    @property
    def newest(self) -> int:
        return max((*self.records, *self.claimed), default=0)


def examine(
    exhibits: Iterable[Exhibit],
    heads: Iterable[SeenHead],
    *,
    allowed: Allowed | None = None,
    unread: tuple[str, ...] = (),
    replaced: Mapping[str, str] | None = None,
) -> Examination:
    """Look at every copy, every chain and every head; with `allowed` also at who may sign; `replaced` tells which key follows which."""
    faults: list[EvidenceFault] = []
    chains: dict[str, _Chain] = {}
    unsigned: dict[str, Evidence] = {}
    untold: set[str] = set()
    good: dict[str, EvidenceRecord] = {}
    elsewhere: dict[str, EvidenceRecord] = {}
    counting: set[str] = set()
    for exhibit in exhibits:
        if exhibit.listed is not None and not exhibit.listed.signer:
            unsigned[exhibit.listed.id] = exhibit.listed
            continue
        record = _opened(exhibit, chains, faults)
        if record is not None and exhibit.document is not None:
            chains.setdefault(record.signer, _Chain()).records.setdefault(record.number, {})[exhibit.document.digest] = record
            (elsewhere if exhibit.elsewhere else good)[exhibit.document.digest] = record
            faults += _labels(exhibit, exhibit.document, record)
            counting |= {record.signer} if exhibit.listed is None or exhibit.listed.counts else set()
            untold |= {record.id} if exhibit.listed is not None and exhibit.listed.untold else set()
    apart = [record for digest, record in elsewhere.items() if digest not in good]
    if allowed is not None:
        faults += [_fault("stranger", "its signer may not sign for it", record) for record in good.values() if not allowed(record)]
    for signer, chain in sorted(chains.items()):
        faults += _links(signer, chain)
    seen = tuple(heads)
    faults += _heads(seen, chains)
    faults += _unsigned_after(unsigned.values(), (*good.values(), *apart))
    return Examination(
        records=len(good),
        heads=len({(head.repository, head.point) for head in seen}),
        signers=tuple(_views(chains, good.values(), allowed, replaced or {}, counting)),
        unsigned=tuple(sorted(unsigned)),
        faults=tuple(dict.fromkeys(faults)),
        untold=tuple(sorted(untold)),
        elsewhere=dict(sorted(Counter(record.by for record in apart).items())),
        unread=unread,
    )


def _opened(exhibit: Exhibit, chains: dict[str, _Chain], faults: list[EvidenceFault]) -> EvidenceRecord | None:
    """Return the record of a copy whose signature fits; else note what is wrong and which place in a chain it claims."""
    said = exhibit.listed or _said(exhibit.document)
    signer, number = (said.signer, said.number) if said is not None else ("", 0)
    if exhibit.document is None:
        faults.append(EvidenceFault("unreadable", exhibit.problem, signer, number, exhibit.id, exhibit.place))
        record = None
    else:
        try:
            record = unseal(exhibit.document)
        except Corrupt as error:
            faults.append(EvidenceFault("edited", error.what, signer, number, exhibit.id, exhibit.place))
            record = None
    if record is None and signer:
        chains.setdefault(signer, _Chain()).claimed.add(number)
    return record


def _said(document: SignedEvidence | None) -> Evidence | None:
    try:
        return document.summary() if document is not None else None
    except (ValueError, KeyError, TypeError):
        return None


def _labels(exhibit: Exhibit, document: SignedEvidence, record: EvidenceRecord) -> Iterator[EvidenceFault]:
    place, listed = exhibit.place, exhibit.listed
    if exhibit.gone_from:
        yield _fault("deleted", f"it was stored in {exhibit.gone_from} and is not there any more", record, place)
    if listed is None:
        return
    if listed.retired:
        yield _fault("retired", "its signer had been replaced, and this was not known then: it counts for nothing", record, place)
    if (listed.signer, listed.number) != (record.signer, record.number):
        yield _fault("reordered", f"it lies in the place of number {listed.number}, and is number {record.number}", record, place)
    elif _as_told(listed) not in (summary := document.summary(), _of_an_earlier_release(summary)):
        yield _fault("mislabelled", "its tags tell something else than what was signed", record, place)


def _of_an_earlier_release(summary: Evidence) -> Evidence:
    """Return a summary as its tags told it before they named the drill: formats only grow."""
    return replace(summary, details={key: value for key, value in summary.details.items() if key != "drill"})


def _as_told(listed: Evidence) -> Evidence:
    """Return what the tags tell, without what only a listing knows."""
    return replace(listed, snapshot="", tags_signer="", unsigned="", counts=True, retired=False, untold=False, copied=False)


def _links(signer: str, chain: _Chain) -> Iterator[EvidenceFault]:
    for first, last in _gaps(chain):
        numbers = str(first) if first == last else f"{first} to {last}"
        yield EvidenceFault("deleted", f"number {numbers} of the chain is nowhere", signer, first)
    for number, copies in sorted(chain.records.items()):
        if len(copies) > 1:
            ids = ", ".join(sorted(record.id for record in copies.values()))
            yield EvidenceFault("reordered", f"{len(copies)} different records have the number {number}: {ids}", signer, number)
        before = chain.records.get(number - 1)
        for record in copies.values():
            if number == 1 and record.previous:
                yield _fault("reordered", "it is the first, and names one before it", record)
            elif before is not None and record.previous not in before:
                yield _fault("reordered", f"the record before it is not the number {number - 1} that is here", record)


def _gaps(chain: _Chain) -> Iterator[tuple[int, int]]:
    expected = 1
    for number in sorted({*chain.records, *chain.claimed}):
        if number > expected:
            yield expected, number - 1
        expected = max(expected, number + 1)


def _heads(seen: Iterable[SeenHead], chains: dict[str, _Chain]) -> Iterator[EvidenceFault]:
    furthest: dict[str, SeenHead] = {}
    for each in seen:
        chain = chains.get(each.signer, _Chain())
        number = each.head.number
        if number > chain.newest:
            if each.signer not in furthest or number > furthest[each.signer].head.number:
                furthest[each.signer] = each
        elif number in chain.records and each.head.digest not in chain.records[number]:
            what = f"the manifest of {each.point} knew another record under the number {number}"
            yield EvidenceFault("replaced", what, each.signer, number, place=each.repository)
    for signer, each in sorted(furthest.items()):
        newest = chains.get(signer, _Chain()).newest
        what = f"the chain ends at {newest}, and the manifest of {each.point} knew number {each.head.number}"
        yield EvidenceFault("truncated", what, signer, each.head.number, place=each.repository)


def _unsigned_after(unsigned: Iterable[Evidence], good: Iterable[EvidenceRecord]) -> Iterator[EvidenceFault]:
    """Once a policy's evidence is signed, an unsigned record in its name was slipped in."""
    since: dict[str, datetime] = {}
    for record in good:
        since[record.by] = min(record.ended, since.get(record.by, record.ended))
    for each in unsigned:
        if each.by in since and each.ended > since[each.by]:
            yield EvidenceFault(
                "unsigned", f"it is newer than signed evidence of {each.by}, and not signed", id=each.id, place=each.repository
            )


def _fault(kind: str, what: str, record: EvidenceRecord, place: str = "") -> EvidenceFault:
    return EvidenceFault(kind, what, record.signer, record.number, record.id, place)


def _views(
    chains: Mapping[str, _Chain],
    good: Iterable[EvidenceRecord],
    allowed: Allowed | None,
    replaced: Mapping[str, str],
    counting: Collection[str],
) -> Iterator[SignerView]:
    """Describe every signer of records that were judged."""
    signed: dict[str, list[EvidenceRecord]] = {}
    for record in good:
        signed.setdefault(record.signer, []).append(record)
    for signer, records in sorted(signed.items()):
        view = _view(signer, records, chains[signer], allowed)
        yield replace(view, replaced_by=replaced.get(signer, ""), counts=signer in counting)


def _view(signer: str, records: list[EvidenceRecord], chain: _Chain, allowed: Allowed | None) -> SignerView:
    return SignerView(
        fingerprint=signer,
        public_key=records[0].public_key,
        by=tuple(sorted({record.by for record in records})),
        records=len(records),
        newest=max(chain.records),
        last=max(record.ended for record in records),
        allowed=None if allowed is None else all(allowed(record) for record in records),
    )
