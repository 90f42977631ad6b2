from __future__ import annotations

import json
from dataclasses import dataclass

from drtool.lab.truenas.answers import Json

_SECRET = frozenset({"api_key", "key", "passphrase", "password", "token", "otp_token", "encryption_options"})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The calls as they came, a line of JSON each: what tests ask when they want to know what was sent twice.

    A call whose answer was cut off stands here too. Secrets do not.
    """

    path: str

    def note(self, *, method: str, params: Json, user: str, outcome: str, at: float) -> None:
        """Write down one call: its outcome is `done`, the name of an error number, or the fault that ended it."""
        line = {"at": round(at, 3), "method": method, "params": redacted(method, params), "user": user, "outcome": outcome}
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def redacted(method: str, value: Json) -> Json:
    """Return arguments without what opens anything."""
    if method in {"auth.login_with_api_key", "auth.login_with_token"}:
        return ["********"]
    return _without(value)


def _without(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: "********" if name in _SECRET and each else _without(each) for name, each in value.items()}
    return [_without(each) for each in value] if isinstance(value, list) else value
