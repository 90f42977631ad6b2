"""Makes a throw-away restic repository quick to open: its key file is written again with scrypt's cost turned down.

Opening costs half a second by restic's design; the fault suites open a repository thousands of times.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

_BLOCK = 16
_PRIME = (1 << 130) - 5


def make_cheap(repository: Path, password: str) -> None:
    """Replace the only key of a local repository by the same master key under a cheap derivation; one with more keys is left alone."""
    paths = list((repository / "keys").iterdir())
    if len(paths) != 1:
        return
    (path,) = paths
    key = json.loads(path.read_bytes())
    master = _open(base64.b64decode(key["data"]), _derive(key, password))
    key.update(N=2, salt=base64.b64encode(os.urandom(64)).decode())
    key["data"] = base64.b64encode(_seal(master, _derive(key, password))).decode()
    body = json.dumps(key).encode()
    path.unlink()
    (repository / "keys" / hashlib.sha256(body).hexdigest()).write_bytes(body)


def _derive(key: dict[str, object], password: str) -> bytes:
    salt = base64.b64decode(str(key["salt"]))
    n, r, p = (int(str(key[name])) for name in ("N", "r", "p"))
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=1 << 28, dklen=64)


def _open(data: bytes, key: bytes) -> bytes:
    nonce, text, mac = data[:_BLOCK], data[_BLOCK:-_BLOCK], data[-_BLOCK:]
    assert _authenticate(nonce, text, key) == mac, "the password is wrong"
    return _cipher("aes-256-ctr", key[:32], text, nonce)


def _seal(text: bytes, key: bytes) -> bytes:
    nonce = os.urandom(_BLOCK)
    sealed = _cipher("aes-256-ctr", key[:32], text, nonce)
    return nonce + sealed + _authenticate(nonce, sealed, key)


def _authenticate(nonce: bytes, text: bytes, key: bytes) -> bytes:
    """Poly1305-AES: the second half of its key is the nonce, enciphered."""
    r = int.from_bytes(key[48:64], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for start in range(0, len(text), _BLOCK):
        total = (total + int.from_bytes(text[start : start + _BLOCK] + b"\1", "little")) * r % _PRIME
    pad = int.from_bytes(_cipher("aes-128-ecb", key[32:48], nonce), "little")
    return ((total + pad) % (1 << 128)).to_bytes(_BLOCK, "little")


def _cipher(name: str, key: bytes, text: bytes, nonce: bytes | None = None) -> bytes:
    vector = ("-iv", nonce.hex()) if nonce is not None else ()
    argv = ("openssl", "enc", f"-{name}", "-nopad", "-K", key.hex(), *vector)
    return subprocess.run(argv, input=text, capture_output=True, check=True).stdout


if __name__ == "__main__":
    make_cheap(Path(os.environ["RESTIC_REPOSITORY"]), os.environ["RESTIC_PASSWORD"])
