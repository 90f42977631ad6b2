"""How a dataset is told: `{value, rawvalue, parsed, source, source_info}` for each property, with the vendor's names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from drtool.lab.truenas.answers import Json, date
from drtool.lab.truenas.state import State
from drtool.lab.truenas.storage import BLOCK, SPARSE, Dataset, Value

RENAMED: Final = {
    "dedup": "deduplication",
    "encryption": "encryption_algorithm",
    "keyformat": "key_format",
    "special_small_blocks": "special_small_block_size",
}
USER: Final = {
    "org.freenas:description": "comments",
    "org.freenas:quota_warning": "quota_warning",
    "org.freenas:quota_critical": "quota_critical",
    "org.freenas:refquota_warning": "refquota_warning",
    "org.freenas:refquota_critical": "refquota_critical",
    "org.truenas:managedby": "managedby",
}
_SIZES: Final = frozenset(
    {"used", "usedbychildren", "usedbydataset", "usedbyrefreservation", "usedbysnapshots", "available", "referenced", "volsize", "written"}
)
_LIMITS: Final = frozenset({"quota", "refquota", "reservation", "refreservation"})
_SWITCHES: Final = frozenset({"checksum", "atime", "exec", "readonly", "canmount", "xattr"})
_NUMBERS: Final = frozenset({"copies", "recordsize", "volblocksize", "createtxg", "guid"})
_ORDINARY: Final = (
    *("aclmode", "acltype", "atime", "available", "casesensitivity", "checksum", "compression", "compressratio", "copies", "creation"),
    *("dedup", "encryption", "exec", "keyformat", "origin", "pbkdf2iters", "quota", "readonly", "recordsize", "refquota"),
    *("refreservation", "reservation", "snapdev", "snapdir", "special_small_blocks", "sync", "used", "usedbychildren"),
    *("usedbydataset", "usedbyrefreservation", "usedbysnapshots", "volblocksize", "volsize", "xattr"),
)
_NOT_OF_VOLUMES: Final = frozenset(
    {"quota", "refquota", "recordsize", "atime", "exec", "xattr", "snapdir", "aclmode", "acltype", "casesensitivity"}
)
_CRYPTIC: Final = frozenset({"encryption", "encryptionroot", "keyformat", "keylocation", "keystatus"})
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_KIBI: Final = 1024


def told(dataset: Dataset, state: State, *, wanted: Sequence[str] | None = None, user: bool = True) -> dict[str, Json]:
    """Return the row of one dataset, without its children; `wanted` names properties, None means the usual ones."""
    volume = dataset.volume_bytes
    root = state.root_of(dataset.name)
    newer = state.at_least("25.10")
    row: dict[str, Json] = {
        "id": dataset.name,
        "type": "VOLUME" if volume else "FILESYSTEM",
        "name": dataset.name,
        "pool": dataset.name.partition("/")[0],
        "mountpoint": f"/mnt/{dataset.name}" if dataset.path and not volume else None,
        "children": [],
    }
    if not newer or wanted is None or _CRYPTIC & set(wanted):  # else nobody asked the pool for it
        row["encrypted"] = root is not None
        row["encryption_root"] = root
        row["key_loaded"] = root is not None and not state.encryption[root].locked
        row["locked"] = state.is_locked(dataset.name)
    for name in _ORDINARY if wanted is None else _known(wanted):
        if (name in _NOT_OF_VOLUMES and volume) or (name in {"volsize", "volblocksize"} and not volume):
            continue
        row[RENAMED.get(name, name)] = _property(name, _value(name, dataset, state))
    if user:
        own = {key: value for key, value in dataset.properties.items() if ":" in key and not key.startswith("drtool.lab:")}
        if newer:  # whoever set them: the vendor calls them all local, and tells its own among them, by their names of the interface
            row["user_properties"] = {USER.get(key, key): _property(key, Value(value.raw, "local")) for key, value in own.items()}
        else:
            row["user_properties"] = {key: _property(key, value) for key, value in own.items() if key not in USER}
            row |= {USER[key]: _property(key, value) for key, value in own.items() if key in USER}
    return row


def nested(rows: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return rows, each with the rows below it in `children`."""
    found = {row["id"]: row for row in rows}
    for name, row in found.items():
        parent = found.get(name.rpartition("/")[0])
        if parent is not None:
            parent["children"].append(row)
    return list(found.values())


def _known(wanted: Sequence[str]) -> list[str]:
    back = {new: old for old, new in RENAMED.items()}
    return [back.get(name, name) for name in wanted if name not in {"mountpoint", "encryptionroot", "keystatus"} and ":" not in name]


def _value(name: str, dataset: Dataset, state: State) -> Value:
    root = state.root_of(dataset.name)
    if name == "volsize":
        return Value(str(dataset.volume_bytes), "local")
    if name == "volblocksize":
        return Value(dataset.raw(BLOCK, "16384"), "-")
    if name == "refreservation" and dataset.volume_bytes:
        return Value("none" if dataset.raw(SPARSE) else str(dataset.volume_bytes), "local")
    if name == "encryption":
        return Value("aes-256-gcm" if root else "off", "-" if root else "default")
    if name == "keyformat":
        return Value(state.encryption[root].format.lower() if root else "none", "-" if root else "default")
    if name == "pbkdf2iters":
        passphrase = root is not None and state.encryption[root].format == "PASSPHRASE"
        return Value(str(state.encryption[root].iterations) if root and passphrase else "0", "-" if passphrase else "default")
    return dataset.properties.get(name, Value("0" if name in _SIZES or name in _LIMITS else "-", "-"))


def _property(name: str, value: Value) -> dict[str, Json]:
    raw = "" if value.raw == "-" else value.raw
    parsed: Json = raw
    text: str | None = raw if ":" in name or name == "origin" else raw.upper()
    if name == "creation":
        parsed, text = date(float(raw or 0)), raw
    elif name in _LIMITS:
        raw = "0" if raw in ("", "none") else raw
        parsed, text = (int(raw), _size(int(raw))) if raw != "0" else (None, None)
    elif name in _SIZES:
        parsed, text = int(raw or 0), _size(int(raw or 0))
    elif name in _SWITCHES:
        parsed = {"on": True, "off": False}.get(raw)
    elif name in _NUMBERS:
        parsed, text = int(raw or 0), _short(int(raw or 0)) if name in {"recordsize", "volblocksize"} else raw
    elif name in {"keyformat", "origin"}:
        parsed = raw or ("none" if name == "keyformat" else "")
    source, _, parent = value.source.partition(" from ")
    return {
        "parsed": parsed,
        "rawvalue": raw,
        "value": text,
        "source": {"-": "NONE", "local": "LOCAL", "default": "DEFAULT", "inherited": "INHERITED", "received": "RECEIVED"}.get(
            source, "NONE"
        ),
        "source_info": parent or None,
    }


def _size(number: int) -> str:
    amount, place = float(number), 0
    while amount >= _KIBI and place < len(_UNITS) - 1:
        amount, place = amount / _KIBI, place + 1
    return f"{amount:.2f}".rstrip("0").rstrip(".") + f" {_UNITS[place]}"


def _short(number: int) -> str:
    for unit, power in (("M", 20), ("K", 10)):
        if number >= 1 << power and number % (1 << power) == 0:
            return f"{number >> power}{unit}"
    return str(number)
