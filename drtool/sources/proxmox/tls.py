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
from drtool.openness import opening_of
from drtool.sources.proxmox.access import Token, Trust

MOST_BYTES: Final = 16 << 20
"""A listing of ten thousand guests has about six million."""
_MOST_OF_A_REFUSAL: Final = 64 << 10
"""What it says stands in its first lines."""
_CHUNK_BYTES: Final = 64 << 10
_LONGEST_REASON: Final = 1000
_GOOD: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)
_MASK: Final = "***"
_MOST_CAUSES: Final = 60
_OTHER: Final = "it has another fingerprint than `fingerprint:` says"


class OddAnswerError(RequestException):
    """No answer of the API: one that leads elsewhere, or longer than anybody has use for."""


class Door(HTTPAdapter):
    """Opens connections whose certificate is verified or pinned before a byte of ours is sent, and bounds what comes back."""

    def __init__(self, trust: Trust, token: Token) -> None:
        self._trust = trust
        self._secret = token.value
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - as it is called
        pinned = {"assert_fingerprint": self._trust.fingerprint} if self._trust.fingerprint else {}
        super().init_poolmanager(connections, maxsize, block, ssl_context=_context(self._trust), **pinned, **pool_kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as it is called
        """Add nothing: the authorities that the library brings along are nobody's choice here."""

    def send(self, request: PreparedRequest, *arguments: Any, **keywords: Any) -> Response:  # noqa: ANN401 - as it is called
        """Read the whole answer here, so far as it may be long, and let no secret of ours that is sent back go on."""
        response = super().send(request, *arguments, **keywords)
        try:
            if response.status_code in _ELSEWHERE:
                raise OddAnswerError("it leads elsewhere")
            body = _bounded(response, good=response.status_code in _GOOD)
        finally:
            response.close()
        response._content = body.replace(self._secret.encode(), _MASK.encode())  # noqa: SLF001 - it has no other way in
        response.encoding = "utf-8"  # nobody has to guess
        response.reason = (response.reason or "").replace(self._secret, _MASK)[:_LONGEST_REASON]
        return response


def _bounded(response: Response, *, good: bool) -> bytes:
    """Return a body; of a refusal no more than its beginning, and OddAnswerError for an answer that does not end."""
    most = MOST_BYTES if good else _MOST_OF_A_REFUSAL
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > most:
            if good:
                raise OddAnswerError(f"more than {most} bytes came")
            break
    return bytes(body[:most])


def _context(trust: Trust) -> ssl.SSLContext:
    opening = opening_of(trust.ca) if trust.ca else None
    if opening is not None:
        raise Refused(f"{trust.ca} is not trusted: {opening.words}", hint=opening.remedy, safe="nothing was sent")
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
    compared = f"what `{shown}` prints has to be what the node's own screen says (Certificates)"
    pinned, by_authority = f"{compared}, and goes into `fingerprint:`", f"copy /etc/pve/pve-root-ca.pem of a node into `ca:`; {compared}"
    return Refused(
        f"the certificate of {source} at {url} is not trusted: {why}",
        hint=pinned if why == _OTHER else by_authority,
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
            return _OTHER
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
