"""What this user could read of a folder: its upper levels looked at, as a run would meet them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from typing import Any, Final

from drtool.model.command import Command
from drtool.model.errors import Refused, TimedOut
from drtool.model.workload import Workload
from drtool.ports import TriedReading
from drtool.staging.left_out import CACHE_TAG
from drtool.trees.filesystem import ENVIRONMENT, FileSystem
from drtool.trees.patterns import excluded_by

LEVELS: Final = 2
"""How deep is looked: a run reads everything, a look must end soon."""
_NAMED: Final = 20
_MOST_ENTRIES: Final = 100_000
_SECONDS: Final = 60.0
_BLOCK_BYTES: Final = 512
_READABLE: Final = (
    *("(", "-type", "d", "-readable", "-executable"),
    *("-o", "-type", "f", "-readable"),
    *("-o", "!", "-type", "d", "!", "-type", "f", ")"),
)
_FORM: Final = r"%y %s %b %p\0"


def try_reading(file_system: FileSystem, workload: Workload) -> TriedReading | None:
    """Return what of a workload's upper levels this user cannot read, and how many bytes lie there; None when that took too long.

    What its rules leave out is passed over, for a run never opens it. Bytes are counted as they lie on the disk: holes are none.
    """
    rules = dict(workload.selector)
    root = os.fsencode(str(rules["path"]))
    only = ("-xdev",) if rules.get("one_file_system") else ()
    look = ("find", str(rules["path"]), *only, "-maxdepth", str(LEVELS), *_READABLE, "-printf", f"+{_FORM}", "-o", "-printf", f"!{_FORM}")
    entries: list[tuple[bytes, int, bytes]] = []

    def take(entry: bytes) -> None:
        kind, size, blocks, path = entry.split(b" ", 3)
        if len(entries) < _MOST_ENTRIES:
            entries.append((kind, min(int(size), int(blocks) * _BLOCK_BYTES), path))

    try:
        completed = file_system.stream(Command(look, environment=ENVIRONMENT, timeout_seconds=_SECONDS), take)
    except (TimedOut, ValueError):
        return None
    if completed.exit_code not in (0, 1):
        raise Refused(f"looking at {rules['path']} failed: {completed.said(300)}")
    left_out = _left_out(rules, root, (path for _kind, _size, path in entries))
    stored = [entry for entry in entries if entry[2] not in left_out]
    barred = [os.fsdecode(path) for kind, _size, path in stored if kind.startswith(b"!")]
    more = (f"and {len(barred) - _NAMED} more",) if len(barred) > _NAMED else ()
    return TriedReading((*barred[:_NAMED], *more), sum(size for kind, size, _path in stored if kind == b"+f"))


def _left_out(rules: dict[str, Any], root: bytes, paths: Iterable[bytes]) -> set[bytes]:
    """Return what the rules leave out, of what find tells in its order: a folder before what lies in it."""
    excluded = excluded_by(tuple(rules.get("exclude", ())))
    ordered = list(paths)
    tags = {os.fsencode(str(rule).partition(":")[0]) for rule in rules.get("exclude_if_present", ())}
    tags |= {os.fsencode(CACHE_TAG)} if rules.get("exclude_caches") else set()
    tagged = {posixpath.dirname(path) for path in ordered if posixpath.basename(path) in tags}
    gone: set[bytes] = set()
    for path in ordered:
        folder = posixpath.dirname(path)
        if path == root:
            continue
        if folder in gone or excluded(path) or (folder in tagged and posixpath.basename(path) not in tags):
            gone.add(path)
    return gone
