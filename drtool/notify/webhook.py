from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.errors import Refused
from drtool.model.signal import Signal
from drtool.notify import schema
from drtool.notify.chosen import is_chosen
from drtool.notify.secret import resolved
from drtool.notify.web import HEADER_ENCODING, post, require_address
from drtool.notify.words import document
from drtool.ports import SecretStore

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A token of RFC 9110."""


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
        self._headers()

    def tell(self, signal: Signal) -> None:
        """Send it by POST."""
        sent = {"Content-Type": "application/json", **self._headers()}
        body = json.dumps(document(signal), ensure_ascii=False).encode("utf-8", "replace")
        post(resolved(self._keys.url, self._secrets), body, headers=sent, timeout_seconds=self._keys.timeout_seconds, named=self.name)

    def _headers(self) -> dict[str, str]:
        for name in self._keys.headers:
            if not _NAME.fullmatch(name):
                raise Refused(
                    f"{self.name}: a name under `headers` is none of a header", hint="write it as in Authorization, without a colon"
                )
        return {name: resolved(value, self._secrets, encoding=HEADER_ENCODING) for name, value in self._keys.headers.items()}
