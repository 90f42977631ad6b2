"""Thousands of points in no time: copies of one real point, under other names and instants, written into the repository's folder.

One restic call per point would spend half a second on each, deriving the key. Here the snapshot documents are encrypted as restic does
(AES-256-CTR and Poly1305-AES), the key stream of all of them by one call of openssl.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from benchmarks.world import World
from drtool.model.identifier import identifier

BLOCK = 16
PRIME = (1 << 130) - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


@dataclass(frozen=True)
class _Key:
    encrypt: bytes
    mac: bytes
    factor: int


def plant_points(here: World, repository: Path, count: int) -> None:
    """Add `count` points, an hour apart, to a repository on this disk that holds one point.

    In a process of its own: a child starts with its parent's peak memory as its own, and the children are what is measured.
    """
    command = [sys.executable, "-m", "benchmarks.plant", str(here.root), here.restic, str(repository), str(count)]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parent.parent)


def main(root: str, restic: str, folder: str, count: int) -> None:
    here, repository = World(Path(root), restic), Path(folder)
    documents = _documents(here, repository)
    key = _key(json.loads(_restic(here, repository, "cat", "masterkey")))
    plain = [text.encode() for age in range(1, count + 1) for text in _aged(documents, age)]
    for data in _encrypted(plain, key):
        name = hashlib.sha256(data).hexdigest()
        (repository / "snapshots" / name).write_bytes(data)


def _documents(here: World, repository: Path) -> list[dict[str, Any]]:
    """From the listing: `cat snapshot` of restic 0.19 takes the percent signs in tags for its own formatting."""
    listed: list[dict[str, Any]] = json.loads(_restic(here, repository, "snapshots", "--json"))
    return listed


def _restic(here: World, repository: Path, *words: str) -> bytes:
    command = [here.restic, "-q", "-r", str(repository), *words]
    return subprocess.run(command, env=here.environment, check=True, capture_output=True).stdout


def _key(master: dict[str, Any]) -> _Key:
    factor = int.from_bytes(base64.b64decode(master["mac"]["r"]), "little") & CLAMP
    return _Key(base64.b64decode(master["encrypt"]), base64.b64decode(master["mac"]["k"]), factor)


def _aged(documents: list[dict[str, Any]], age: int) -> list[str]:
    """The documents of one point as they would be, had it been made `age` hours earlier."""
    earlier = timedelta(hours=age)
    point = _tag_value(documents[0], "point")
    instant = datetime.fromisoformat(documents[0]["time"][:19] + "+00:00") - earlier
    name = identifier(int(instant.timestamp() * 1000), secrets.token_bytes(10))
    texts = []
    for document in documents:
        body = {key: value for key, value in document.items() if key not in ("id", "short_id", "parent", "original")}
        body["time"] = _shifted(body["time"], earlier)
        body["tags"] = [_aged_tag(tag, earlier) for tag in body["tags"]]
        texts.append(json.dumps(body).replace(point, name))
    return texts


def _aged_tag(tag: str, earlier: timedelta) -> str:
    name, _equals, value = tag.partition("=")
    text = unquote(value)
    try:
        moved = _shifted(text, earlier) if "T" in text else text
    except ValueError:
        moved = text
    return tag if moved == text else f"{name}={quote(moved, safe='')}"


def _shifted(text: str, earlier: timedelta) -> str:
    """RFC 3339 as restic and drtool write it: nanoseconds are cut to what Python knows."""
    return (datetime.fromisoformat(text) - earlier).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _tag_value(document: dict[str, Any], name: str) -> str:
    return next(unquote(tag.partition("=")[2]) for tag in document["tags"] if tag.startswith(f"{name}="))


def _encrypted(plain: list[bytes], key: _Key) -> Iterator[bytes]:
    nonces = [secrets.token_bytes(BLOCK) for _ in plain]
    lengths = [-(-len(data) // BLOCK) for data in plain]
    counters = b"".join(
        ((int.from_bytes(nonce, "big") + offset) % (1 << 128)).to_bytes(BLOCK, "big")
        for nonce, blocks in zip(nonces, lengths, strict=True)
        for offset in range(blocks)
    )
    stream = _blocks(counters, key.encrypt)
    masks = _blocks(b"".join(nonces), key.mac)
    position = 0
    for number, (data, nonce, blocks) in enumerate(zip(plain, nonces, lengths, strict=True)):
        part = stream[position : position + len(data)]
        position += blocks * BLOCK
        hidden = (int.from_bytes(data, "big") ^ int.from_bytes(part, "big")).to_bytes(len(data), "big")
        mask = int.from_bytes(masks[number * BLOCK : (number + 1) * BLOCK], "little")
        yield nonce + hidden + _authenticator(hidden, key.factor, mask)


def _authenticator(data: bytes, factor: int, mask: int) -> bytes:
    total = 0
    for start in range(0, len(data), BLOCK):
        total = (total + int.from_bytes(data[start : start + BLOCK] + b"\1", "little")) * factor % PRIME
    return ((total + mask) % (1 << 128)).to_bytes(BLOCK, "little")


def _blocks(data: bytes, key: bytes) -> bytes:
    """AES of each block on its own; the key belongs to a repository that lives as long as the measurement."""
    command = ["openssl", "enc", f"-aes-{len(key) * 8}-ecb", "-nopad", "-K", key.hex()]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
