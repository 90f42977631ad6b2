from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SCHEMES: Final = ("env", "file", "credential", "command")


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is found at the moment of use: `env:NAME`, `file:PATH`, `credential:NAME`, `command:ARGV`.

    A `command:` value is split like a shell does, but no shell runs it; its standard output without white space around it is the secret.
    A `credential:` is a file in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), LoadCredential).
    """

    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


def parse_reference(text: str) -> SecretReference | None:
    """Return the reference that `text` spells, or None when it is a plain value."""
    scheme, colon, value = text.partition(":")
    return SecretReference(scheme, value) if colon and value and scheme in SCHEMES else None


def is_credential_name(text: str) -> bool:
    """Tell whether systemd takes a name for a credential's, and a unit for a word."""
    return re.fullmatch(r"[A-Za-z0-9._@+-]{1,255}", text) is not None and text not in (".", "..")


class Secret:
    """A resolved secret: never printed, compared or written anywhere but into a child's environment or descriptor."""

    __slots__ = ("_untrimmed", "_value")

    def __init__(self, value: str, *, untrimmed: str = "") -> None:
        self._value = value
        self._untrimmed = untrimmed or value

    def reveal(self) -> str:
        """Hand out the value, to the one place that passes it on."""
        return self._value

    @property
    def untrimmed(self) -> Secret | None:
        """The same file read with the white space around it, which repositories may have been made with; None where there is none."""
        return Secret(self._untrimmed) if self._untrimmed != self._value else None

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__
