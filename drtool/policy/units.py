from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from drtool.model import quantity

SIZE_PATTERN = r"^\d+(\.\d+)? ?(KiB|MiB|GiB|TiB|kB|MB|GB|TB)$"

PERCENTAGE_PATTERN = r"^\d+(\.\d+)? ?%$"

_LARGEST = 2**60
_FACTORS = {
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


class WrongValueError(ValueError):
    """A value that cannot be read: what is wrong, and what to type instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse_duration(value: object) -> timedelta:
    """Read a duration as `drtool.model.quantity` does; WrongValueError otherwise."""
    hint = "durations are written 90s, 15m, 4h, 30d or 1h30m"
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise WrongValueError("a duration needs a unit", hint)
    if not isinstance(value, str):
        raise WrongValueError("must be a duration", hint)
    try:
        return quantity.parse_duration(value)
    except ValueError as error:
        raise WrongValueError(f"{shorten(value)} {error}", hint) from None


def parse_size(value: object) -> int:
    """Read a size such as `20MiB` or `1.5 GB` and return whole bytes; WrongValueError otherwise."""
    hint = "sizes are written 20MiB (KiB MiB GiB TiB, by 1024) or 20MB (kB MB GB TB, by 1000)"
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise WrongValueError("a size needs a unit", hint)
    if not isinstance(value, str):
        raise WrongValueError("must be a size", hint)
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]+)", value, re.ASCII)
    if match is None or match[2] not in _FACTORS:
        raise WrongValueError(f"{shorten(value)} is not a size", hint)
    size = int(Decimal(match[1]) * _FACTORS[match[2]])
    if not 0 < size <= _LARGEST:
        raise WrongValueError("a size must be more than nothing and at most 1 EiB", hint)
    return size


def parse_percentage(value: object) -> float:
    """Read `50%` and return 0.5; WrongValueError otherwise."""
    hint = "percentages are written 50%"
    if not isinstance(value, str):
        raise WrongValueError("must be a percentage", hint)
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?%", value, re.ASCII)
    if match is None or not float(match[1]):
        raise WrongValueError(f"{shorten(value)} is not a percentage", hint)
    return float(match[1]) / 100


def shorten(text: str, limit: int = 40) -> str:
    """Quote what somebody typed, on one line and not for ever."""
    line = " ".join(text.split())
    return f"`{line}`" if len(line) <= limit else f"`{line[:limit]}…`"
