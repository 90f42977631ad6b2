"""Signing that one key follows another, and holding such a record against its signatures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from drtool.catalog import sshsig
from drtool.catalog.door import admit_rotation
from drtool.catalog.signer import Signer
from drtool.model import bounds
from drtool.model.codec import canonical, decode, parse
from drtool.model.errors import Corrupt
from drtool.model.rotation import ROTATION_FORMAT, Rotation, SignedRotation


def sign_rotation(rotation: Rotation, *, new: Signer, old: Signer | None = None) -> SignedRotation:
    """Sign a rotation with the new key, and its first word with the old one, too."""
    text = canonical(rotation)
    signatures = [sshsig.compact(each.sign(text, namespace=sshsig.ROTATION_NAMESPACE)) if each is not None else "" for each in (new, old)]
    return SignedRotation(rotation.by, text.decode("ascii"), signatures[0], signatures[1])


def open_rotation(signed: SignedRotation) -> Rotation:
    """Return the rotation whose signatures fit: of the new key, and unless it is the last word of the old one; else Corrupt."""
    if len(signed.record) > bounds.ROTATION_CHARACTERS or not signed.record.isascii():
        raise Corrupt("the rotation is none that drtool writes")
    try:
        rotation = admit_rotation(decode(Rotation, parse(signed.record)))
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"the rotation cannot be read: {error}") from None
    if rotation.by != signed.by or rotation.format.partition("/")[0] != ROTATION_FORMAT.partition("/")[0]:
        raise Corrupt("the rotation speaks for another policy than its tags")
    _require(rotation.new, signed.record, signed.new_signature)
    if not rotation.final:
        _require(rotation.old, signed.record, signed.old_signature)
    elif signed.old_signature:
        raise Corrupt("the last word bears a signature that nobody asked for")
    return rotation


def public_keys(signed: Iterable[SignedRotation]) -> dict[str, str]:
    """Return by fingerprint the keys, as OpenSSH writes them, that signed rotations whose signatures fit."""
    found: dict[str, str] = {}
    for each in signed:
        if _opened(each) is not None:
            for signature in filter(None, (each.new_signature, each.old_signature)):
                key = sshsig.verify(sshsig.armour(signature), each.record.encode("ascii"), namespace=sshsig.ROTATION_NAMESPACE)
                found[sshsig.fingerprint(key)] = key
    return found


def opened_rotations(signed: Iterable[SignedRotation], *, by: str) -> tuple[Rotation, ...]:
    """Return the rotations in the name of a policy whose signatures fit; what else there is, is nobody's word."""
    found = (_opened(each) for each in signed if each.by == by)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _require(fingerprint: str, record: str, signature: str) -> None:
    if len(signature) > bounds.SIGNATURE_CHARACTERS:
        raise Corrupt("the signature cannot be read")
    try:
        key = sshsig.verify(sshsig.armour(signature), record.encode("ascii"), namespace=sshsig.ROTATION_NAMESPACE)
    except UnicodeError:
        raise Corrupt("the signature cannot be read") from None
    if sshsig.fingerprint(key) != fingerprint:
        raise Corrupt("the rotation is signed by another key than it names")


@lru_cache(maxsize=4096)
def _opened(signed: SignedRotation) -> Rotation | None:
    try:
        return open_rotation(signed)
    except Corrupt:
        return None
