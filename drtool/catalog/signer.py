from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drtool.catalog import sshsig
from drtool.catalog.storage import make_folder, write_atomically
from drtool.model.errors import Refused
from drtool.openness import opening_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs evidence here: an Ed25519 key, its public half as OpenSSH writes it, and its fingerprint."""

    key: Ed25519PrivateKey
    public_key: str
    fingerprint: str

    def sign(self, message: bytes, *, namespace: str = sshsig.NAMESPACE) -> str:
        """Return the armoured signature of a message."""
        return sshsig.sign(self.key, message, namespace=namespace)


def read_signer(text: str, *, where: str) -> Signer:
    """Return the signer of an OpenSSH private key; Refused when it is none, has a passphrase, or is not Ed25519."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only who signs pays for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key  # noqa: PLC0415

    hint = "ssh-keygen -t ed25519 -N '' -f FILE makes one"
    try:
        key = load_ssh_private_key(text.strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(f"the key {where} cannot sign evidence: it is no OpenSSH private key without a passphrase", hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(f"the key {where} cannot sign evidence: it is not of the type ed25519", hint=hint)
    return _signer(key)


def key_file_signer(path: str) -> Signer:
    """Return the signer of a key file, made (0600) when there is none; Refused when it cannot be read or written."""
    try:
        if not os.path.lexists(path):
            _make(path)
        opening = opening_of(path, private=True)
        if opening is not None and (opening.anybody or opening.path == os.path.realpath(path)):
            raise Refused(f"the signing key is not used: {opening.words}", hint=opening.remedy, safe="what was signed before stands")
        with open(path, encoding="ascii", errors="replace") as stream:
            return read_signer(stream.read(), where=path)
    except OSError as error:
        raise Refused(
            f"the signing key {path} cannot be had: {error.strerror}", hint="look at its folder, or name another key in `evidence:`"
        ) from None


def _make(path: str) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    make_folder(os.path.dirname(path))
    write_atomically(path, text)


def _signer(key: Ed25519PrivateKey) -> Signer:
    public = sshsig.public_line(key)
    return Signer(key, public, sshsig.fingerprint(public))
