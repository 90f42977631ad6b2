"""What was proven: the evidence of every repository, whoever wrote it, and of this host's disk, looked at and shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.catalog.acceptance import sharing
from drtool.catalog.seal import read_sealed, unseal
from drtool.catalog.signer import Signer
from drtool.engine.attest import evidence_folder
from drtool.engine.observe import observe
from drtool.model.errors import Corrupt, DrtoolError, NotFound
from drtool.model.evidence import Evidence, SignedEvidence
from drtool.model.examination import EvidenceView
from drtool.model.inventory import Listing
from drtool.model.view import ShownEvidence


def signer(runtime: Runtime) -> Signer:
    """Return who signs evidence on this host; its key is made when there is none."""
    return evidence_folder(runtime.adapters).signer()


def shared_signer(runtime: Runtime) -> tuple[str, ...]:
    """Return the other policies for which this state directory signs with the same key."""
    return sharing(runtime.state_directory, by=runtime.policy.name, signer=signer(runtime).fingerprint)


def evidence_list(runtime: Runtime, set_name: str | None = None) -> tuple[tuple[EvidenceView, ...], tuple[str, ...]]:
    """Return all evidence (of a set), newest first, and what could not be read."""
    with working(runtime):
        listings = evidence_listings(runtime)
    unread = tuple(f"{name}: {listing.problem.what}" for name, listing in listings.items() if listing.problem is not None)
    return _views(runtime, listings, set_name=set_name), unread


def evidence_listings(runtime: Runtime) -> Mapping[str, Listing]:
    """List every repository; one that cannot be read says so in its listing."""
    return observe(runtime.adapters, repositories=runtime.adapters.repositories).repositories


def evidence_show(runtime: Runtime, name: str) -> ShownEvidence:
    """Return a piece of evidence, what it says, and what is wrong with its signature."""
    with working(runtime):
        view, document = _find(runtime, name)
    if document is None:
        return ShownEvidence(view)
    try:
        record = unseal(document)
    except Corrupt as error:
        return ShownEvidence(view, fault=error.what)
    return ShownEvidence(replace(view, evidence=_as_signed(document, view.evidence)), record)


def _as_signed(document: SignedEvidence, listed: Evidence) -> Evidence:
    """Return what was signed, whatever the tags of a listing tell, and what the listing knows of its standing."""
    told = {"snapshot", "tags_signer", "unsigned", "counts", "retired", "untold", "copied"}
    return replace(document.summary(), **{name: getattr(listed, name) for name in told})


def _views(runtime: Runtime, listings: Mapping[str, Listing], *, set_name: str | None = None) -> tuple[EvidenceView, ...]:
    """Return all evidence (of a set), newest first, each piece with the repositories that hold it."""
    found = {_mark(each): each for each in evidence_folder(runtime.adapters).summaries()}
    places: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    originals: set[tuple[str, str]] = set()
    copies: set[tuple[str, str]] = set()
    for name, listing in listings.items():
        for each in listing.evidence:
            known = found.setdefault(_mark(each), each)
            if each.counts and not known.counts:
                found[_mark(each)] = each
            places[_mark(each)].append(name)
            (copies if each.copied else originals).add(_mark(each))
    found |= {mark: replace(found[mark], copied=mark not in originals) for mark in copies}
    wanted = (each for each in found.values() if set_name in (None, each.set))
    ordered = sorted(wanted, key=lambda each: (each.ended, each.id, each.digest), reverse=True)
    return tuple(EvidenceView(each, tuple(dict.fromkeys(places[_mark(each)]))) for each in ordered)


def _mark(evidence: Evidence) -> tuple[str, str]:
    """Return what tells one piece from another: anybody may give his own the id of ours."""
    return evidence.id, evidence.digest


def _find(runtime: Runtime, name: str) -> tuple[EvidenceView, SignedEvidence | None]:
    """Return a piece of evidence by its id, or a unique beginning or end of it, and its document (None: it was never signed)."""
    listings = evidence_listings(runtime)
    wanted = name.upper()
    matches = [view for view in _views(runtime, listings) if view.evidence.id.startswith(wanted) or view.evidence.id.endswith(wanted)]
    if len({view.evidence.id for view in matches}) == 1:
        matches = [view for view in matches if view.evidence.counts] or matches
    if len(matches) != 1:
        count = "no evidence is" if not matches else f"{len(matches)} pieces of evidence are"
        raise NotFound(f"{count} called {name}", hint="drtool evidence list")
    view = matches[0]
    if not view.evidence.signer:
        return view, None
    return view, _document(runtime, view, listings)


def _document(runtime: Runtime, view: EvidenceView, listings: Mapping[str, Listing]) -> SignedEvidence:
    for kept in evidence_folder(runtime.adapters).all():
        if (kept.id, kept.document.digest) == _mark(view.evidence):
            return kept.document
    last: DrtoolError | None = None
    for name in view.repositories:
        for each in listings[name].evidence:
            if _mark(each) == _mark(view.evidence):
                try:
                    return read_sealed(runtime.adapters.repositories[name].read(each.snapshot))
                except DrtoolError as error:
                    last = error
    raise last or NotFound(f"no repository gives the evidence {view.evidence.id}", hint="drtool evidence verify")
