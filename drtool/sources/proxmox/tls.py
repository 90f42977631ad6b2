"""How a node is reached and whom to trust; what it sends is bounded."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException, Timeout

from drtool.model.errors import Refused, Unavailable
from drtool.sources.proxmox.access import Trust

MOST_BYTES: Final = 64 << 20
"""A listing of ten thousand guests has about six million."""
_MOST_CAUSES: Final = 60


class TooLongError(RequestException):
    """More came than anybody has use for."""


class Door(HTTPAdapter):
    """Opens connections whose certificate is verified or pinned before a byte of ours is sent, and bounds what comes back."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - as it is called
        pinned = {"assert_fingerprint": self._trust.fingerprint} if self._trust.fingerprint else {}
        super().init_poolmanager(connections, maxsize, block, ssl_context=_context(self._trust), **pinned, **pool_kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as it is called
        """Add nothing: the authorities that the library brings along are nobody's choice here."""

    def send(self, request: PreparedRequest, *arguments: Any, **keywords: Any) -> Response:  # noqa: ANN401 - as it is called
        response = super().send(request, *arguments, **keywords)
        response.raw = _Bounded(response.raw)
        return response


class _Bounded:
    """A body that ends with an error where it does not end by itself."""

    def __init__(self, raw: Any) -> None:  # noqa: ANN401 - the library's own
        self._raw = raw

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - as it is called
        seen = 0
        for chunk in self._raw.stream(amount, decode_content=decode_content):
            seen += len(chunk)
            if seen > MOST_BYTES:
                raise TooLongError(f"more than {MOST_BYTES} bytes came")
            yield chunk

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the library asks of it
        return getattr(self._raw, name)


def _context(trust: Trust) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=trust.ca)
    except OSError as error:  # a broken PEM file is one too
        hint = "write /etc/pve/pve-root-ca.pem of a node into it"
        raise Refused(
            f"{trust.ca} cannot be read as certificates: {error.strerror or 'no PEM'}", hint=hint, safe="nothing was sent"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust.fingerprint:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca is not None:  # what the operator put there is trusted as it stands, also when it is no authority
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def untrusted(source: str, url: str, error: BaseException) -> Refused | None:
    """Return the refusal where an error says that a certificate is not accepted; None: it says something else."""
    why = _why_not(error)
    if not why:
        return None
    parts = urlsplit(url)
    shown = f"openssl s_client -connect {parts.hostname}:{parts.port} </dev/null | openssl x509 -noout -fingerprint -sha256"
    return Refused(
        f"the certificate of {source} at {url} is not trusted: {why}",
        hint=f"compare what `{shown}` prints with the node's own screen (Certificates); `ca:` takes a copy of /etc/pve/pve-root-ca.pem",
        safe="the token was not sent",
    )


def away(source: str, url: str, error: BaseException) -> Unavailable:
    """Return the error of ours for a node that was not reached, or did not answer to the end."""
    told = (each.strerror for each in _causes(error) if isinstance(each, OSError) and not isinstance(each, RequestException))
    why = "it did not answer in time" if isinstance(error, Timeout) else next(filter(None, told), "the connection was cut")
    return Unavailable(
        f"{source} cannot be reached at {url}: {why}",
        hint="look whether that node is up and pveproxy listens there; further_urls: names others to ask",
    )


def _why_not(error: BaseException) -> str:
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return each.verify_message
        if "Fingerprints did not match" in str(each):
            return "it has another fingerprint than `fingerprint:` says"
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is in it, however the libraries wrapped it."""
    waiting: list[Any] = [error]
    for _each in range(_MOST_CAUSES):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, BaseException):
            yield each
            waiting += [*each.args, each.__context__, each.__cause__, getattr(each, "reason", None)]
