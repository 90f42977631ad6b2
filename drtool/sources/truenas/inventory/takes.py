"""What a NAS takes for a new dataset: some of what it shows of one that was set up in its shell it refuses to set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

_SMALLEST_QUOTA: Final = 1024**3
_LARGEST_RECORD: Final = 16 << 20
_LARGEST_COPIES: Final = 3
_ON_OFF: Final = frozenset({"ON", "OFF"})
_COMPRESSIONS: Final = frozenset(
    (
        *("ON", "OFF", "LZ4", "GZIP", "GZIP-1", "GZIP-9", "ZSTD", "ZSTD-FAST", "ZLE", "LZJB"),
        *(f"ZSTD-{level}" for level in range(1, 20)),
        *(f"ZSTD-FAST-{level}" for level in (*range(1, 11), *range(20, 101, 10), 500, 1000)),
    )
)
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "compression": _COMPRESSIONS,
    "atime": _ON_OFF,
    "exec": _ON_OFF,
    "acltype": frozenset({"OFF", "NFSV4", "POSIX"}),
    "aclmode": frozenset({"PASSTHROUGH", "RESTRICTED", "DISCARD"}),
    "casesensitivity": frozenset({"SENSITIVE", "INSENSITIVE"}),
    "sync": frozenset({"STANDARD", "ALWAYS", "DISABLED"}),
    "snapdir": frozenset({"DISABLED", "VISIBLE", "HIDDEN"}),
    "deduplication": frozenset({"ON", "VERIFY", "OFF"}),
    "checksum": frozenset({"ON", "OFF", "FLETCHER2", "FLETCHER4", "SHA256", "SHA512", "SKEIN", "EDONR", "BLAKE3"}),
    "volblocksize": frozenset({"512", "512B", "1K", "2K", "4K", "8K", "16K", "32K", "64K", "128K"}),
}


def settable(properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide what was recorded into what a NAS takes for a new dataset, and what it would refuse with everything else."""
    taken = {name: value for name, value in properties.items() if _is_taken(name, value)}
    return taken, {name: value for name, value in properties.items() if name not in taken}


def spell(refused: Mapping[str, Any]) -> str:
    """Return what a restore leaves out, in words, empty for nothing."""
    if not refused:
        return ""
    told = ", ".join(f"{name} {value}" for name, value in sorted(refused.items()))
    return f"without {told}: the NAS shows that and does not take it for a new dataset; set it in its shell"


def _is_taken(name: str, value: object) -> bool:
    if name in _WORDS:
        return value in _WORDS[name]
    judge = _NUMBERS.get(name)
    return judge is None or judge(value)


def _quota(value: object) -> bool:
    return isinstance(value, int) and (value == 0 or value >= _SMALLEST_QUOTA)


def _record(value: object) -> bool:
    size = _size(str(value))
    return 512 <= size <= _LARGEST_RECORD and not size & (size - 1)  # noqa: PLR2004 - the smallest there is


def _small_block(value: object) -> bool:
    return isinstance(value, int) and (value == 0 or _record(value))


def _copies(value: object) -> bool:
    return isinstance(value, int) and 1 <= value <= _LARGEST_COPIES


def _comments(value: object) -> bool:
    return isinstance(value, str)


def _reservation(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _size(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "B": 1}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    return int(number) * unit if number.isdigit() else 0


_NUMBERS: Final[Mapping[str, Callable[[object], bool]]] = {
    "quota": _quota,
    "refquota": _quota,
    "recordsize": _record,
    "copies": _copies,
    "special_small_block_size": _small_block,
    "reservation": _reservation,
    "refreservation": _reservation,
    "comments": _comments,
}
