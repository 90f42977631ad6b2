from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from drtool.checks.subject import NEVER_SAID, NOBODY, respelled
from drtool.checks.units import parse_duration
from drtool.model.control import Fault
from drtool.model.plan import Answer
from drtool.ports import Question

MOST_BYTES: Final = 4 * 1024 * 1024
_SHOWN: Final = 200


class HttpCheck:
    """Asks a web address once, from this machine; certificates are verified, redirections are not followed."""

    kind = "http"
    beyond: Mapping[str, str] = {"url": "the address"}

    def ask(self, question: Question) -> Answer:
        """Answer from status and body (the first 4 MiB); `bytes` is what was read."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Http.model_validate(dict(question.check.settings))
        timeout = question.timeout if keys.timeout is None else parse_duration(keys.timeout)
        expected = f"status {keys.expect.status}"
        if keys.expect.body is not None:
            expected += f" and a body with {keys.expect.body!r}"
        try:
            status, body = _get(keys.url, timeout.total_seconds())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(passed=False, expected=expected, observed=f"no answer: {error}", compared=1)
        text = body.decode("utf-8", "replace")
        right_body = keys.expect.body is None or keys.expect.body in text
        observed = f"status {status}, {len(body)} bytes"
        if not right_body:
            observed += f" without it: {text[:_SHOWN]}"
        return Answer(passed=status == keys.expect.status and right_body, expected=expected, observed=observed, compared=1, bytes=len(body))

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Ask where nothing listens, or expect words that nobody says."""
        settings = question.check.settings
        if fault is Fault.STOPPED_SERVICE:
            return respelled(question, url=urlsplit(settings["url"])._replace(netloc=NOBODY).geturl())
        if fault is Fault.WRONG_ANSWER:
            return respelled(question, expect={**settings.get("expect", {}), "body": NEVER_SAID})
        return None


def _get(url: str, timeout_seconds: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers={"User-Agent": "drtool"})
        response = connection.getresponse()
        return response.status, response.read(MOST_BYTES)
    finally:
        connection.close()
