"""OpenSSH's signature format (PROTOCOL.sshsig) for Ed25519: what `ssh-keygen -Y sign` writes and `ssh-keygen -Y verify` reads."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from drtool.model.errors import Corrupt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_TYPE = "ssh-ed25519"
NAMESPACE = "drtool.evidence"
TAGS_NAMESPACE = "drtool.tags"
"""Of a signature over all tags of a manifest or another record."""
ROTATION_NAMESPACE = "drtool.rotation"
"""Of the two signatures over the record that one key follows another."""
_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_COLUMNS = 70
_HASHES = {"sha512": hashlib.sha512, "sha256": hashlib.sha256}
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
_COMPACT = re.compile(r"[A-Za-z0-9_-]+")
_URL_SAFE, _PLAIN = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")


def sign(key: Ed25519PrivateKey, message: bytes, *, namespace: str = NAMESPACE) -> str:
    """Return the armoured signature of a message."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only who signs pays for it

    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = key.sign(_signed(message, namespace=namespace, hash_name="sha512"))
    parts = (_blob(public), namespace.encode(), b"", b"sha512", _string(KEY_TYPE.encode()) + _string(signature))
    body = base64.b64encode(_MAGIC + struct.pack(">I", _VERSION) + b"".join(map(_string, parts))).decode("ascii")
    return "\n".join([_BEGIN, *(body[start : start + _COLUMNS] for start in range(0, len(body), _COLUMNS)), _END, ""])


def compact(armoured: str) -> str:
    """Return an armoured signature in one line that needs no escaping: base64url without padding."""
    body = "".join(armoured.strip().splitlines()[1:-1])
    return body.translate(_URL_SAFE).rstrip("=")


def armour(line: str) -> str:
    """Return the armoured signature of a compact one; Corrupt when it is not spelt as `compact` spells it."""
    if not _COMPACT.fullmatch(line):
        raise Corrupt("the signature cannot be read")
    body = line.translate(_PLAIN)
    body += "=" * (-len(body) % 4)
    return "\n".join([_BEGIN, *(body[start : start + _COLUMNS] for start in range(0, len(body), _COLUMNS)), _END, ""])


def verify(armoured: str, message: bytes, *, namespace: str = NAMESPACE) -> str:
    """Return the public key that signed exactly this message; Corrupt when the signature does not fit or cannot be read."""
    return _verified(_body(armoured), message, namespace=namespace)


def verify_compact(line: str, message: bytes, *, namespace: str) -> str:
    """Return the public key of a signature in one line as `verify` does: a listing opens one for every record there is."""
    if not _COMPACT.fullmatch(line):
        raise Corrupt("the signature cannot be read")
    return _verified(_data(line.translate(_PLAIN) + "=" * (-len(line) % 4)), message, namespace=namespace)


def _verified(body: bytes, message: bytes, *, namespace: str) -> str:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    blob, rest = _take(body)
    found, rest = _take(rest)
    reserved, rest = _take(rest)
    hash_name, rest = _take(rest)
    wrapped, rest = _take(rest)
    key_type, key_rest = _take(blob)
    key, key_end = _take(key_rest)
    signature_type, signature_rest = _take(wrapped)
    signature, signature_end = _take(signature_rest)
    if rest or key_end or signature_end or reserved or key_type != KEY_TYPE.encode() or signature_type != KEY_TYPE.encode():
        raise Corrupt("the signature is not one of an Ed25519 key")
    if found != namespace.encode():
        raise Corrupt(f"the signature was made for another purpose: {found.decode('utf-8', 'replace')}")
    name = hash_name.decode("ascii", "replace")
    if name not in _HASHES or len(key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        raise Corrupt("the signature cannot be read")
    try:
        _public_key(key).verify(signature, _signed(message, namespace=namespace, hash_name=name))
    except (InvalidSignature, ValueError):
        raise Corrupt("the signature does not fit the record") from None
    return f"{KEY_TYPE} {base64.b64encode(blob).decode('ascii')}"


@lru_cache(maxsize=64)
def _public_key(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    return Ed25519PublicKey.from_public_bytes(raw)


def public_line(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key as OpenSSH writes it: `ssh-ed25519 AAAA…`."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode("ascii")


@lru_cache(maxsize=64)
def fingerprint(public_key: str) -> str:
    """Return the fingerprint of a public key as `ssh-keygen -l` prints it: `SHA256:…`; Corrupt when it is no key."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error):
        raise Corrupt("that is no public key of OpenSSH") from None
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _body(armoured: str) -> bytes:
    lines = armoured.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:  # noqa: PLR2004 - the two borders and something between
        raise Corrupt("that is no signature of OpenSSH")
    return _data("".join(lines[1:-1]))


def _data(body: str) -> bytes:
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Corrupt("the signature cannot be read") from None
    if base64.b64encode(data).decode("ascii") != body:  # bits that say nothing would make one signature look like several
        raise Corrupt("the signature is not spelt as ssh-keygen spells it")
    start = len(_MAGIC) + 4
    if data[:start] != _MAGIC + struct.pack(">I", _VERSION):
        raise Corrupt("that is no signature of a version that is known here")
    return data[start:]


def _signed(message: bytes, *, namespace: str, hash_name: str) -> bytes:
    parts = (namespace.encode(), b"", hash_name.encode(), _HASHES[hash_name](message).digest())
    return _MAGIC + b"".join(map(_string, parts))


def _blob(public: bytes) -> bytes:
    return _string(KEY_TYPE.encode()) + _string(public)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:  # noqa: PLR2004 - the length in front of every part
        raise Corrupt("the signature is cut short")
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise Corrupt("the signature is cut short")
    return data[4 : 4 + length], data[4 + length :]
