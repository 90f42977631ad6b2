from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from drtool.model.signal import EACH_SUBJECT, Signal, SignalKind, slug
from drtool.notify import schema
from drtool.notify.secret import resolved
from drtool.notify.web import post, require_address
from drtool.notify.words import letter
from drtool.ports import SecretStore

_ENDS: Final = {
    SignalKind.START: "/start",
    SignalKind.SUCCESS: "",
    SignalKind.FAIL: "/fail",
    SignalKind.LOG: "/log",
    SignalKind.TEST: "/log",  # changes nothing of how a check stands
}
_MOST_BYTES: Final = 100_000
"""So much of a body is kept there (healthchecks.io/docs/http_api)."""
_RUNS: Final = uuid.UUID("6d1c3f6e-6f0b-4d55-9a0c-5d2f8f0f7b1a")
"""Names our runs among all ids: the protocol wants a UUID."""


class HealthchecksNotifier:
    """Tells a check of Healthchecks, or of what speaks its protocol, that something began, went well, failed, or was put off."""

    kind = "healthchecks"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        self.name = name
        self._keys = schema.Healthchecks.model_validate(dict(settings))
        self._secrets = secrets

    def wants(self, signal: Signal) -> bool:
        """Take everything but numbers: silence is what a check waits for, and a start tells how long it took."""
        return signal.kind is not SignalKind.STATE

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        require_address(resolved(self._keys.url, self._secrets), named=self.name)

    def tell(self, signal: Signal) -> None:
        """Ping once; nothing is called well while anything else that is told at the same address is not."""
        url = resolved(self._keys.url, self._secrets)
        require_address(url, named=self.name)
        own = slug(signal.subject)
        beside = [each for each in signal.others if EACH_SUBJECT not in url or slug(each.partition("/")[2]) == own]
        end = _ENDS[SignalKind.LOG if beside and signal.kind is SignalKind.SUCCESS else signal.kind]
        parts = urlsplit(url.replace(EACH_SUBJECT, own))
        run = uuid.uuid5(_RUNS, f"{signal.occasion.run}/{signal.subject}")
        query = "&".join(filter(None, (parts.query, urlencode({"rid": str(run)}))))
        address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + end, query, ""))
        body = letter(signal).encode("utf-8", "replace")[:_MOST_BYTES]
        post(
            address,
            body,
            headers={"Content-Type": "text/plain; charset=utf-8"},
            timeout_seconds=self._keys.timeout_seconds,
            named=self.name,
        )
