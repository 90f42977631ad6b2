"""Signing what was tested: on this disk first, then in the repository it is about."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.catalog.fold import fold
from drtool.catalog.journal import journal_line
from drtool.catalog.seal import read_sealed, seal, unseal
from drtool.catalog.signer import Signer
from drtool.engine.adapters import Adapters
from drtool.engine.retry import attempt
from drtool.model.codec import encode
from drtool.model.errors import Corrupt, DrtoolError, Locked, NoRepository, Refused, Unavailable, WrongKey
from drtool.model.event import Event
from drtool.model.evidence import Evidence, EvidenceHead, EvidenceRecord, SignedEvidence, newest_heads
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan
from drtool.ports import Repository

RECENT_SECONDS = 300.0
"""So old may the listing be by which a statement is signed: what it is about was held, read or listed in the same run."""
_NOT_NOW = (Refused, WrongKey, NoRepository, Unavailable, Locked)
"""Why a repository does not take a record: it stays on the disk, and what was tested stays as it was."""


@dataclass(frozen=True, slots=True)
class Attested:
    """Evidence as it was signed; `on_disk_only` tells why the repository has not got it."""

    evidence: Evidence
    on_disk_only: str = ""


def attest(adapters: Adapters, statement: Evidence, *, plan: Plan | None = None, events: Sequence[Event] = ()) -> Attested:
    """Sign a statement about a run and keep it: on this disk, then in its repository.

    The rest of the record comes from the plan and the events so far, if a run tested it. A repository that does not take it
    (a key that may only read, a dead endpoint) is told in the answer; Refused when it cannot be signed or kept on this disk.
    """
    folder = evidence_folder(adapters)
    signer = folder.signer()
    repository = adapters.repositories.get(statement.repository)
    listing = _listing(repository)
    record = replace(_record(adapters, statement, plan=plan, events=events, listing=listing), signer=signer.fingerprint)
    with folder.alone():
        head = _head(adapters, folder, signer, listing)
        record = replace(record, public_key=signer.public_key, number=head.number + 1, previous=head.digest)
        document = seal(signer, record)
        folder.save(record.id, document)
    evidence = document.summary()
    if repository is None:
        return Attested(evidence, f"the policy has no repository {statement.repository} any more")
    try:
        snapshot = _append(adapters, repository, document)
    except _NOT_NOW as error:
        return Attested(evidence, f"the repository {repository.name} did not take it: {error.what}")
    folder.save(record.id, document, snapshot=snapshot)
    if listing is not None:
        _bring_the_rest(
            adapters, folder, repository, {(each.id, each.digest) for each in listing.evidence} | {(record.id, document.digest)}
        )
    return Attested(evidence)


def evidence_folder(adapters: Adapters) -> EvidenceFolder:
    """Return where this host keeps what it signed; Refused when these adapters know no state directory."""
    if adapters.evidence is None:
        raise Refused("evidence cannot be signed without a state directory", hint="set $DRTOOL_STATE_DIR to a folder you may write")
    return adapters.evidence


def known_heads(adapters: Adapters, listing: Listing) -> dict[str, EvidenceHead]:
    """Return the newest head of every signer, as a listing and this host's disk tell them."""
    kept = adapters.evidence.summaries() if adapters.evidence is not None else ()
    return newest_heads((*(each for each in listing.evidence if each.counts), *kept))


def _record(
    adapters: Adapters, statement: Evidence, *, plan: Plan | None, events: Sequence[Event], listing: Listing | None
) -> EvidenceRecord:
    repository = adapters.repositories.get(statement.repository)
    versions = {**adapters.versions, "python": platform.python_version()}
    run = fold(plan, events) if plan is not None else None
    programs = (
        [str(step.result["program"]) for step in run.steps if step.set == statement.set and step.result.get("program")] if run else []
    )
    if programs:  # what read it told itself what it is
        versions["repository"] = programs[-1]
    elif repository is not None:
        with contextlib.suppress(*_NOT_NOW):
            versions["repository"] = repository.guarantees().program_version
    points = listing.every_point if listing is not None else ()
    sets = run.sets if run is not None else ()
    report = next((each for each in sets if each.set == statement.set), None)
    return EvidenceRecord(
        id=statement.id,
        subject=statement.subject,
        by=statement.by,
        repository=statement.repository,
        outcome=statement.outcome,
        started=statement.started,
        ended=statement.ended,
        signer="",
        public_key="",
        number=0,
        set=statement.set,
        point=statement.point,
        manifest=next((each.digest for each in reversed(points) if each.point == statement.point), ""),
        machine=adapters.machine,
        tested=next((each.machine for each in reversed(points) if each.point == statement.point), "") if statement.point else "",
        run=plan.run if plan is not None else "",
        plan=plan.digest if plan is not None else "",
        host=socket.gethostname(),
        versions=versions,
        rto_seconds=statement.rto_seconds,
        rpo_seconds=statement.rpo_seconds,
        bytes=statement.bytes,
        files=statement.files,
        checks_passed=statement.checks_passed,
        checks_planned=statement.checks_planned,
        key=statement.key,
        details=statement.details,
        reading=statement.reading,
        # The step that records has not ended while it records: the outcome is the statement's.
        report=encode(replace(report, outcome=Outcome(statement.outcome))) if report is not None else {},
        journal_sha256=hashlib.sha256(b"".join(journal_line(event) for event in events)).hexdigest(),
        journal_events=len(events),
    )


def _listing(repository: Repository | None) -> Listing | None:
    if repository is None:
        return None
    try:
        return repository.list(maximum_age_seconds=RECENT_SECONDS)
    except _NOT_NOW:
        return None


def _head(adapters: Adapters, folder: EvidenceFolder, signer: Signer, listing: Listing | None) -> EvidenceHead:
    """Return the head of our own chain: from this disk, and where that knows less (a machine made anew) from the repositories.

    A record of a repository counts only if its signature fits: its tags are anybody's word.
    """
    own = newest_heads(each for each in folder.summaries() if each.signer == signer.fingerprint)
    head = own.get(signer.fingerprint)
    listings = [listing] if head is not None else [_listing(each) for each in adapters.repositories.values()]
    for claim, repository in _claims(adapters, signer, listings):
        if head is not None and claim.number <= head.number:
            break
        try:
            document = read_sealed(repository.read(claim.snapshot))
            record = unseal(document)
        except DrtoolError:
            continue
        if record.signer == signer.fingerprint and (head is None or record.number > head.number):
            head = EvidenceHead(record.number, document.digest)
    return head or EvidenceHead(0, "")


def _claims(adapters: Adapters, signer: Signer, listings: Iterable[Listing | None]) -> list[tuple[Evidence, Repository]]:
    claims = [
        (each, adapters.repositories[listing.repository])
        for listing in listings
        if listing is not None
        for each in listing.evidence
        if each.signer == signer.fingerprint
    ]
    return sorted(claims, key=lambda claim: claim[0].number, reverse=True)


def _append(adapters: Adapters, repository: Repository, document: SignedEvidence) -> str:
    policy = adapters.policy.repositories.get(repository.name)
    window = policy.timeout.total_seconds() if policy is not None else 0.0
    return attempt(lambda: repository.append(document), clock=adapters.clock, window_seconds=window, on_retry=lambda _error, _seconds: None)


def _bring_the_rest(adapters: Adapters, folder: EvidenceFolder, repository: Repository, present: set[tuple[str, str]]) -> None:
    """Append what this repository did not take earlier, so that its chain has no gap; what it had once and lost is never put back.

    Another policy of this state directory may call a repository of its own by the same name: its records wait for that one.
    """
    for kept in folder.all():
        record = kept.record()
        if record is None or kept.snapshot or (record.id, kept.document.digest) in present:
            continue
        if (record.by, record.repository) != (adapters.policy.name, repository.name):
            continue
        try:
            folder.save(kept.id, kept.document, snapshot=_append(adapters, repository, kept.document))
        except (*_NOT_NOW, Corrupt):
            return
