from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.sources.truenas.datasets.labels import PREFIX

ARCHIVE: Final = "config.tar"
KEYS: Final = "keys.json"
FACTS: Final = "facts.json"
DATABASE: Final = "freenas-v1.db"
SEED: Final = "pwenc_secret"
_MOST_BYTES: Final = 256 * 1024 * 1024
_MAGIC: Final = b"SQLite format 3\0"
_FORMATS: Final = slice(18, 20)
_WITH_LOG: Final = b"\2\2"
_WITHOUT_LOG: Final = b"\1\1"
_BY_KEY: Final = ("HEX", "RAW")
_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(slots=True)
class Looked:
    """What was looked at of an appliance's configuration, and what is wrong with it."""

    compared: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def verify(files: Mapping[str, bytes]) -> Looked:
    """Look at the files of an exported configuration without any NAS; nothing of it is written to a disk.

    The archive opens, its database is whole, the secret seed is there and not empty, and every dataset that was encrypted by a key has
    its key.
    """
    looked = Looked(bytes=sum(map(len, files.values())))
    _look_at_archive(looked, files.get(ARCHIVE, b""))
    facts, keys = _read(looked, files, FACTS), _read(looked, files, KEYS)
    known = {name: key for pool in keys.values() if isinstance(pool, dict) for name, key in pool.items()}
    roots = facts.get("encryption_roots")
    if not isinstance(roots, dict):
        looked.problems.append(f"{FACTS} does not tell which datasets are encrypted")
        return looked
    for root, form in sorted({**_roots_shown(looked, facts.get("pool.dataset.query")), **roots}.items()):
        if form not in _BY_KEY:
            continue
        looked.compared += 1
        if not known.get(root):
            looked.problems.append(f"the key of {root} is missing")
        elif not (isinstance(known[root], str) and _KEY.fullmatch(known[root])):
            looked.problems.append(f"what is kept as the key of {root} is no key")
    return looked


def _roots_shown(looked: Looked, rows: object) -> dict[str, str]:
    """Return what opens each encryption root that the listing of datasets shows by itself: that decides which keys must be there."""
    looked.compared += 1
    listed = [row for row in rows if isinstance(row, dict) and row.get("id")] if isinstance(rows, list) else []
    if not listed:
        looked.problems.append(f"{FACTS} lists no datasets, so nobody can tell which keys must be there")
    found: dict[str, str] = {}
    for row in listed:
        name, root = str(row["id"]), row.get("encryption_root")
        if not isinstance(row.get("encrypted"), bool):
            looked.problems.append(f"{FACTS} does not tell whether {name} is encrypted")
        elif row["encrypted"] and not _is_under_way(row):
            form = row.get("key_format")
            form = form.get("value") or form.get("rawvalue") if isinstance(form, dict) else form
            if not (isinstance(root, str) and root):
                looked.problems.append(f"{FACTS} does not tell whose key {name} has")
            elif not (isinstance(form, str) and form):
                looked.problems.append(f"{FACTS} does not tell what opens {name}")
            else:
                found[root] = form.upper()
    return found


def _is_under_way(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is of something that a run makes and takes away: it has no key of its own in the database."""
    users, origin = row.get("user_properties"), row.get("origin")
    origin = origin.get("rawvalue") if isinstance(origin, dict) else origin
    bare = f"/{PREFIX}-clone-" in str(row["id"]) and f"@{PREFIX}-" in str(origin)
    return bare or (isinstance(users, dict) and f"{PREFIX}:what" in users)


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
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:  # never a compressed one: it could grow without end
            for item in tar:
                name = os.path.basename(item.name)
                if name in members:
                    looked.problems.append(f"{ARCHIVE} holds {name} twice")
                elif name in (SEED, DATABASE) and item.isfile():
                    members[name] = _member(tar, item)
    except (tarfile.TarError, EOFError, OSError, ValueError):
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
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.execute("pragma temp_store = memory")
            database.deserialize(_without_log(content))
            rows = database.execute("pragma integrity_check").fetchall()
            tables = database.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0]
    except sqlite3.Error as error:
        return f"is damaged: {error}"
    if rows != [("ok",)]:
        return f"is damaged: {rows[0][0]}"
    return "" if tables else "has no tables"


def _without_log(content: bytes) -> bytes:
    """What expects a log beside it cannot be opened in memory: bytes 18 and 19 of the header say that it does."""
    if content.startswith(_MAGIC) and content[_FORMATS] == _WITH_LOG:
        return content[: _FORMATS.start] + _WITHOUT_LOG + content[_FORMATS.stop :]
    return content
