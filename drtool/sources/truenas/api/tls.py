from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from drtool.model.errors import Refused, Unavailable

_OTHER_NAME: Final = (62, 64)
"""What OpenSSL says of a good certificate for another host name or address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a NAS is reached: its source's name, the URL, and a PEM file of whom to trust (None: the system's authorities)."""

    source: str
    url: str
    ca: str | None = None

    @property
    def host(self) -> str:
        """The host name or address of the URL."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port of the URL."""
        return urlsplit(self.url).port or 443

    @property
    def path(self) -> str:
        """The path of the URL."""
        return urlsplit(self.url).path or "/"


def open_tls(endpoint: Endpoint, *, timeout_seconds: float) -> ssl.SSLSocket:
    """Connect with a verified or pinned certificate; not a byte of ours is sent before that is settled.

    A certificate that itself stands in `ca` is accepted whatever name it carries. Raises Unavailable, or Refused for a certificate that is
    not trusted.
    """
    try:
        return _connect(endpoint, timeout_seconds, by_name=True)
    except ssl.SSLCertVerificationError as error:
        if endpoint.ca is None or error.verify_code not in _OTHER_NAME:
            raise _untrusted(endpoint, error.verify_message) from None
    except OSError as error:
        raise _away(endpoint, error) from None
    try:
        connection = _connect(endpoint, timeout_seconds, by_name=False)
    except OSError as error:
        raise _away(endpoint, error) from None
    certificate = connection.getpeercert(binary_form=True) or b""
    if certificate not in _certificates(endpoint.ca):
        connection.close()
        raise _untrusted(endpoint, "it is for another name")
    return connection


def _connect(endpoint: Endpoint, timeout_seconds: float, *, by_name: bool) -> ssl.SSLSocket:
    context = _context(endpoint)
    context.check_hostname = by_name
    plain = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = context.wrap_socket(plain, server_hostname=endpoint.host)
    except BaseException:
        plain.close()
        raise
    secured.settimeout(None)
    return secured


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.ca)
    except OSError as error:  # a broken PEM file is one too
        hint = "write the NAS's certificate, or that of its authority, into it (PEM)"
        raise Refused(f"{endpoint.ca} cannot be read as certificates: {error.strerror or 'no PEM'}", hint=hint) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.ca is not None:  # what the operator put there is trusted as it stands, also when it is no authority
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _certificates(path: str | None) -> frozenset[bytes]:
    found = set()
    with contextlib.suppress(OSError, ValueError), open(path or "", encoding="ascii", errors="replace") as file:
        for part in file.read().split("-----BEGIN CERTIFICATE-----")[1:]:
            body = part.partition("-----END CERTIFICATE-----")[0]
            found.add(ssl.PEM_cert_to_DER_cert(f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----"))
    return frozenset(found)


def _untrusted(endpoint: Endpoint, why: str) -> Refused:
    shown = f"openssl s_client -connect {endpoint.host}:{endpoint.port} </dev/null | openssl x509 -fingerprint -sha256"
    return Refused(
        f"the certificate of {endpoint.source} is not trusted: {why}",
        hint=f"compare what `{shown}` prints with the NAS's own screen; if it is the same, write it into the file that `ca:` names",
        safe="the key was not sent",
    )


def _away(endpoint: Endpoint, error: OSError) -> Unavailable:
    why = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
    return Unavailable(
        f"{endpoint.source} cannot be reached at {endpoint.host}:{endpoint.port}: {why}",
        hint="look whether the NAS is up and its web service listens there",
    )
