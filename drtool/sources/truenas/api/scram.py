"""Proving that one has a key without showing it (RFC 5802 with SHA-512), for a NAS that takes no key in plain."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final

from drtool.model.errors import Refused
from drtool.model.secret import Secret

_HASH: Final = "sha512"
_KEY: Final = re.compile(r"([1-9][0-9]{0,17})-([!-~]+)")
_NO_BINDING: Final = "n,,"
_FEWEST, _MOST = 4096, 10_000_000
"""Rounds: fewer would be no proof, more would keep us busy for as long as a NAS likes."""


class Handshake:
    """One login: what is sent first, what is sent for the answer to that, and whether the NAS knows the key too.

    `shown` says that the key was sent before, so that nobody is told that it was not. The number of a key goes to the NAS as it is:
    Refused is what has none, as all of it would.
    """

    def __init__(self, source: str, user: str, key: Secret, *, shown: bool = False) -> None:
        self._safe = "the key was shown to it before, over TLS that was verified" if shown else "the key was not sent"
        found = _KEY.fullmatch(key.reveal().strip())
        if found is None:
            raise Refused(
                f"what {source} has for a key is not an API key",
                hint="it is NUMBER-SECRET, as the NAS shows it when it is made: check `key:` of the source",
                safe=self._safe,
            )
        number, secret = found.groups()
        name = f"{user}:{number}".replace("=", "=3D").replace(",", "=2C")
        self._source = source
        self._secret = secret
        self._nonce = secrets.token_urlsafe(24)
        self._bare = f"n={name},r={self._nonce}"
        self._expected = b""

    def first(self) -> str:
        """Return the first message."""
        return _NO_BINDING + self._bare

    def final(self, answer: object) -> str:
        """Return the second message; Refused where the answer to the first is none."""
        told = _fields(answer)
        try:
            nonce, salt, rounds = told["r"], base64.b64decode(told["s"], validate=True), int(told["i"])
        except (KeyError, ValueError, binascii.Error):
            raise self._strange() from None
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not _FEWEST <= rounds <= _MOST:
            raise self._strange()
        salted = hashlib.pbkdf2_hmac(_HASH, self._secret.encode(), salt, rounds)
        bare = f"c={base64.b64encode(_NO_BINDING.encode()).decode()},r={nonce}"
        signed = f"{self._bare},{answer},{bare}".encode()
        client = _mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(client, _mac(hashlib.new(_HASH, client).digest(), signed), strict=True))
        self._expected = _mac(_mac(salted, b"Server Key"), signed)
        return f"{bare},p={base64.b64encode(proof).decode()}"

    def require_known(self, answer: object) -> None:
        """Refuse a NAS that does not know the key: it only pretends to let us in."""
        try:
            said = base64.b64decode(_fields(answer).get("v", ""), validate=True)
        except (ValueError, binascii.Error):
            said = b""
        if not self._expected or not hmac.compare_digest(said, self._expected):
            raise Refused(
                f"{self._source} let us in without knowing the key",
                hint="look whether the address is that of the NAS, and at its certificate",
                safe=self._safe,
            )

    def _strange(self) -> Refused:
        return Refused(f"{self._source} did not answer a login as it should", hint="look whether the NAS is what it says", safe=self._safe)


def _fields(answer: object) -> dict[str, str]:
    parts = str(answer)[:4096].split(",") if isinstance(answer, str) else []
    return {part[0]: part[2:] for part in parts if part[1:2] == "="}


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, _HASH).digest()
