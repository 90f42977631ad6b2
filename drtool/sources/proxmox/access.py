"""Who we are, shown to a cluster, and whom we take for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from drtool.model.errors import Refused
from drtool.model.secret import Secret

_FORM: Final = re.compile(
    r"(?:PVEAPIToken=)?(?P<user>[^\s:/!=]+@[A-Za-z][A-Za-z0-9._-]*)!(?P<name>[A-Za-z][A-Za-z0-9._-]*)=(?P<value>[A-Za-z0-9-]{8,128})"
)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token: whose it is, how it is called, and its secret part."""

    user: str
    name: str
    value: str = field(repr=False)

    @property
    def full_name(self) -> str:
        """How Proxmox VE calls it."""
        return f"{self.user}!{self.name}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are accepted: of an authority in the PEM file `ca`, or the one of that `fingerprint`; else of the system's."""

    ca: str | None = None
    fingerprint: str | None = None

    @property
    def words(self) -> str:
        """By what a certificate is trusted, in words."""
        if self.fingerprint:
            return "by its fingerprint"
        return f"by {self.ca}" if self.ca else "by the authorities of this system"


def read_token(secret: Secret, source: str) -> Token:
    """Return the token that a secret holds; Refused, without a word of it, where it is none."""
    found = _FORM.fullmatch(secret.reveal().strip())
    if found is None:
        raise Refused(
            f"what `token:` of {source} refers to is no API token",
            hint="it is one line as `pveum user token add` gives it: USER@REALM!NAME=SECRET",
            safe="nothing was sent",
        )
    return Token(found["user"], found["name"], found["value"])
