from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from drtool.model.errors import Refused, Unavailable
from drtool.process.limit import Limit, pause

_TRIES: Final = 3
_BUSY: Final = (429, 500, 502, 503, 504)
_PAUSE_SECONDS: Final = 0.5
HEADER_ENCODING: Final = "latin-1"
"""The signs that the value of a header can have."""


def post(url: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float, named: str) -> None:
    """Send a body by POST, three times at most, each within its time; redirections are not followed, certificates are verified.

    The address may be a secret, and so may its host: errors name the notifier by `named` alone, and repeat nothing of what was answered.
    Raises Unavailable where nobody answers, and Refused where somebody says no.
    """
    require_address(url, named=named)
    status, why = 0, ""
    for attempt in range(_TRIES):
        pause(_PAUSE_SECONDS * attempt)
        status, why = _asked(url, body, headers=headers, timeout_seconds=timeout_seconds)
        if status and status not in _BUSY:
            break
    if not status:
        raise Unavailable(f"{named}: it does not answer: {why}", hint="its address, the network, its certificate?")
    if 300 <= status < 400:  # noqa: PLR2004 - how HTTP counts
        raise Refused(f"{named}: it sends elsewhere, which is not followed", hint="name the address that it sends to")
    if not 200 <= status < 300:  # noqa: PLR2004
        raise Refused(f"{named}: it says {status}", hint="its address and token?")


def require_address(url: str, *, named: str) -> None:
    """Refuse what a secret holds and is no whole address: part of it would be taken for a host, and looked up by everybody's resolver."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or " " in url:
        raise Refused(f"{named}: its address is none", hint="what its `url` refers to must begin with http:// or https:// and name a host")


def _asked(url: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float) -> tuple[int, str]:
    """Return the status of one try, 0 where there is none, and why."""
    import urllib3  # noqa: PLC0415 - only who tells somebody pays for it

    sent = {"User-Agent": "drtool", **headers}
    with (
        Limit(timeout_seconds) as limit,
        urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=timeout_seconds)) as pool,
    ):
        pool.pool_classes_by_scheme = _watched(limit)
        try:
            answer = pool.request("POST", url, body=body, headers=sent, preload_content=False, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return 0, "no answer in time" if limit.is_over else _reason(error)
        if limit.is_over:  # the end of the connection reads like the end of what was said
            return 0, "no answer in time"
        answer.close()  # what it says besides is not read: it may have no end, and may repeat the address
        return answer.status, ""


def _watched(limit: Limit) -> dict[str, Any]:
    """Return pools whose connections end with a limit: the library bounds each wait, and not how many there are."""
    import urllib3  # noqa: PLC0415 - likewise
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415

    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:  # noqa: ANN401 - a socket, as there
            return limit.watched(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> Any:  # noqa: ANN401
            return limit.watched(super()._new_conn())

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


_REASONS: Final = {
    "NameResolutionError": "its name is not known",
    "NewConnectionError": "no connection",
    "ConnectTimeoutError": "no connection in time",
    "ReadTimeoutError": "no answer in time",
    "SSLError": "its certificate is not trusted",
}


def _reason(error: Exception) -> str:
    """Say why without the address: the library writes it into its sentences."""
    name = type(getattr(error, "reason", None) or error).__name__
    return _REASONS.get(name, name)
