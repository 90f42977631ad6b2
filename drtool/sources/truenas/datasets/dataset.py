from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.model.errors import NotFound
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.above import is_asked, with_above
from drtool.sources.truenas.datasets.labels import PREFIX, Label, read_label, read_marks

_PROPERTIES: Final = (
    *("used", "referenced", "logicalreferenced", "usedbydataset", "origin", "readonly", "mounted", "recordsize", "compression"),
    *("atime", "acltype", "aclmode", "xattr", "quota", "refquota", "casesensitivity", "sync", "snapdir", "exec", "copies", "volsize"),
    *("encryption", "encryptionroot", "keyformat", "keystatus"),
    *("volblocksize", "refreservation", "reservation", "special_small_blocks", "checksum", "dedup"),
)
_AS_TOLD: Final = {"special_small_blocks": "special_small_block_size", "dedup": "deduplication"}
"""What the interface calls some of them."""
_RECORDED: Final = (
    "recordsize",
    "compression",
    "atime",
    "acltype",
    "aclmode",
    "quota",
    "refquota",
    "casesensitivity",
    "sync",
    "snapdir",
    "exec",
    "copies",
    "reservation",
    "refreservation",
    "special_small_block_size",
    "checksum",
    "deduplication",
)
_NUMBERS: Final = ("quota", "refquota", "copies", "reservation", "refreservation", "special_small_block_size")
_OF_VOLUMES: Final = ("compression", "sync", "copies", "checksum", "deduplication")
_DECIDING: Final = ("recordsize", "compression", "acltype", "aclmode")
"""What decides how data is written."""
VOLUME: Final = "VOLUME"
_EVERY: Final = ["id", "!=", ""]
"""A filter that every dataset passes."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset or volume as the NAS tells it; `mountpoint` is where it has it, empty for a volume and for a locked one."""

    id: str
    type: str
    mountpoint: str = ""
    encrypted: bool = False
    locked: bool = False
    encryption_root: str = ""
    """The dataset whose key it shares: itself, or one above it."""
    key_form: str = ""
    """`HEX`, `RAW` or `PASSPHRASE`."""
    origin: str = ""
    referenced: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    """Its own user properties, without ours."""
    in_effect: Mapping[str, str] = field(default_factory=dict)
    """Those and the ones it inherits."""
    label: Label | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    """All that we wrote on it, without the prefix: also on what is no leftover."""
    comments: str = ""
    """What a person wrote about it, where that was written here."""
    inode: int = 0
    """Of its root directory, where the NAS was asked for it just now; 0 where it was not."""

    @property
    def pool(self) -> str:
        """The pool it lies in."""
        return self.id.partition("/")[0]

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume, which has blocks and no files."""
        return self.type == VOLUME

    @property
    def is_bare_clone(self) -> bool:
        """Whether it looks like a clone of ours that has no label yet."""
        return self.label is None and f"/{PREFIX}-clone-" in self.id and f"@{PREFIX}-" in self.origin

    @property
    def is_under_way(self) -> bool:
        """Whether a run or a restore of ours made it and it goes again, or is kept for a while: it belongs to nobody else's state."""
        return self.label is not None or self.is_bare_clone

    @property
    def volume_bytes(self) -> int:
        """The size of a volume, 0 for a file system."""
        return _number(self.told, "volsize")

    @property
    def parent(self) -> str:
        """The dataset above it, empty for a pool's root."""
        return self.id.rpartition("/")[0]

    def recorded(self) -> dict[str, Any]:
        """Return what a new dataset must be told to be like this one: properties set here, in the words of `pool.dataset.create`."""
        found: dict[str, Any] = {}
        if self.is_volume:
            block = str((self.told.get("volblocksize") or {}).get("value") or "")
            found |= {"volsize": self.volume_bytes, "sparse": _number(self.told, "refreservation") == 0}
            found |= {"volblocksize": block} if block else {}
        for name in _OF_VOLUMES if self.is_volume else _RECORDED:
            told = self.told.get(name)
            if not isinstance(told, Mapping) or str(told.get("source") or "").upper() not in ("LOCAL", "NONE", "RECEIVED"):
                continue
            raw = str(told.get("rawvalue") or "")
            if name in _NUMBERS:
                if raw.isdigit() and int(raw) > 0:
                    found[name] = int(raw)
            elif told.get("value"):
                found[name] = self.worth(name)
        if self.comments:
            found["comments"] = self.comments
        return found

    def inherited(self) -> dict[str, str]:
        """Return what decides how its data is written and was not set here, as it is worth here, in the same words."""
        own = self.recorded()
        return {name: self.worth(name) for name in _DECIDING if name not in own and self.worth(name)}

    def worth(self, name: str) -> str:
        """Return what a property is worth here, wherever it was set; empty where there is none of that name."""
        told = self.told.get(name)
        return str(told.get("value") or "").upper() if isinstance(told, Mapping) else ""


def read_datasets(client: ApiClient, *filters: list[Any]) -> tuple[Dataset, ...]:
    """Return the datasets and volumes that match a query's filters, parents before children.

    The one above each is asked for with them, as only that tells what of ours came down from it.
    """
    extra = {"properties": list(_PROPERTIES)}
    rows = {str(row["id"]): row for row in ask_datasets(client, with_above(filters), extra)}
    found = [name for name in sorted(rows) if is_asked(name, filters)]
    above = {name.rpartition("/")[0] for name in found if any(map(_is_ours, rows[name].get("user_properties") or ()))} - rows.keys() - {""}
    if above:  # filters that do not go by names
        rows |= {str(row["id"]): row for row in ask_datasets(client, [["id", "in", sorted(above)]], extra)}
    return tuple(_dataset(rows[name], rows) for name in found)


def ask_datasets(client: ApiClient, filters: Sequence[list[Any]], extra: Mapping[str, Any], *select: str) -> list[dict[str, Any]]:
    """Ask for the rows of all datasets that match, wherever they lie, in the order of their names and without those below them.

    Without children the NAS looks at the roots of pools alone, unless a filter is there, whichever, and on 25.04 unless it is a single one
    by name. There it has to tell all of them with what lies below, which is then left out here.
    """
    wide = not _goes_by_name(filters) and not client.knows("pool.dataset.rename")
    options: dict[str, Any] = {"extra": {**extra, **({} if wide else {"retrieve_children": False})}, "order_by": ["id"]}
    if select:
        options["select"] = list(select)
    rows = client.read("pool.dataset.query", list(filters) or ([] if wide else [_EVERY]), options)
    return [{name: value for name, value in row.items() if name != "children"} for row in rows]


def _goes_by_name(filters: Sequence[list[Any]]) -> bool:
    return len(filters) == 1 and filters[0][0] == "id" and filters[0][1] in ("=", "in")


def find_dataset(client: ApiClient, name: str) -> Dataset | None:
    """Return one dataset, None when there is none of that name."""
    return next(iter(read_datasets(client, ["id", "=", name])), None)


def require_dataset(client: ApiClient, name: str) -> Dataset:
    """Return one dataset; NotFound when there is none of that name."""
    found = find_dataset(client, name)
    if found is None:
        raise NotFound(f"{name} does not exist on {client.source}", hint="look whether it was renamed or destroyed on the NAS")
    return found


def names_of_tree(client: ApiClient, root: str) -> tuple[str, ...]:
    """Return the names alone of a dataset and everything below it."""
    below = [["OR", [["id", "=", root], ["id", "^", f"{root}/"]]]]
    rows = ask_datasets(client, below, {"properties": [], "retrieve_user_props": False}, "id")
    return tuple(sorted(str(row["id"]) for row in rows))


def _is_ours(name: str) -> bool:
    return name.startswith(f"{PREFIX}:")


def _dataset(row: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> Dataset:
    name = str(row["id"])
    users = {key: told for key, told in (row.get("user_properties") or {}).items() if ":" in key}  # others are the vendor's own words
    above = rows.get(name.rpartition("/")[0], {} if "/" not in name else row)  # of one that went away nobody knows what came from it
    marks = read_marks(users, above.get("user_properties") or {})
    in_effect = {
        name: str(told.get("rawvalue") or told.get("value") or "")
        for name, told in users.items()
        if not _is_ours(name) and isinstance(told, Mapping)
    }
    return Dataset(
        id=name,
        type=str(row.get("type") or "FILESYSTEM"),
        mountpoint=str(row.get("mountpoint") or ""),
        encrypted=bool(row.get("encrypted")),
        locked=bool(row.get("locked")),
        encryption_root=str(row.get("encryption_root") or "") if row.get("encrypted") else "",
        key_form=_form(row) if row.get("encrypted") else "",
        origin=_plain(row, "origin"),
        referenced=_number(row, "logicalreferenced") or _number(row, "referenced") or _number(row, "usedbydataset"),
        told={key: row[key] for key in (_AS_TOLD.get(each, each) for each in _PROPERTIES) if key in row},
        users={name: value for name, value in in_effect.items() if str(users[name].get("source") or "LOCAL").upper() == "LOCAL"},
        in_effect=in_effect,
        label=read_label(marks, name),
        marks=marks,
        comments=_comments(row) if _comments(row) != (_comments(above) if above is not row else "") else "",
    )


def _comments(row: Mapping[str, Any]) -> str:
    """Newer releases tell them among the properties of users and call them local, wherever they come from."""
    told = row.get("comments") or (row.get("user_properties") or {}).get("comments")
    if not isinstance(told, Mapping) or str(told.get("source") or "LOCAL").upper() not in ("LOCAL", "RECEIVED"):
        return ""
    text = str(told.get("rawvalue") or told.get("value") or "")
    return "" if text == "-" else text


def _form(row: Mapping[str, Any]) -> str:
    told = row.get("key_format")
    text = (told.get("value") or told.get("rawvalue")) if isinstance(told, Mapping) else told
    return str(text or "").upper()


def _plain(row: Mapping[str, Any], name: str) -> str:
    told = row.get(name)
    text = str(told.get("rawvalue") or "") if isinstance(told, Mapping) else str(told or "")
    return "" if text == "-" else text


def _number(row: Mapping[str, Any], name: str) -> int:
    text = _plain(row, name)
    return int(text) if text.isdigit() else 0


def free_bytes(client: ApiClient, name: str) -> int:
    """Return the bytes that may still be written in a dataset."""
    rows = ask_datasets(client, [["id", "=", name]], {"properties": ["available"]})
    return _number(rows[0], "available") if rows else 0
