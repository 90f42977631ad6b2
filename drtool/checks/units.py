from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_DURATION: Final = re.compile(r"(?:[0-9]+[smhdw])+")
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")


def parse_duration(text: str) -> timedelta:
    """Read `90s 15m 4h 30d`, also joined (`1h30m`); raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 90s, 15m, 4h or 30d")
    return timedelta(seconds=sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[0-9]+[smhdw]", text)))


def parse_size(text: str) -> int:
    """Read `10MiB` or `10MB` as bytes; raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("must be a size with its unit, such as 10MiB or 10MB")
    return int(float(found[1]) * _BYTES[found[2]])
