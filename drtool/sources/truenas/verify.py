from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ARCHIVE: Final = "config.tar"
KEYS: Final = "keys.json"
FACTS: Final = "facts.json"
DATABASE: Final = "freenas-v1.db"
SEED: Final = "pwenc_secret"
_MOST_BYTES: Final = 256 * 1024 * 1024
_BY_KEY: Final = ("HEX", "RAW")


@dataclass(slots=True)
class Looked:
    """What was looked at of an appliance's configuration, and what is wrong with it."""

    compared: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def verify(files: Mapping[str, bytes]) -> Looked:
    """Look at the files of an exported configuration without any NAS.

    The archive opens, its database is whole, the secret seed is there and not empty, and every dataset that was encrypted by a key has
    its key.
    """
    looked = Looked(bytes=sum(map(len, files.values())))
    _look_at_archive(looked, files.get(ARCHIVE, b""))
    facts, keys = _read(looked, files, FACTS), _read(looked, files, KEYS)
    known = {name for pool in keys.values() if isinstance(pool, dict) for name, key in pool.items() if key}
    for root, form in sorted((facts.get("encryption_roots") or {}).items()):
        if form in _BY_KEY:
            looked.compared += 1
            if root not in known:
                looked.problems.append(f"the key of {root} is missing")
    return looked


def _read(looked: Looked, files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        value = json.loads(files.get(name, b""))
    except ValueError:
        value = None
    looked.compared += 1
    if not isinstance(value, dict):
        looked.problems.append(f"{name} is missing or cannot be read")
        return {}
    return value


def _look_at_archive(looked: Looked, archive: bytes) -> None:
    looked.compared += 1
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            members = {os.path.basename(item.name): _member(tar, item) for item in tar.getmembers() if item.isfile()}
    except (tarfile.TarError, EOFError, OSError):
        looked.problems.append(f"{ARCHIVE} does not open as an archive")
        return
    looked.compared += 2
    if not members.get(SEED, b"").strip():
        looked.problems.append(f"the secret seed ({SEED}) is missing: no stored password could be read after a restore")
    said = _database_problem(members.get(DATABASE, b""))
    if said:
        looked.problems.append(f"the database ({DATABASE}) {said}")


def _member(tar: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    if item.size > _MOST_BYTES:
        return b""
    file = tar.extractfile(item)
    return file.read() if file is not None else b""


def _database_problem(content: bytes) -> str:
    if not content:
        return "is missing"
    with tempfile.TemporaryDirectory(prefix="drtool-") as directory:
        path = f"{directory}/config.db"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                rows = database.execute("pragma integrity_check").fetchall()
                tables = database.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0]
        except sqlite3.Error as error:
            return f"is damaged: {error}"
    if rows != [("ok",)]:
        return f"is damaged: {rows[0][0]}"
    return "" if tables else "has no tables"
