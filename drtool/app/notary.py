"""Signs what the tags of our records say, tells whose signature is on one, and sorts a listing into ours and others'."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from drtool.catalog.acceptance import AcceptanceFile
from drtool.catalog.machine import kept_id, machine_id
from drtool.catalog.rotation import opened_rotations
from drtool.catalog.signer import Signer
from drtool.model.errors import DrtoolError, Refused
from drtool.model.inventory import Listing
from drtool.model.label import LabelProofs
from drtool.model.location import LocationError, parse_location
from drtool.model.policy import Policy
from drtool.model.rotation import Rotation, SignedRotation
from drtool.model.standing import Acceptance, Adoption, Ours
from drtool.planning.first_contact import met, spell_met
from drtool.planning.standing import accepted_directly, judged, ours_of, succession_of
from drtool.planning.succession import Succession, learnt, require_sole, unfinished
from drtool.planning.told import DECIDE


class Notary:
    """Who we are and whom we accept, for one policy and one state directory; `called` is what evidence calls a bare repository.

    Args:
        policy: whose name our points bear, and whose `signers` count.
        state_directory: what makes this a machine of its own.
        environment: may name the machine.
        signer: whose key signs here; asked only when something is signed, or a repository is met for the first time.
        has_signer: whether there is such a key already.
        standing_in: a machine and its signer that count for this call.
        said: what this machine itself said of its keys.
        successor_waits: whether a key lies beside the one that signs.
    """

    def __init__(
        self,
        policy: Policy,
        state_directory: str,
        environment: Mapping[str, str],
        *,
        signer: Callable[[], Signer],
        has_signer: Callable[[], bool],
        standing_in: Adoption | None = None,
        said: Callable[[], tuple[SignedRotation, ...]] = tuple,
        successor_waits: Callable[[], bool] = bool,
    ) -> None:
        self._policy, self._state_directory, self._environment = policy, state_directory, environment
        self._signer, self._has_signer = signer, has_signer
        self._standing_in, self._said, self._successor_waits = standing_in, said, successor_waits
        self._file = AcceptanceFile(state_directory, by=policy.name)
        self._opened: dict[bytes, str] = {}
        self._machine, self.called = "", ""
        self._learnt: frozenset[Rotation] = frozenset()
        self._proofs: LabelProofs | None = None

    @property
    def machine(self) -> str:
        """This machine's id; empty where none can be kept."""
        if not self._machine:
            self._machine = machine_id(self._state_directory, self._environment)
            own = tuple(filter(None, (self._machine, kept_id(self._state_directory))))
            if not set(own) <= set(self._file.load().machines):
                self._file.update(lambda known: replace(known, machines=tuple(dict.fromkeys((*known.machines, *own)))))
        return self._machine

    def label_proofs(self) -> LabelProofs:
        """Return by what labels among a person's data are known to be this state directory's own."""
        from drtool.catalog.label_key import label_proofs, spent_labels  # noqa: PLC0415 - only where labels are read or written

        if self._proofs is None:
            self._proofs = label_proofs(self._state_directory)
        return replace(self._proofs, accepted=frozenset(self._file.load().labels), spent=spent_labels(self._state_directory))

    @property
    def acceptance(self) -> Acceptance:
        """What this state directory knows."""
        return self._file.load()

    def ours(self) -> Ours:
        """Say who counts here."""
        machine = self.machine
        found = ours_of(self._file.load(), by=self._policy.name, signers=self._policy.signers, standing_in=self._standing_in)
        own = frozenset({machine}) if machine else frozenset()
        return replace(found, machines=found.machines | own, only_leftovers=found.only_leftovers - own)

    def sign(self, text: bytes) -> str:
        """Sign what all tags of a record say; Refused when the key cannot be had or counts no more, or this machine has no id."""
        from drtool.catalog.seal import sign_tags  # noqa: PLC0415 - only who signs pays for it

        return sign_tags(self.require_signer(), text)

    def require_signer(self) -> Signer:
        """Return what signs; Refused as by `sign`, which is too late for whoever stores data first."""
        if not self.machine:
            raise Refused(
                f"{self._state_directory} keeps no id of this machine",
                hint="make it writable, remove a damaged file `machine` in it, or set $DRTOOL_MACHINE",
                safe="earlier points are untouched",
            )
        signer = self._signer()
        self.own(signer.fingerprint)
        if signer.fingerprint in self.ours().retired:
            raise Refused(
                f"the key {signer.fingerprint} was replaced by another: nothing counts any more that it signs",
                hint="put the newer key back (`evidence/key` of the state directory); if that is lost, move this one away",
                safe="earlier points are untouched",
            )
        if not self._policy.signers:  # else a person has decided
            known = self._file.load()
            require_sole(signer.fingerprint, known.rotations, but=frozenset(known.signers), ended=True)
        return signer

    def is_heard_by(self, signer: str) -> bool:
        """Tell whether whoever signs with a key accepts ours: it is ours, was taken over, follows one of these, or the policy lists ours.

        One that was only met first, or that the policy lists beside us, never heard of us.
        """
        known = self._file.load()
        taken_over = ours_of(replace(known, first=""), by=self._policy.name, standing_in=self._standing_in).signers
        return signer in taken_over or not set(known.signers).isdisjoint(self._policy.signers)

    def signer_of(self, text: bytes, signature: str) -> str:
        """Return the fingerprint of the key that signed exactly these tags; empty when none did."""
        from drtool.catalog.seal import signer_of_tags  # noqa: PLC0415

        key = hashlib.blake2b(text + b"\0" + signature.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key not in self._opened:  # a run lists often, and copies bear the same tags
            self._opened[key] = signer_of_tags(text, signature)
        return self._opened[key]

    def has_met(self, location: str) -> bool:
        """Tell whether a repository was ever listed at an address."""
        return not _places(location).isdisjoint(self._file.load().contacted)

    def judge(self, listing: Listing, location: str = "") -> Listing:
        """Sort a listing; with `location` a repository that is met for the first time is got to know."""
        found = opened_rotations(listing.rotations, by=self._policy.name)
        if location and listing.problem is None:
            self._meet(listing, location, found)
        self._learn(listing.repository, found)
        return replace(judged(listing, self.ours()), unfinished=self._unfinished(listing, found), called=self.called)

    def succession(self) -> Succession:
        """Say which keys count, and which of them were replaced."""
        return self._followed(self._file.load())

    def said(self, rotation: Rotation) -> None:
        """Remember what this machine itself says of its keys."""
        self._file.update(lambda known: known if rotation in known.rotations else replace(known, rotations=(*known.rotations, rotation)))

    def rotations_in(self, listings: Iterable[Listing]) -> tuple[Rotation, ...]:
        """Return what keys say in our name of which follows which; whether they count is another matter."""
        return opened_rotations((each for listing in listings for each in listing.rotations), by=self._policy.name)

    def adopt(self, change: Callable[[Acceptance], Acceptance]) -> Acceptance:
        """Record what a person accepted."""
        return self._file.update(change)

    def _meet(self, listing: Listing, location: str, rotations: tuple[Rotation, ...]) -> None:
        """Record at first contact what bears no signature, and who alone signed what lies there; later neither is believed any more."""
        known = self._file.load()
        if self.has_met(location):
            return
        if not known.signers and self._has_signer():
            with contextlib.suppress(DrtoolError):  # told where something has to be signed
                self.own(self._signer().fingerprint)
        found = met(listing, by=self._policy.name, rotations=rotations)
        own = self._file.load().signers
        decided, by_name = bool(self._policy.signers), self._standing_in is not None
        untold = spell_met(listing, found, known, own=own, decided=decided, by_name=by_name)
        self._file.update(
            lambda known: replace(
                known,
                first=known.first or found.first,
                contacted=tuple(dict.fromkeys((*known.contacted, *sorted(_places(location))))),
                unsigned=tuple(dict.fromkeys((*known.unsigned, *found.unsigned))),
                untold=(*known.untold, *untold),
            )
        )

    def _learn(self, repository: str, found: tuple[Rotation, ...]) -> None:
        """Remember which key follows which, among those that are accepted: what a thief removes or adds later is known for that."""
        if frozenset(found) <= frozenset(self._file.load().rotations):
            return
        self._file.update(lambda known: self._taught(repository, known, found))

    def _taught(self, repository: str, known: Acceptance, found: tuple[Rotation, ...]) -> Acceptance:
        """Add what is learnt to what is known at this moment: what other calls learnt meanwhile was known before."""
        learned = learnt(
            known.rotations,
            found,
            direct=accepted_directly(known, signers=self._policy.signers, standing_in=self._standing_in),
            own=frozenset(known.signers),
            decided=bool(self._policy.signers),
            before=frozenset(known.rotations) - self._learnt,
        )
        fresh = [each for each in learned if each not in known.rotations]
        if not fresh:
            return known
        self._learnt |= frozenset(fresh)
        grown = replace(known, rotations=learned)
        before, after = self._followed(known), self._followed(grown)
        told = [
            f"{repository}: {each.new} follows the key {each.old} since {each.at:%Y-%m-%d}, signed by both; whether its owner did"
            " that no record can tell, the recovery sheet of then does"
            for each in fresh
            if each in after.followed and each.new not in known.signers
        ]
        told += [f"{repository}: {words}; {DECIDE}" for words in after.disputed if words not in before.disputed]
        return replace(grown, untold=tuple(dict.fromkeys((*known.untold, *told))))

    def _followed(self, known: Acceptance) -> Succession:
        return succession_of(known, signers=self._policy.signers, standing_in=self._standing_in)

    def _unfinished(self, listing: Listing, found: tuple[Rotation, ...]) -> tuple[str, ...]:
        known = self._file.load()
        if listing.problem is not None or not known.signers:
            return ()
        return unfinished(
            known.signers,
            known.rotations,
            kept=opened_rotations(self._said(), by=self._policy.name),
            there=found,
            repository=listing.repository,
            waiting=self._successor_waits(),
            named=self._policy.evidence_key is not None,
        )

    def tell(self) -> tuple[str, ...]:
        """Return what was decided at first contact, once."""
        untold = self._file.load().untold
        if untold:
            self._file.update(lambda known: replace(known, untold=known.untold[len(untold) :]))
        return untold

    def own(self, fingerprint: str) -> None:
        """Remember a key as this machine's own."""
        known = self._file.load()
        if fingerprint not in known.signers:
            self._file.update(lambda each: replace(each, signers=tuple(dict.fromkeys((*each.signers, fingerprint)))))


def _places(location: str) -> frozenset[str]:
    """Return by what a repository's place is known again: as it was written, and as what other spellings of it have in common."""
    spellings = {location}
    with contextlib.suppress(LocationError):
        found = parse_location(location)
        spellings.add(repr(replace(found, path=os.path.realpath(found.path)).place if found.scheme == "path" else found.place))
    return frozenset(hashlib.sha256(each.encode("utf-8", "surrogateescape")).hexdigest()[:16] for each in spellings)


class Witness:
    """Tells whose signature is on a record and judges nobody: for a machine that does not know yet for whom it asks."""

    machine = ""

    def sign(self, text: bytes) -> str:
        del text
        raise Refused("nothing is signed before it is known for whom", safe="nothing was written")

    def signer_of(self, text: bytes, signature: str) -> str:
        from drtool.catalog.seal import signer_of_tags  # noqa: PLC0415

        return signer_of_tags(text, signature)

    def judge(self, listing: Listing, location: str = "") -> Listing:
        del location
        return listing
