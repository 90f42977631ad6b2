from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drtool.catalog.seal import read_sealed, unseal
from drtool.catalog.signer import Signer, key_file_signer, read_signer
from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode, encode
from drtool.model.errors import Corrupt, Refused
from drtool.model.evidence import Evidence, EvidenceRecord, SignedEvidence
from drtool.model.identifier import is_identifier
from drtool.model.rotation import SignedRotation
from drtool.model.secret import Secret, SecretReference


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """A signed document on this host's disk; `snapshot` is what it became in its repository, empty while it lies only here."""

    id: str
    document: SignedEvidence
    snapshot: str = ""

    def record(self) -> EvidenceRecord | None:
        """Return what it says if its signature fits."""
        try:
            return unseal(self.document)
        except Corrupt:
            return None


class EvidenceFolder:
    """What this host signed, and with which key: `<state>/evidence`, private.

    Args:
        state_directory: of this host.
        key: the signing key that the policy names; without one, a key of its own is made at first need.
        resolve: hands out what a secret reference names.
    """

    def __init__(
        self, state_directory: str, *, key: SecretReference | None = None, resolve: Callable[[SecretReference], Secret] | None = None
    ) -> None:
        self.path = os.path.join(state_directory, "evidence")
        self._key, self._resolve = key, resolve

    def signer(self) -> Signer:
        """Return who signs here; Refused when the key cannot be had."""
        if self._key is not None and self._resolve is not None:
            return read_signer(self._resolve(self._key).reveal(), where=str(self._key))
        with self.alone():
            return key_file_signer(os.path.join(self.path, "key"))

    @property
    def reference(self) -> SecretReference | None:
        """What the policy names as the signing key; None: the key of this directory."""
        return self._key

    def successor(self, reference: SecretReference | None = None) -> Signer:
        """Return who signs next: the key beside ours, made when there is none, or the one that a reference names."""
        if reference is not None and self._resolve is not None:
            return read_signer(self._resolve(reference).reveal(), where=str(reference))
        with self.alone():
            return key_file_signer(self._successor_file)

    @property
    def has_successor(self) -> bool:
        """Whether a key lies beside ours that has not taken its place yet."""
        return self._key is None and os.path.lexists(self._successor_file)

    def succeed(self) -> None:
        """Put the key beside ours in its place, in one step; the old one is gone with it."""
        with self.alone():
            try:
                os.replace(self._successor_file, os.path.join(self.path, "key"))
                self._sync(self.path)
            except OSError as error:
                raise Refused(
                    f"the new key cannot be put in place in {self.path}: {error.strerror}", hint="the same command again"
                ) from None

    def keep_rotation(self, identifier: str, signed: tuple[SignedRotation, ...]) -> None:
        """Keep what was said of our keys at once, all of it or nothing: what a repository loses of it is put back from here."""
        folder = os.path.join(self.path, "rotations")
        try:
            make_folder(folder)
            write_atomically(os.path.join(folder, f"{identifier}.json"), canonical(signed if len(signed) > 1 else signed[0]))
            self._sync(folder)
        except OSError as error:
            raise Refused(f"the rotation cannot be kept in {folder}: {error.strerror}", hint="free or repair the state directory") from None

    def rotations(self) -> tuple[SignedRotation, ...]:
        """Return what was kept of that, oldest first."""
        folder = os.path.join(self.path, "rotations")
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
        found = []
        for name in names:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                body = read_json(os.path.join(folder, name))
                found += [decode(SignedRotation, each) for each in (body if isinstance(body, list) else [body])]
        return tuple(found)

    @property
    def _successor_file(self) -> str:
        return os.path.join(self.path, "key.next")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other thread and process of this host from signing: two records must not take one place in the chain."""
        try:
            make_folder(self.path)
            descriptor = os.open(os.path.join(self.path, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Refused(f"{self.path} cannot be written: {error.strerror}", hint="free or repair the state directory") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def save(self, identifier: str, document: SignedEvidence, *, snapshot: str = "") -> None:
        """Keep a document; when this returns it outlives a power failure."""
        body = {**encode(document), "snapshot": snapshot}
        try:
            make_folder(self.path)
            write_atomically(self._file(identifier), canonical(body))
            self._sync(self.path)
        except OSError as error:
            raise Refused(f"evidence cannot be kept in {self.path}: {error.strerror}", hint="free or repair the state directory") from None

    @staticmethod
    def _sync(folder: str) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def all(self) -> Iterator[KeptEvidence]:
        """Yield what is kept, oldest first; what is no document any more is left out (`damaged` names it)."""
        for name in self._names():
            kept = self._read(name)
            if kept is not None:
                yield kept

    def damaged(self) -> tuple[str, ...]:
        """Return the ids of files that hold no document."""
        return tuple(name for name in self._names() if self._read(name) is None)

    def summaries(self) -> tuple[Evidence, ...]:
        """Return what is kept as a listing tells it, if its signature fits."""
        return tuple(kept.document.summary() for kept in self.all() if kept.record() is not None)

    def _names(self) -> list[str]:
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(self.path))
        return [name.removesuffix(".json") for name in names if name.endswith(".json") and is_identifier(name.removesuffix(".json"))]

    def _read(self, identifier: str) -> KeptEvidence | None:
        body = read_json(self._file(identifier))
        try:
            return KeptEvidence(identifier, read_sealed(canonical(body)), str(body.get("snapshot", "")))
        except (Corrupt, AttributeError):
            return None

    def _file(self, identifier: str) -> str:
        return os.path.join(self.path, f"{identifier}.json")
