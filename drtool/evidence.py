"""What was proven: the evidence of every repository and of this host's disk, looked at, held against its signatures, handed out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from drtool.catalog import manifest as manifests
from drtool.catalog.allowed_signers import read_allowed
from drtool.catalog.chain import Exhibit, examine
from drtool.catalog.evidence_folder import EvidenceFolder, KeptEvidence
from drtool.catalog.portfolio import write_portfolio
from drtool.catalog.rotation import public_keys
from drtool.catalog.seal import read_sealed, unseal
from drtool.engine.attest import evidence_folder
from drtool.engine.hands import Hands
from drtool.engine.observe import observe
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.evidence import Evidence, EvidenceRecord, SignedEvidence
from drtool.model.examination import EvidenceView, Examination, SeenHead
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.model.standing import Standing
from drtool.model.view import ShownEvidence
from drtool.planning.succession import MOST_STEPS, Succession

DISK = "this disk"


@dataclass(frozen=True, slots=True)
class EvidenceDesk:
    """The evidence of one policy's repositories, whoever wrote it, and of this host."""

    hands: Hands
    succession: Callable[[], Succession]
    """Which keys count here, and which follow them."""

    @property
    def folder(self) -> EvidenceFolder:
        """What this host keeps; Refused when there is no state directory."""
        return evidence_folder(self.hands)

    def listings(self) -> Mapping[str, Listing]:
        """List every repository; one that cannot be read says so in its listing."""
        return observe(self.hands, repositories=self.hands.repositories).repositories

    def views(self, listings: Mapping[str, Listing], *, set_name: str | None = None) -> tuple[EvidenceView, ...]:
        """Return all evidence (of a set), newest first, each piece with the repositories that hold it."""
        found: dict[str, Evidence] = {each.id: each for each in self.folder.summaries()}
        places: dict[str, list[str]] = {identifier: [] for identifier in found}
        for name, listing in listings.items():
            for each in listing.evidence:
                found.setdefault(each.id, each)
                places.setdefault(each.id, []).append(name)
        wanted = (each for each in found.values() if set_name in (None, each.set))
        ordered = sorted(wanted, key=lambda each: (each.ended, each.id), reverse=True)
        return tuple(EvidenceView(each, tuple(dict.fromkeys(places[each.id]))) for each in ordered)

    def find(self, name: str) -> tuple[EvidenceView, SignedEvidence | None]:
        """Return a piece of evidence by its id, or a unique beginning or end of it, and its document (None: it was never signed)."""
        listings = self.listings()
        wanted = name.upper()
        matches = [view for view in self.views(listings) if view.evidence.id.startswith(wanted) or view.evidence.id.endswith(wanted)]
        if len(matches) != 1:
            count = "no evidence is" if not matches else f"{len(matches)} pieces of evidence are"
            raise NotFound(f"{count} called {name}", hint="drtool evidence list")
        view = matches[0]
        if not view.evidence.signer:
            return view, None
        return view, self._document(view, listings)

    def show(self, name: str) -> ShownEvidence:
        """Return a piece of evidence, what it says, and what is wrong with its signature."""
        view, document = self.find(name)
        if document is None:
            return ShownEvidence(view)
        try:
            return ShownEvidence(view, unseal(document))
        except Corrupt as error:
            return ShownEvidence(view, fault=error.what)

    def examine(self, *, allowed_signers: str | None = None) -> Examination:
        """Check every signature, every chain, and the heads in all manifests; with a file of allowed signers also who signed.

        Who follows a key that the file still allows is allowed, too.
        """
        allowed = _allowed(allowed_signers)
        listings = self.listings()
        followed = self.succession().followed
        if allowed is not None:
            said = (*self.folder.rotations(), *(each for listing in listings.values() for each in listing.rotations))
            allowed = _following(allowed, followed, public_keys(said), now=self.hands.clock.now())
        unread = [f"{name}: {listing.problem.what}" for name, listing in listings.items() if listing.problem is not None]
        heads = tuple(self._heads(listings, unread.append))
        return examine(
            (*self._stored(listings), *self._kept(listings)),
            heads,
            allowed=allowed,
            unread=tuple(unread),
            replaced={each.old: each.new for each in followed},
        )

    def export(self, directory: str) -> Mapping[str, Any]:
        """Write every signed record, its signature, who may sign, and an index for an auditor into an empty directory."""
        listings = self.listings()
        unread = [name for name, listing in listings.items() if listing.problem is not None]
        documents: dict[str, SignedEvidence] = {}
        faulty: list[str] = []
        for exhibit in (*self._kept(listings), *self._stored(listings)):
            if exhibit.document is None:
                faulty += [exhibit.id] if exhibit.problem else []
                continue
            try:
                record = unseal(exhibit.document)
            except Corrupt:
                faulty.append(exhibit.id)
            else:
                documents[record.id] = exhibit.document
        unsigned = sorted({each.id for listing in listings.values() for each in listing.evidence if not each.signer})
        left_out = {"unsigned": unsigned, "faulty": sorted(set(faulty)), "unread": unread}
        return write_portfolio(directory, documents.values(), now=self.hands.clock.now(), left_out=left_out)

    def _document(self, view: EvidenceView, listings: Mapping[str, Listing]) -> SignedEvidence:
        for kept in self.folder.all():
            if kept.id == view.evidence.id:
                return kept.document
        last: DrtoolError | None = None
        for name in view.repositories:
            for each in listings[name].evidence:
                if each.id == view.evidence.id:
                    try:
                        return read_sealed(self.hands.repositories[name].read(each.snapshot))
                    except DrtoolError as error:
                        last = error
        raise last or NotFound(f"no repository gives the evidence {view.evidence.id}", hint="drtool evidence verify")

    def _stored(self, listings: Mapping[str, Listing]) -> Iterator[Exhibit]:
        for name, listing in listings.items():
            for each in listing.evidence:
                if not each.signer:
                    yield Exhibit(name, each.id, listed=each)
                    continue
                try:
                    document = read_sealed(self.hands.repositories[name].read(each.snapshot))
                except Interrupted:
                    raise
                except DrtoolError as error:
                    yield Exhibit(name, each.id, listed=each, problem=error.what)
                else:
                    yield Exhibit(name, each.id, listed=each, document=document)

    def _kept(self, listings: Mapping[str, Listing]) -> Iterator[Exhibit]:
        for kept in self.folder.all():
            yield Exhibit(DISK, kept.id, document=kept.document, gone_from=_gone_from(kept, listings))
        for identifier in self.folder.damaged():
            yield Exhibit(DISK, identifier, problem=f"{identifier}.json cannot be read")

    def _heads(self, listings: Mapping[str, Listing], cannot_read: Callable[[str], None]) -> Iterator[SeenHead]:
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
                    manifest = manifests.read(self.hands.repositories[name].read(point.manifest), digest=point.digest)
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


def _gone_from(kept: KeptEvidence, listings: Mapping[str, Listing]) -> str:
    """Name the repository that took this piece and, although it can be read, shows it no more."""
    record: EvidenceRecord | None = kept.record()
    listing = listings.get(record.repository) if record is not None else None
    if not kept.snapshot or listing is None or listing.problem is not None:
        return ""
    return "" if any(each.id == kept.id for each in listing.evidence) else listing.repository


def _following(
    allowed: Callable[[EvidenceRecord], bool], followed: Iterable[Rotation], keys: Mapping[str, str], *, now: datetime
) -> Callable[[EvidenceRecord], bool]:
    """Allow those, too, who follow a key that is allowed now: who has one that the file ended dates its succession as he likes."""
    before: dict[str, list[Rotation]] = {}
    for each in followed:
        before.setdefault(each.new, []).append(each)

    def may(record: EvidenceRecord, signer: str, steps: int) -> bool:
        if allowed(record):
            return True
        return steps > 0 and any(
            may(replace(record, public_key=keys.get(each.old, ""), ended=now), each.old, steps - 1) for each in before.get(signer, ())
        )

    return lambda record: may(record, record.signer, MOST_STEPS)


def _allowed(path: str | None) -> Callable[[EvidenceRecord], bool] | None:
    if path is None:
        return None
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:
            return read_allowed(stream.read())
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}", hint="name a file in the format of ssh-keygen(1), ALLOWED SIGNERS") from None
