"""Tries without harm whether a store lets something be removed: an append-only one is a promise, or a surprise at the next forget."""

from __future__ import annotations

import base64
import http.client
import secrets
import ssl
from typing import Final
from urllib.parse import unquote

from drtool.model.errors import TimedOut
from drtool.process import patiently, raise_at_deadline
from drtool.repositories.restic.address import Access
from drtool.repositories.restic.probe import LONGEST_SECONDS

_FORBIDDEN: Final = frozenset({401, 403, 405})
_NOT_THERE: Final = frozenset({200, 204, 404})


def may_delete(access: Access) -> bool | None:
    """Ask a REST server to remove a snapshot that nobody ever made; None where that cannot be tried.

    One that only takes says no before it looks.
    """
    if access.scheme != "rest":
        return None
    url = access.url
    kind = http.client.HTTPConnection if url.scheme == "http" else http.client.HTTPSConnection
    connection = kind(url.hostname or "", url.port, timeout=LONGEST_SECONDS)
    headers = _authorization(access)

    def ask() -> int:
        try:
            connection.request("DELETE", f"{url.path.rstrip('/')}/snapshots/{secrets.token_hex(32)}", headers=headers)
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()

    try:
        status = patiently(ask, seconds=LONGEST_SECONDS, what=f"asking {url.hostname}")
    except ssl.SSLError:  # restic judges certificates by its own authorities
        return None
    except (OSError, TimedOut) as error:
        raise_at_deadline(error)
        return None
    return False if status in _FORBIDDEN else True if status in _NOT_THERE else None


def _authorization(access: Access) -> dict[str, str]:
    """Return the header by which user and password enter; none where nobody has to."""
    if access.login is None:
        return {}
    user, _colon, password = access.login.reveal().partition(":")
    return {"Authorization": f"Basic {base64.b64encode(f'{unquote(user)}:{unquote(password)}'.encode()).decode()}"}
