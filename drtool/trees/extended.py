"""Extended attributes and access lists as one digest per file, read from what `getfattr` prints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

EXTENDED: Final = (
    *("xargs", "-0", "-r", "sh", "-c"),
    'command -v getfattr >/dev/null || exit 1; getfattr --absolute-names -h -d -m - -e hex -- "$@" 2>/dev/null; true',
    "drtool",
)
"""Prints the attributes of the files named, NUL-separated, on standard input; fails where there is no getfattr."""

_KEPT: Final = (b"user.", b"system.posix_acl_")
"""What everybody may set; security labels and trusted attributes belong to a machine and to root."""

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


def read_extended(output: bytes, names: Iterable[bytes]) -> dict[bytes, str]:
    """Return the SHA-256 in hex of each file's attributes by name, of nothing for those that have none."""
    found: dict[bytes, list[bytes]] = {name: [] for name in names}
    for block in output.split(b"\n\n"):
        head, *lines = block.strip(b"\n").split(b"\n")
        name = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), head.removeprefix(b"# file: "))
        if name in found:
            found[name] = sorted(line for line in lines if line.startswith(_KEPT))
    return {name: hashlib.sha256(b"\n".join(lines)).hexdigest() for name, lines in found.items()}
