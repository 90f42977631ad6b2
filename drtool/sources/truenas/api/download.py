from __future__ import annotations

import http.client
from typing import Any, Final

from drtool.model.errors import Refused, Unavailable
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.tls import open_tls

MOST_BYTES: Final = 256 * 1024 * 1024
_SECONDS: Final = 300.0
_TRIES: Final = 2
_HANGS: Final = "look at the jobs of the NAS; abort there one that hangs, and run again"


def download(client: ApiClient, method: str, params: list[Any], *, filename: str) -> bytes:
    """Return what a method of the NAS writes into a pipe; a short answer of a job that failed is never taken for the whole.

    The address is good for one use and goes into no message.
    """
    for _ in range(_TRIES - 1):
        try:
            return _fetch(client, method, params, filename)
        except Unavailable:
            continue  # nothing was changed: a new job writes it again
    return _fetch(client, method, params, filename)


def _fetch(client: ApiClient, method: str, params: list[Any], filename: str) -> bytes:
    job, address = client.read("core.download", method, params, filename, True)
    body = _get(client, str(address), method)
    client.wait_for_job(int(job), method, *params, what=method, timeout_seconds=_SECONDS)
    return body


def _get(client: ApiClient, address: str, method: str) -> bytes:
    endpoint = client.endpoint
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    try:
        secured = open_tls(endpoint, timeout_seconds=20.0)
        secured.settimeout(_SECONDS)
        connection.sock = secured
        connection.request("GET", address)
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        why = "it took too long" if isinstance(error, TimeoutError) else "the connection was cut"
        raise Unavailable(f"{endpoint.source} did not hand over {method}: {why}", hint=_HANGS) from None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise Unavailable(f"{endpoint.source} did not hand over {method}: HTTP {answer.status}", hint=_HANGS)
    if len(body) > MOST_BYTES:
        raise Refused(f"{method} of {endpoint.source} is larger than {MOST_BYTES} bytes", hint="look what it holds")
    return body
