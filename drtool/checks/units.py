from __future__ import annotations

import re
from typing import Final

_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")


def parse_size(text: str) -> int:
    """Read `10MiB` or `10MB` as bytes; raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("must be a size with its unit, such as 10MiB or 10MB")
    return int(float(found[1]) * _BYTES[found[2]])
