from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate as appliances have one from the factory: the files of certificate and private key."""

    certificate: str
    key: str

    def context(self) -> ssl.SSLContext:
        """Return the server's side of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate, in hexadecimal."""
        import hashlib  # noqa: PLC0415

        with open(self.certificate, encoding="ascii") as stream:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(stream.read())).hexdigest()


def ensure_certificate(directory: str, now: datetime, *, fresh: bool = False) -> Certificate:
    """Return the certificate kept in `directory`, made first where there is none or a `fresh` one is wanted."""
    files = Certificate(os.path.join(directory, "certificate.pem"), os.path.join(directory, "certificate.key"))
    if fresh or not (os.path.exists(files.certificate) and os.path.exists(files.key)):
        _make(files, now)
    return files


def _make(files: Certificate, now: datetime) -> None:
    from cryptography import x509  # noqa: PLC0415 - heavy, and only needed once
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "iXsystems")])
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.IPAddress(ipaddress.ip_address("::1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=397))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(secret)
    with open(files.certificate, "wb") as stream:
        stream.write(made.public_bytes(serialization.Encoding.PEM))
