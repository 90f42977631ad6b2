"""Finds what may be a label: files of this user that nobody else may write, for a label decides what is renamed and removed."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable
from typing import Final

from drtool.model.errors import Refused
from drtool.trees import near
from drtool.trees.filesystem import FileSystem

_MOST_BYTES: Final = 255 * 1024
_MOST_IN_ALL: Final = 64 << 20

# GNU grep prints name and content of all of them by one process, NUL behind each, however many there are; where another grep is, each is
# printed by a process of its own.
_FOUND = (
    '-type f -uid "$(id -u)" ! -perm /022 -size -256k '
    "'(' -name '.drtool-*.json' -o -name '*.drtool.json' ')' "
    "'(' -exec grep -aHzZ '' '{}' + ')'; exit 0; fi; "
)
_EACH = (
    '-type f -uid "$(id -u)" ! -perm /022 -size -256k '
    "'(' -name '.drtool-*.json' -o -name '*.drtool.json' ')' "
    "-printf '%p\\0' '(' -exec cat -- '{}' ';' -o -true ')' -printf '\\0'; true"  # one that is gone meanwhile must not shift the others
)
_GNU = "grep -azZ '' /dev/null 2>/dev/null; if test $? -eq 1; then "
_IN_FOLDERS = f'{_GNU}find -H "$@" -maxdepth 1 {_FOUND}find -H "$@" -maxdepth 1 {_EACH}'
_THEMSELVES = f'{_GNU}find -P "$@" -maxdepth 0 {_FOUND}find -P "$@" -maxdepth 0 {_EACH}'


def bodies(file_system: FileSystem, places: Iterable[str], *, inside: bool) -> dict[str, bytes]:
    """Return by path what may be labels hold: those that lie directly in folders, or those at the places themselves."""
    wanted = tuple(dict.fromkeys(places))
    if not wanted:
        return {}
    if file_system.near is not None:
        return file_system.near.look(lambda: _seen(wanted, inside=inside), what="looking for markers")
    names = b"".join(os.fsencode(place) + b"\0" for place in wanted)
    argv = ("xargs", "-0", "-r", "-n", "500", "sh", "-c", _IN_FOLDERS if inside else _THEMSELVES, "drtool")
    fields = file_system.require("looking for markers", *argv, standard_input=names).split(b"\0")
    told = list(zip(fields[0::2], fields[1::2], strict=False))
    once = Counter(place for place, _body in told)
    # what holds a NUL is told in parts, and is no label
    return {posixpath.normpath(os.fsdecode(place)): body for place, body in told if once[place] == 1}


def _seen(places: tuple[str, ...], *, inside: bool) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    kept = 0
    for place in places:
        for path in near.named_in(place, _is_named) if inside else (place,):
            body = near.read_private(path, most_bytes=_MOST_BYTES) if _is_named(posixpath.basename(path)) else None
            if body is not None and b"\0" not in body:
                found[posixpath.normpath(path)] = body
                kept += len(body)
                if kept > _MOST_IN_ALL:
                    raise Refused(
                        f"there are more files than anybody's labels in {place}",
                        hint="look at what ends in .drtool.json there, and who put it there",
                    )
    return found


def _is_named(name: str) -> bool:
    return (name.startswith(".drtool-") and name.endswith(".json")) or name.endswith(".drtool.json")
