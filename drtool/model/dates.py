"""Which dates of files a repository can keep."""

from __future__ import annotations

from typing import Final

_NANOSECONDS: Final = 1_000_000_000
_LARGEST: Final = (1 << 63) - 1


def is_kept(seconds: int) -> bool:
    """Tell whether restic restores a date, in seconds since 1970, as it was.

    Seen with 0.14, 0.18 and 0.19: it counts in nanoseconds of 64 bits, from 1677 to 2262, and a date beyond comes back as another one.
    """
    return abs(seconds) < _LARGEST // _NANOSECONDS
