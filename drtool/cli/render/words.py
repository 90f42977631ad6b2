"""Numbers, instants, ids and foreign names as a person reads them."""

from __future__ import annotations

import re
import shlex
import unicodedata
from datetime import UTC, datetime
from typing import Final

from drtool.model.quantity import spell_bytes

GOOD: Final = "✔"
BAD: Final = "✖"
FULL, EMPTY = "█", "░"
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_LONGEST_WHOLE_ID: Final = 10
_DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SHOWN_OF_A_DIGEST: Final = 8
_LAST_BYTE: Final = 0xFF
_LAST_OF_PLANE: Final = 0xFFFF


def printable(text: str) -> str:
    """Return `text` with everything escaped that a terminal could obey: names from platforms are hostile input."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # noqa: PLR2004 - an undecodable byte, as os.fsdecode spells it
        number -= 0xDC00
    if number <= _LAST_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _LAST_OF_PLANE else f"\\U{number:08x}"


def shell_word(text: str) -> str:
    """Return a word that bash, zsh and ksh read as exactly `text`, with nothing in it that a terminal could obey.

    What cannot be shown stands there by the numbers of its bytes.
    """
    if text.isprintable():
        return shlex.quote(text)
    spelled = (_spelled_in_quotes(character) for character in text)
    return f"$'{''.join(spelled)}'"


def _spelled_in_quotes(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def size(count: float) -> str:
    """Spell a number of bytes: `512 B`, `18.2 GiB`."""
    return spell_bytes(count)


def known_as_of(seconds: float) -> str:
    """Say how old the oldest listing is that is gone by."""
    return f"as of {duration(seconds)} ago" if seconds >= 1 else "as of now"


def duration(seconds: float) -> str:
    """Spell a duration closely, for tables: `40s`, `31m`, `2h04`, `12d`."""
    sign, whole = ("-", round(-seconds)) if seconds < 0 else ("", round(seconds))
    if whole < _MINUTE:
        return f"{sign}{whole}s"
    if whole < _HOUR:
        return f"{sign}{whole // _MINUTE}m"
    if whole < 2 * _DAY:
        hours, minutes = divmod(whole // _MINUTE, 60)
        return f"{sign}{hours}h{minutes:02d}" if minutes else f"{sign}{hours}h"
    return f"{sign}{whole // _DAY}d"


def long_duration(seconds: float) -> str:
    """Spell a duration in a sentence: `4.2 s`, `31 min`, `2 h 47 min`, `3 d 4 h`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds < _LONGEST_WHOLE_ID else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min {rest} s" if rest and minutes < _LONGEST_WHOLE_ID else f"{minutes} min"
    if whole < 2 * _DAY:
        hours, minutes = divmod(whole // _MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(whole // _HOUR, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def short_id(text: str) -> str:
    """Shorten an id to its ends: `01JD…7QK`."""
    text = printable(text)
    return text if len(text) <= _LONGEST_WHOLE_ID else f"{text[:4]}…{text[-3:]}"


def with_short_digests(text: str) -> str:
    """Shorten what nobody reads to its end, such as the id of something stored in the name of a step: `near/unsealed/1aa62c03…`."""
    return _DIGEST.sub(lambda found: f"{found[0][:_SHOWN_OF_A_DIGEST]}…", printable(text))


def clock_time(instant: datetime, now: datetime) -> str:
    """Spell an instant in UTC: `11:15` when it is of the same day as `now`, else `2026-11-20 11:15`."""
    instant, now = instant.astimezone(UTC), now.astimezone(UTC)
    return f"{instant:%H:%M}" if instant.date() == now.date() else f"{instant:%Y-%m-%d %H:%M}"


def stamp(instant: datetime) -> str:
    """Spell an instant in full: `2026-11-23 14:02:11 UTC`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(number: int, one: str, many: str = "") -> str:
    """Spell a number with its noun: `1 set`, `2 sets`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def width(text: str) -> int:
    """Return how many columns `text` takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
