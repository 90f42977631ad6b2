from __future__ import annotations

from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def identifier(milliseconds: int, randomness: bytes) -> str:
    """Spell an id of 26 characters that sorts by time: 48 bits of milliseconds and 80 bits of randomness (ULID, Crockford base 32)."""
    number = (milliseconds << 80) | int.from_bytes(randomness[:10], "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_identifier(text: str) -> bool:
    """Tell whether `text` is spelled like one of our ids (names from platforms and repositories are hostile input)."""
    return len(text) == 26 and all(character in _ALPHABET for character in text)  # noqa: PLR2004 - the length above


def instant_of(text: str) -> datetime | None:
    """Return when an id was made; None when it is not spelled like one of ours."""
    if not is_identifier(text):
        return None
    milliseconds = 0
    for character in text[:10]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(character)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
