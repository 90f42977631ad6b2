from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from drtool import __version__
from drtool.model import codec
from drtool.model.policy import Policy
from drtool.openness import opening_of

_MOST_FILES = 8


def digest(bodies: tuple[bytes, ...]) -> str:
    """Return the SHA-256 of all files and of the code that gives them a meaning, so that another drtool reads them anew."""
    total = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    code = sorted([*package.glob("policy/*.py"), *package.glob("model/*.py"), *package.glob("**/schema.py")])
    for body in (__version__.encode(), *bodies, b"", *(path.read_bytes() for path in code)):
        total.update(hashlib.sha256(body).digest())
    return total.hexdigest()


def recall(directory: str, key: str) -> Policy | None:
    """Return the policy compiled earlier, or None; one that is damaged, or that others could have written, is none."""
    try:
        with _path(directory, key).open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid() or opening_of(str(_path(directory, key)), private=True) is not None:
                return None
            checksum, _, body = file.read().partition(b"\n")
        if checksum.decode("ascii") != hashlib.sha256(body).hexdigest():
            return None
        return codec.decode(Policy, json.loads(body))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def keep(directory: str, key: str, policy: Policy) -> None:
    """Write a compiled policy, readable by its owner only and never half; a directory that cannot be written costs only time."""
    body = codec.canonical(policy)
    try:
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = os.path.join(directory, f".policy-{os.urandom(8).hex()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body)
            Path(temporary).replace(_path(directory, key))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _tidy(directory)
    except OSError:
        return


def _tidy(directory: str) -> None:
    files = sorted(Path(directory).glob("policy-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_MOST_FILES:]:
        path.unlink(missing_ok=True)


def _path(directory: str, key: str) -> Path:
    return Path(directory) / f"policy-{key[:32]}.json"
