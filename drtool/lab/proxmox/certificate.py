"""The cluster's own authority, and the certificates that its nodes have from it."""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate as Made


@dataclass(frozen=True, slots=True)
class Certificates:
    """The directory with the authority's certificate and with certificate and key of each node."""

    directory: str

    @property
    def authority(self) -> str:
        """The file of the authority's certificate, which a client is told to trust."""
        return os.path.join(self.directory, "pve-root-ca.pem")

    def of(self, node: str) -> tuple[str, str]:
        """Return the files of a node's certificate and key."""
        return os.path.join(self.directory, f"{node}.pem"), os.path.join(self.directory, f"{node}.key")

    def context(self, node: str) -> ssl.SSLContext:
        """Return a node's side of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.of(node))
        return context

    def fingerprint(self, node: str) -> str:
        """Return the SHA-256 of a node's certificate as the vendor writes it: pairs of capital hexadecimal digits, colons between."""
        import hashlib  # noqa: PLC0415

        with open(self.of(node)[0], encoding="ascii") as stream:
            digits = hashlib.sha256(ssl.PEM_cert_to_DER_cert(stream.read())).hexdigest().upper()
        return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))


def ensure_certificates(directory: str, nodes: list[str], now: datetime, *, fresh: bool = False) -> Certificates:
    """Return the certificates kept in `directory`, made first where any is missing or `fresh` ones are wanted."""
    kept = Certificates(directory)
    if fresh or not all(os.path.exists(file) for file in (kept.authority, *(file for node in nodes for file in kept.of(node)))):
        _make(kept, nodes, now)
    return kept


def _make(kept: Certificates, nodes: list[str], now: datetime) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - heavy, and only needed once

    own = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Proxmox Virtual Environment", own, None, own, now)
    _write(kept.authority, authority)
    for node in nodes:
        key = ec.generate_private_key(ec.SECP256R1())
        file, key_file = kept.of(node)
        _write_key(key_file, key)
        _write(file, _certificate(node, key, authority, own, now))


def _certificate(name: str, key: EllipticCurvePrivateKey, by: Made | None, by_key: EllipticCurvePrivateKey, now: datetime) -> Made:
    """Return a certificate: of the authority where it is by nobody, else of a node, good for loopback too."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PVE Cluster Node")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=730))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
    )
    if by is None:
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        usage |= {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    else:
        loopback = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
        places = [x509.DNSName("localhost"), x509.DNSName(node_name(name)), *loopback]
        builder = builder.add_extension(x509.SubjectAlternativeName(places), critical=False)
    return builder.sign(by_key, hashes.SHA256())


def node_name(node: str) -> str:
    """Return the whole name of a node."""
    return f"{node}.example.org"


def _write(path: str, made: Made) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    with open(path, "wb") as stream:
        stream.write(made.public_bytes(serialization.Encoding.PEM))


def _write_key(path: str, key: EllipticCurvePrivateKey) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(secret)
