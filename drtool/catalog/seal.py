"""Sealing evidence: a record becomes a signed document, and a document is held against its signature."""

from __future__ import annotations

from drtool.catalog import sshsig
from drtool.catalog.door import admit_record
from drtool.catalog.signer import Signer
from drtool.model.codec import canonical, decode, parse
from drtool.model.errors import Corrupt
from drtool.model.evidence import SIGNED_FORMAT, EvidenceRecord, SignedEvidence
from drtool.model.identifier import is_identifier

_LONGEST_SIGNATURE = 1024
"""One of an Ed25519 key has about 240 characters."""


def seal(signer: Signer, record: EvidenceRecord) -> SignedEvidence:
    """Sign a record."""
    text = canonical(record)
    return SignedEvidence(text.decode("ascii"), signer.sign(text))


def sign_tags(signer: Signer, text: bytes) -> str:
    """Sign what all tags of a record say, in one line that is a tag itself."""
    return sshsig.compact(signer.sign(text, namespace=sshsig.TAGS_NAMESPACE))


def signer_of_tags(text: bytes, signature: str) -> str:
    """Return the fingerprint of the key that signed exactly these tags; empty when none did."""
    if len(signature) > _LONGEST_SIGNATURE:
        return ""
    try:
        return sshsig.fingerprint(sshsig.verify_compact(signature, text, namespace=sshsig.TAGS_NAMESPACE))
    except (Corrupt, UnicodeError):
        return ""


def read_sealed(data: bytes) -> SignedEvidence:
    """Return the document that these bytes are, its signature not yet looked at; Corrupt when they are none."""
    try:
        document = decode(SignedEvidence, parse(data))
    except (ValueError, KeyError, TypeError):
        raise Corrupt("that is no signed evidence") from None
    if document.format.partition("/")[0] != SIGNED_FORMAT.partition("/")[0]:
        raise Corrupt(f"this is no evidence but {document.format!r}")
    return document


def unseal(document: SignedEvidence) -> EvidenceRecord:
    """Return the record of a document whose signature fits, made by the key that the record names; else Corrupt."""
    public_key = sshsig.verify(document.signature, document.record.encode("utf-8", "surrogatepass"))
    try:
        record = document.opened()
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"the record cannot be read: {error}") from None
    try:
        admit_record(record)
    except ValueError as error:
        raise Corrupt(f"the record is none that drtool writes: {error}") from None
    if not document.record.isascii() or not is_identifier(record.id) or record.number < 1:
        raise Corrupt("the record is none that drtool writes")  # its id names a file when it is exported
    if record.public_key != public_key or record.signer != sshsig.fingerprint(public_key):
        raise Corrupt("the record names another key than the one that signed it")
    return record
