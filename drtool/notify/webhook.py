from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drtool.model.signal import Signal
from drtool.notify import schema
from drtool.notify.chosen import is_chosen
from drtool.notify.secret import resolved
from drtool.notify.web import post, require_address
from drtool.notify.words import document
from drtool.ports import SecretStore


class WebhookNotifier:
    """Sends a signal as one JSON document."""

    kind = "webhook"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        self.name = name
        self._keys = schema.Webhook.model_validate(dict(settings))
        self._secrets = secrets

    def wants(self, signal: Signal) -> bool:
        """Tell whether its outcome was asked for."""
        return is_chosen(signal, self._keys.on)

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        require_address(resolved(self._keys.url, self._secrets), named=self.name)
        for value in self._keys.headers.values():
            resolved(value, self._secrets)

    def tell(self, signal: Signal) -> None:
        """Send it by POST."""
        headers = {name: resolved(value, self._secrets) for name, value in self._keys.headers.items()}
        sent = {"Content-Type": "application/json", **headers}
        body = json.dumps(document(signal), ensure_ascii=False).encode("utf-8", "replace")
        post(resolved(self._keys.url, self._secrets), body, headers=sent, timeout_seconds=self._keys.timeout_seconds, named=self.name)
