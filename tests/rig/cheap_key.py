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
from typing import Protocol

_BLOCK = 16
_PRIME = (1 << 130) - 5


class _Keys(Protocol):
    """Where a repository keeps its key files, by name."""

    def names(self) -> list[str]: ...
    def read(self, name: str) -> bytes: ...
    def write(self, name: str, body: bytes) -> None: ...
    def remove(self, name: str) -> None: ...


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        return os.listdir(self._path)

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def write(self, name: str, body: bytes) -> None:
        (self._path / name).write_bytes(body)

    def remove(self, name: str) -> None:
        (self._path / name).unlink()


def make_cheap(repository: Path | str, password: str, *, becomes: str = "") -> None:
    """Replace the only key of a repository by the same master key under a cheap derivation; one with more keys is left alone.

    `becomes` is the passphrase from now on, where it is to be another. The repository is a directory, one served from this machine by
    SFTP, or in a bucket whose keys stand in the environment.
    """
    keys = _keys_of(str(repository))
    names = keys.names()
    if len(names) != 1:
        return
    (name,) = names
    key = json.loads(keys.read(name))
    master = _open(base64.b64decode(key["data"]), _derive(key, password))
    key.update(N=2, salt=base64.b64encode(os.urandom(64)).decode())
    key["data"] = base64.b64encode(_seal(master, _derive(key, becomes or password))).decode()
    body = json.dumps(key).encode()
    keys.write(hashlib.sha256(body).hexdigest(), body)
    keys.remove(name)


def _keys_of(repository: str) -> _Keys:
    if repository.startswith("s3:"):
        from tests.rig.s3_bucket import Bucket  # noqa: PLC0415 - its client is heavy, and most repositories are directories

        return Bucket(f"{repository.removeprefix('s3:')}/keys/")
    if repository.startswith("sftp:"):
        _, _, repository = repository.split(":", 2)
    return _Directory(Path(repository, "keys"))


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
    make_cheap(os.environ["RESTIC_REPOSITORY"], os.environ["RESTIC_PASSWORD"])
