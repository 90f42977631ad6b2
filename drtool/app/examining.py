"""Evidence held against its signatures and chains, and handed out to an auditor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from drtool.app.evidence import evidence_listings
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.catalog import manifest as manifests
from drtool.catalog.allowed_signers import read_allowed
from drtool.catalog.chain import Exhibit, examine
from drtool.catalog.evidence_bundle import write_evidence_bundle
from drtool.catalog.evidence_folder import KeptEvidence
from drtool.catalog.rotation import public_keys
from drtool.catalog.seal import read_sealed, unseal
from drtool.engine.attest import evidence_folder
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, Refused
from drtool.model.evidence import EvidenceRecord, SignedEvidence
from drtool.model.examination import Examination, SeenHead
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.standing import Standing
from drtool.planning.rotating import following

DISK = "this disk"


def evidence_verify(runtime: Runtime, allowed_signers: str | None = None) -> Examination:
    """Check every signature, every chain, and the heads in all manifests; with a file of allowed signers also who signed.

    Who follows a key that the file still allows is allowed, too.
    """
    with working(runtime):
        return _examine(runtime, _allowed(allowed_signers))


def _examine(runtime: Runtime, allowed: Callable[[EvidenceRecord], bool] | None) -> Examination:
    listings = evidence_listings(runtime)
    followed = runtime.notary.succession().followed
    if allowed is not None:
        said = (*evidence_folder(runtime.adapters).rotations(), *(each for listing in listings.values() for each in listing.rotations))
        allowed = following(allowed, followed, public_keys(said), now=runtime.adapters.clock.now())
    unread = [f"{name}: {listing.problem.what}" for name, listing in listings.items() if listing.problem is not None]
    heads = tuple(_heads(runtime, listings, unread.append))
    return examine(
        (*_stored(runtime, listings), *_kept(runtime, listings)),
        heads,
        allowed=allowed,
        unread=tuple(unread),
        replaced={each.old: each.new for each in followed},
    )


def evidence_export(runtime: Runtime, directory: str) -> Mapping[str, Any]:
    """Write every signed record, its signature, who may sign, and an index for an auditor into an empty directory."""
    with working(runtime):
        return _export(runtime, directory)


def _export(runtime: Runtime, directory: str) -> Mapping[str, Any]:
    listings = evidence_listings(runtime)
    unread = [name for name, listing in listings.items() if listing.problem is not None]
    documents: dict[str, SignedEvidence] = {}
    faulty: list[str] = []
    for exhibit in (*_kept(runtime, listings), *_stored(runtime, listings)):
        if exhibit.document is None:
            faulty += [exhibit.id] if exhibit.problem else []
            continue
        try:
            unseal(exhibit.document)
        except Corrupt:
            faulty.append(exhibit.id)
        else:
            documents[exhibit.document.digest] = exhibit.document
    unsigned = sorted({each.id for listing in listings.values() for each in listing.evidence if not each.signer})
    left_out = {"unsigned": unsigned, "faulty": sorted(set(faulty)), "unread": unread}
    return write_evidence_bundle(directory, documents.values(), now=runtime.adapters.clock.now(), left_out=left_out)


def _stored(runtime: Runtime, listings: Mapping[str, Listing]) -> Iterator[Exhibit]:
    for name, listing in listings.items():
        for each in listing.evidence:
            if not each.signer:
                yield Exhibit(name, each.id, listed=each)
                continue
            try:
                document = read_sealed(runtime.adapters.repositories[name].read(each.snapshot))
            except Interrupted:
                raise
            except DrtoolError as error:
                yield Exhibit(name, each.id, listed=each, problem=error.what)
            else:
                yield Exhibit(name, each.id, listed=each, document=document)


def _kept(runtime: Runtime, listings: Mapping[str, Listing]) -> Iterator[Exhibit]:
    for kept in evidence_folder(runtime.adapters).all():
        elsewhere = _other_policy(kept, runtime.policy.name)
        gone_from = "" if elsewhere else _gone_from(kept, listings)
        yield Exhibit(DISK, kept.id, document=kept.document, gone_from=gone_from, elsewhere=elsewhere)
    for identifier in evidence_folder(runtime.adapters).damaged():
        yield Exhibit(DISK, identifier, problem=f"{identifier}.json cannot be read")


def _heads(runtime: Runtime, listings: Mapping[str, Listing], cannot_read: Callable[[str], None]) -> Iterator[SeenHead]:
    """Read the heads of every point's manifest, from the first repository that gives it as it was sealed."""
    points: dict[str, list[str]] = {}
    sealed = {name: {point.point: point for point in _signed_or_ours(listing)} for name, listing in listings.items()}
    for name, here in sealed.items():
        for identifier in here:
            points.setdefault(identifier, []).append(name)
    for identifier, names in points.items():
        last = ""
        for name in names:
            point = sealed[name][identifier]
            try:
                manifest = manifests.read(runtime.adapters.repositories[name].read(point.manifest), digest=point.digest)
            except Interrupted:
                raise
            except DrtoolError as error:
                last = f"the manifest of {identifier} in {name}: {error.what}"
                continue
            yield from (SeenHead(signer, head, identifier, name) for signer, head in manifest.evidence.items())
            break
        else:
            cannot_read(last)


def _signed_or_ours(listing: Listing) -> Iterator[RecoveryPoint]:
    """Return whose manifests are heard of chains: ours, and what another machine of our name signed; anybody else would only cry wolf."""
    yield from (each for each in listing.others if each.standing == Standing.ANOTHER_MACHINE)
    yield from listing.points


def _other_policy(kept: KeptEvidence, name: str) -> str:
    """Return the other policy that this piece was signed for, empty if it is this one's: a repository's name means something else there.

    What bears no good signature says of nobody whose it is.
    """
    record: EvidenceRecord | None = kept.record()
    return record.by if record is not None and record.by != name else ""


def _gone_from(kept: KeptEvidence, listings: Mapping[str, Listing]) -> str:
    """Name the repository that took this piece and, although it can be read, shows it no more.

    One there that claims to be it, by id and signer, is judged by itself: it was edited. One that another signed is not it.
    """
    record: EvidenceRecord | None = kept.record()
    listing = listings.get(record.repository) if record is not None else None
    if record is None or not kept.snapshot or listing is None or listing.problem is not None:
        return ""
    stored = any((each.id, each.signer) == (kept.id, record.signer) for each in listing.evidence)
    return "" if stored else listing.repository


def _allowed(path: str | None) -> Callable[[EvidenceRecord], bool] | None:
    if path is None:
        return None
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:
            return read_allowed(stream.read())
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}", hint="name a file in the format of ssh-keygen(1), ALLOWED SIGNERS") from None
