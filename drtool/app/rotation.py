"""Changing the key that signs points and evidence, so that whoever accepted the old one accepts the new one, and the old one no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drtool.app.listings import listings as listings_of
from drtool.app.notary import Notary
from drtool.app.runtime import Runtime
from drtool.app.working import alone_with, working
from drtool.catalog.allowed_signers import allowed_line
from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.catalog.rotation import opened_rotations, sign_rotation
from drtool.catalog.signer import Signer
from drtool.engine.attest import evidence_folder
from drtool.model.errors import DrtoolError, Interrupted, Refused, Unavailable
from drtool.model.inventory import Listing
from drtool.model.policy import Policy
from drtool.model.rotation import Rotation, SignedRotation
from drtool.model.secret import SecretReference
from drtool.planning.rotating import AGAIN, last_words, require_counted, require_fresh, require_one_successor, require_unreplaced
from drtool.planning.succession import lineage


def signer_to_replace(runtime: Runtime, to: SecretReference | None = None) -> str:
    """Return the key whose place a rotation would give to another; empty where it would only finish one that was begun."""
    with working(runtime):
        return Rotating(runtime).to_replace(to)


def rotate_signer(runtime: Runtime, to: SecretReference | None = None) -> RotatedSigner:
    """Let a new signing key take the place of ours, signed by both; killed anywhere, the same call goes on."""
    with alone_with(runtime, tuple(runtime.policy.sets)):
        return Rotating(runtime).rotate(to)


@dataclass(frozen=True, slots=True)
class RotatedSigner:
    """What a rotation did: the fingerprints, where it is told, and what a person must do next (empty: it is done)."""

    old: str
    new: str
    allowed: str
    """The new key's line for a file of allowed signers."""
    repositories: tuple[str, ...]
    points: int = 0
    """How many points by the old key still count."""
    resumed: bool = False
    """An earlier call had put the new key in place."""
    next: tuple[str, ...] = ()
    done: bool = False
    """It was all done before this call."""


@dataclass(frozen=True, slots=True)
class Rotating:
    """A rotation of the signing key of one policy.

    Its steps, each of which may be the last before the power fails: the new key lies beside the old; both sign that it follows, on this
    disk and in every repository; it takes the old one's place, in one step; it signs what the old one had signed, everywhere. Only from
    there on does the old one count no more, so that what runs in between loses nothing.
    """

    runtime: Runtime

    @property
    def _notary(self) -> Notary:
        return self.runtime.notary

    @property
    def _policy(self) -> Policy:
        return self.runtime.policy

    def rotate(self, to: SecretReference | None = None) -> RotatedSigner:
        """Rotate, or go on with what an earlier call began; Refused where the policy would not let the new key count."""
        folder = evidence_folder(self.runtime.adapters)
        listings = self._listings()
        current = folder.signer()
        self._notary.own(current.fingerprint)
        require_unreplaced(current.fingerprint, self._notary.ours().retired)
        finished = self._unfinished(folder, current, listings)
        if to is None and not folder.has_successor:
            if finished is not None:
                return finished
            self._require_one_successor(folder, current, listings)
            if folder.reference is not None:
                raise Refused(
                    f"the policy names the signing key, {folder.reference}: drtool does not write there",
                    hint=f"make a new one (ssh-keygen -t ed25519 -N '' -f FILE), then: {AGAIN} --to file:FILE",
                    safe="nothing was changed",
                )
        new = folder.successor(to)
        if new.fingerprint == current.fingerprint:
            return finished or self._done(folder, current, listings) or _refuse_same(to)
        self._require_one_successor(folder, current, listings, new)
        require_fresh(new.fingerprint, self._notary.acceptance, self._notary.ours().retired)
        require_counted(current.fingerprint, new.fingerprint, public_key=new.public_key, listed=self._policy.signers)
        listings = self._listings() if finished is not None else listings
        self._notary.own(new.fingerprint)
        self._announce(folder, current, new, listings)
        if to is not None:
            return RotatedSigner(
                current.fingerprint,
                new.fingerprint,
                self._allowed(new),
                tuple(listings),
                next=(f'write into the policy: evidence: {{key: "{to}"}}', f"then, before the next run: {AGAIN} --to {to}"),
            )
        listings = self._listings()  # with the first word in it, and what another run sealed meanwhile
        folder.succeed()
        return self._finish(folder, current.fingerprint, new, listings, resumed=False)

    def to_replace(self, to: SecretReference | None = None) -> str:
        """Return the key that `rotate` would replace; empty where it would only finish what was begun, or where all is done."""
        folder = evidence_folder(self.runtime.adapters)
        current = folder.signer()
        if to is not None:
            return "" if folder.successor(to).fingerprint == current.fingerprint else current.fingerprint
        if folder.has_successor:
            return current.fingerprint
        return "" if self._begun(folder, current, self._listings()) else current.fingerprint

    def _unfinished(self, folder: EvidenceFolder, current: Signer, listings: Mapping[str, Listing]) -> RotatedSigner | None:
        """Finish what led to the key that signs now; None where all of it is told everywhere."""
        old = self._begun(folder, current, listings)
        return self._finish(folder, old, current, listings, resumed=True) if old else None

    def _begun(self, folder: EvidenceFolder, current: Signer, listings: Mapping[str, Listing]) -> str:
        """Return the key in whose place the one that signs now was put, where that is not told everywhere yet; else nothing."""
        told = lineage(current.fingerprint, self._known(folder, listings))
        for old in self._before(folder, current, told):
            ended = any(one.final and (one.old, one.new) == (old, current.fingerprint) for one in told)
            if not ended or self._lacking(folder, current, listings):
                return old
        return ""

    def _done(self, folder: EvidenceFolder, current: Signer, listings: Mapping[str, Listing]) -> RotatedSigner | None:
        """Say that the key that signs now has taken another's place already; None where it never did."""
        before = self._before(folder, current, lineage(current.fingerprint, self._known(folder, listings)))
        if not before:
            return None
        return RotatedSigner(before[-1], current.fingerprint, self._allowed(current), tuple(listings), done=True)

    def _before(self, folder: EvidenceFolder, current: Signer, told: tuple[Rotation, ...]) -> tuple[str, ...]:
        own = {*self._notary.acceptance.signers, *(each.old for each in self._kept(folder))}  # anybody may be said to have been before us
        return tuple(each.old for each in told if each.new == current.fingerprint and not each.final and each.old in own)

    def _finish(self, folder: EvidenceFolder, old: str, new: Signer, listings: Mapping[str, Listing], *, resumed: bool) -> RotatedSigner:
        known = self._known(folder, listings)
        points = {each.digest: each for listing in listings.values() for each in listing.points if each.signer == old}
        if not any(each.final and (each.old, each.new) == (old, new.fingerprint) for each in known):
            first, *more = last_words(self._word(old, new), listings, folder.summaries(), sets=self._policy.sets.keys())
            words = (first, *(replace(each, id=self.runtime.clock.fresh_id()) for each in more))
            self._keep(folder, *(sign_rotation(each, new=new) for each in words))
        self._publish(folder, new, listings)
        self._require_retired(old, new)
        return RotatedSigner(old, new.fingerprint, self._allowed(new), tuple(listings), points=len(points), resumed=resumed)

    def _announce(self, folder: EvidenceFolder, old: Signer, new: Signer, listings: Mapping[str, Listing]) -> None:
        known = self._known(folder, listings)
        if not any((each.old, each.new, each.final) == (old.fingerprint, new.fingerprint, False) for each in known):
            self._keep(folder, sign_rotation(self._word(old.fingerprint, new), new=new, old=old))
        self._publish(folder, new, listings)

    def _word(self, old: str, new: Signer) -> Rotation:
        clock = self.runtime.clock
        return Rotation(clock.fresh_id(), self._policy.name, self._notary.machine, old, new.fingerprint, clock.now())

    def _keep(self, folder: EvidenceFolder, *signed: SignedRotation) -> None:
        said = opened_rotations(signed, by=self._policy.name)
        folder.keep_rotation(said[0].id, signed)
        for each in said:
            self._notary.said(each)

    def _kept(self, folder: EvidenceFolder) -> tuple[Rotation, ...]:
        return opened_rotations(folder.rotations(), by=self._policy.name)

    def _known(self, folder: EvidenceFolder, listings: Mapping[str, Listing]) -> tuple[Rotation, ...]:
        return opened_rotations(self._said(folder, listings), by=self._policy.name)

    @staticmethod
    def _said(folder: EvidenceFolder, listings: Mapping[str, Listing]) -> tuple[SignedRotation, ...]:
        there = (each for listing in listings.values() for each in listing.rotations)
        return tuple(dict.fromkeys((*folder.rotations(), *there)))

    def _lacking(self, folder: EvidenceFolder, new: Signer, listings: Mapping[str, Listing]) -> dict[str, list[SignedRotation]]:
        """Return what leads to a key and is not told in a repository yet."""
        by = self._policy.name
        said = self._said(folder, listings)
        accepted = self._notary.ours().signers  # who has a key of ours may say that it followed another
        line = {each for each in lineage(new.fingerprint, opened_rotations(said, by=by)) if each.old in accepted}
        wanted = [each for each in said if any(one in line for one in opened_rotations((each,), by=by))]
        lacking = {name: [each for each in wanted if each not in listing.rotations] for name, listing in listings.items()}
        return {name: records for name, records in lacking.items() if records}

    def _publish(self, folder: EvidenceFolder, new: Signer, listings: Mapping[str, Listing]) -> None:
        failed: list[str] = []
        for name, records in self._lacking(folder, new, listings).items():
            try:
                for each in records:
                    self.runtime.adapters.repositories[name].append(each)
            except Interrupted:
                raise
            except DrtoolError as error:
                failed.append(f"{name}: {error.what}")
        if failed:
            raise Unavailable(
                f"not every repository took the record of the new key: {'; '.join(failed)}",
                hint=f"when it answers, the same again: {AGAIN}; one that is gone for good leaves the policy first",
                safe="every point by the old key still counts",
            )

    def _listings(self) -> Mapping[str, Listing]:
        listings = listings_of(self.runtime, refresh=True)
        unread = [f"{name}: {listing.problem.what}" for name, listing in listings.items() if listing.problem is not None]
        if unread:
            raise Unavailable(
                f"a new key is told in every repository, and not all can be read: {'; '.join(unread)}",
                hint=f"when it answers, the same again: {AGAIN}; one that is gone for good leaves the policy first",
                safe="the key that signs is the same as before",
            )
        return listings

    def _require_one_successor(
        self, folder: EvidenceFolder, current: Signer, listings: Mapping[str, Listing], new: Signer | None = None
    ) -> None:
        require_one_successor(
            current.fingerprint,
            new.fingerprint if new is not None else "",
            said={each.new for each in self._kept(folder) if not each.final and each.old == current.fingerprint},
            known=self._notary.acceptance,
            there=self._known(folder, listings),
            decided=bool(self._policy.signers),
            named=folder.reference is not None,
        )

    def _require_retired(self, old: str, new: Signer) -> None:
        """Read once more: the old key counts no more only where this shows."""
        blind = []
        for name, listing in listings_of(self.runtime, refresh=True).items():
            there = opened_rotations(listing.rotations, by=self._policy.name)
            if listing.problem is None and not any(each.final and (each.old, each.new) == (old, new.fingerprint) for each in there):
                blind.append(name)
        if blind:
            raise Unavailable(
                f"{new.fingerprint} signs here now, and the record of that does not show in {', '.join(blind)}: there the old key counts",
                hint=f"the same again: {AGAIN}",
                safe="every point by the old key still counts",
            )
        if old not in self._notary.ours().retired:
            raise Refused(
                f"{new.fingerprint} signs here now, and the old key, {old}, still counts: something decides otherwise",
                hint="look at `signers:` of the policy, and at what is claimed of the old key: drtool doctor",
                safe="every point by the old key still counts",
            )

    def _allowed(self, new: Signer) -> str:
        return allowed_line((self._policy.name,), new.public_key)


def _refuse_same(to: SecretReference | None) -> RotatedSigner:
    raise Refused(
        f"{to} is the key that signs here already",
        hint=f"make another (ssh-keygen -t ed25519 -N '' -f FILE), then: {AGAIN} --to file:FILE",
        safe="nothing was changed",
    )
