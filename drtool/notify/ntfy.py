from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.outcome import Outcome
from drtool.model.signal import Signal, SignalKind
from drtool.notify import schema
from drtool.notify.chosen import is_chosen
from drtool.notify.secret import resolved
from drtool.notify.web import HEADER_ENCODING, post, require_address
from drtool.notify.words import letter, title
from drtool.ports import SecretStore

_MOST_CHARACTERS: Final = 3500
"""A message longer than 4,096 bytes becomes a file there (docs.ntfy.sh/publish)."""
_HIGH: Final = 4
_URGENT: Final = 5


class NtfyNotifier:
    """Sends a push message by ntfy, data that is wrong at the highest priority."""

    kind = "ntfy"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        self.name = name
        self._keys = schema.Ntfy.model_validate(dict(settings))
        self._secrets = secrets

    def wants(self, signal: Signal) -> bool:
        """Tell whether its outcome was asked for."""
        return is_chosen(signal, self._keys.on)

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        require_address(resolved(self._keys.url, self._secrets), named=self.name)
        resolved(self._keys.topic, self._secrets)
        self._login()

    def tell(self, signal: Signal) -> None:
        """Publish it as JSON: titles in headers could hold no word of another alphabet."""
        message = {"topic": resolved(self._keys.topic, self._secrets), "title": title(signal), "message": letter(signal)[:_MOST_CHARACTERS]}
        if signal.outcome != Outcome.SUCCEEDED.value and signal.kind is not SignalKind.TEST:
            priority = _URGENT if signal.outcome == Outcome.DATA_WRONG.value else _HIGH
            message |= {"priority": priority, "tags": ["warning"]}  # type: ignore[dict-item]
        headers = {"Content-Type": "application/json", **self._login()}
        body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        post(resolved(self._keys.url, self._secrets), body, headers=headers, timeout_seconds=self._keys.timeout_seconds, named=self.name)

    def _login(self) -> dict[str, str]:
        if self._keys.token is None:
            return {}
        return {"Authorization": f"Bearer {resolved(self._keys.token, self._secrets, encoding=HEADER_ENCODING)}"}
