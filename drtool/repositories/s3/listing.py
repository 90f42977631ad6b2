"""Every version below a prefix, a page at a time: names that are judged, and a listing that must come to an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from drtool.model.errors import Conflict
from drtool.model.immutable import History, ObjectVersion
from drtool.process import shown
from drtool.repositories.s3.client import Bucket
from drtool.repositories.s3.layout import is_own, prefix_of

MOST_PAGES: Final = 50_000
"""Fifty million versions."""
MOST_VERSIONS: Final = 500
"""So many versions of one object are kept: the newest, and the oldest of the others. Whoever overwrites it ten thousand times adds none."""
_LONGEST: Final = 1024
_KINDS: Final = ("Versions", "DeleteMarkers")
_UNSPELLABLE: Final = "\ufffd"
"""What a server writes for a character that XML has no room for."""
_BEFORE_OURS: Final = "\x1f"
_BEHIND_OURS: Final = "\U0010ffff"
Row = tuple[str, ObjectVersion, bool]


def histories(bucket: Bucket, part: str, *, on_foreign: Callable[[int], None]) -> Iterator[History]:
    """Yield every object of a part, its versions the newest first; memory is that of a page, and of one object's versions.

    `on_foreign` is told how many names a page has that are none of that part's. They are dropped before anything is put in order: anybody
    who may write may choose them so that a server lists them in another order than it spells them.

    Raises:
        Conflict: the listing stands still, or tells what was not asked for, or no version or date.
    """
    for name, group in groupby(_rows(bucket, part, on_foreign), key=lambda row: row[0]):
        newest: list[ObjectVersion] = []
        oldest: list[ObjectVersion] = []
        for _name, version, latest in group:
            if latest:
                newest.insert(0, version)
            else:
                oldest.append(version)
                if len(oldest) > MOST_VERSIONS:
                    del oldest[0]
        yield History(name, tuple(newest + oldest))


def _rows(bucket: Bucket, part: str, on_foreign: Callable[[int], None]) -> Iterator[Row]:
    marker: dict[str, str] = {}
    last = ""
    strange: set[str] = set()
    for _page in range(MOST_PAGES):
        page = bucket.call("list_object_versions", Prefix=bucket.prefix + prefix_of(part), **marker)
        rows = [deque(_row(bucket, each, marker=kind == "DeleteMarkers") for each in page.get(kind, ())) for kind in _KINDS]
        before, strange = strange, {row[0] for each in rows for row in each if not is_own(part, row[0])}
        on_foreign(len(strange - before))
        for row in _ordered(*(deque(row for row in each if row[0] not in strange) for each in rows)):
            last = row[0]
            yield row
        if not page.get("IsTruncated"):
            return
        told = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
        following = {name: str(value) for name, value in told.items() if value}
        if _UNSPELLABLE in following.get("KeyMarker", ""):
            begins = following["KeyMarker"].partition(_UNSPELLABLE)[0]
            if last != (name := begins.removeprefix(bucket.prefix)) and is_own(part, name):  # some list that before the name
                hint = "remove whatever is called so with more behind it, as the owner of the bucket"
                raise Conflict(f"the listing of {bucket.name} cannot be followed past {name}", hint=hint)
            following = _past(begins, bucket.prefix + last, marker)
        if "KeyMarker" not in following or following == marker or following["KeyMarker"] < marker.get("KeyMarker", ""):
            raise Conflict(f"the listing of {bucket.name} does not go on", hint="is that an S3 server?")
        marker = following
    raise Conflict(f"the listing of {bucket.name} has more than {MOST_PAGES} pages", hint="is that an S3 server?")


def _past(begins: str, last: str, marker: dict[str, str]) -> dict[str, str]:
    """Return where to go on behind a name that the server cannot spell: it is none of ours, and lies before or behind those that are.

    Sent back as it was spelled it would stand behind all of ours that begin alike, and they would be passed over.
    """
    before = {"KeyMarker": begins + _BEFORE_OURS}
    return {"KeyMarker": begins + _BEHIND_OURS} if last.startswith(begins) or before == marker else before


def _ordered(versions: deque[Row], markers: deque[Row]) -> Iterator[Row]:
    """Join what a page tells apart, versions and markers: each is in order of age by itself, and between them the dates decide.

    Of one second, in which some servers tell dates, whatever is said to be the newest comes first.
    """
    while versions or markers:
        if not markers or (versions and _first(versions[0], markers[0])):
            yield versions.popleft()
        else:
            yield markers.popleft()


def _first(version: Row, marker: Row) -> bool:
    if version[0] != marker[0]:
        return version[0] < marker[0]
    return version[2] or (not marker[2] and version[1].written > marker[1].written)


def _row(bucket: Bucket, entry: dict[str, Any], *, marker: bool) -> Row:
    name, identity, written, size = entry.get("Key"), entry.get("VersionId"), entry.get("LastModified"), entry.get("Size", 0)
    if not isinstance(name, str) or not name.startswith(bucket.prefix):
        raise Conflict(f"{bucket.name} lists what was not asked for: {shown(str(name)[:100].encode())}", hint="is that an S3 server?")
    if not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST or not isinstance(written, datetime) or not isinstance(size, int):
        raise Conflict(f"{bucket.name} lists {shown(name[:100].encode())} without a version or a date", hint="is that an S3 server?")
    version = ObjectVersion(identity, written.astimezone(UTC), max(0, size), str(entry.get("ETag") or "")[:_LONGEST].strip('"'), marker)
    return name.removeprefix(bucket.prefix), version, bool(entry.get("IsLatest"))
