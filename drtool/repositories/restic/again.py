"""Listing a stored stream once more, for another point: nothing of it is read, moved or stored again.

restic does not read a file of which the snapshot that it is told as the parent says the same name, size and time of change, and takes the
contents from there. So it is shown an empty file of that name, size and time. What it made of that is compared with what was stored, by
restic too: had it read the empty file after all, that would be zeros in place of data.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Final

from drtool.model.bounds import is_plain
from drtool.model.errors import Corrupt, DrtoolError, Refused
from drtool.ports import Earlier, PutRequest, PutResult
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.fetch import find_data
from drtool.repositories.restic.labels import data_tags
from drtool.repositories.restic.output import Message, OutputReader, number, parse_line
from drtool.repositories.restic.store import bytes_added, summary_of, take_back
from drtool.staging.scratch import scratch_here

_TIME: Final = re.compile(r"(\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_SAFE: Final = "earlier points are untouched"


def put_again(client: ResticClient, request: PutRequest, earlier: Earlier) -> PutResult:
    """List a stream of an earlier point once more under the labels of the request.

    Raises:
        NotFound: this repository does not hold it, or not any more.
        Corrupt: it is not there as it was stored; nothing stays listed then.
        Refused: an empty file as long as it is cannot be made here.
    """
    labels, census = request.labels, earlier.artifact.census
    row = find_data(client, earlier.artifact, point=earlier.point, workload=labels.workload)
    node = _node(client, row.id, labels.workload)
    path, size = str(node["path"]), number(node, "size")
    if size != census.bytes:
        raise Corrupt(f"{labels.workload} of the point {earlier.point} has {size} bytes in {client.name}, not {census.bytes}", safe=_SAFE)
    reader = OutputReader()
    with scratch_here() as directory:
        _make_empty(Path(directory) / path.lstrip("/"), size, _nanoseconds(str(node.get("mtime", ""))))
        call = Call(
            commands.backup_unchanged(path.lstrip("/"), parent=row.id, host=labels.source, tags=data_tags(labels, inside=path)),
            f"list {labels.workload} once more",
            nice=request.nice,
            directory=directory,
        )
        completed = client.run(call, on_output=reader.take, on_error=reader.take)
    summary = summary_of(client, reader, completed, labels.workload)
    snapshot = str(summary["snapshot_id"])
    try:
        _require_same(client, row.id, snapshot, labels.workload)
    except DrtoolError:
        take_back(client, reader)
        raise
    return PutResult(snapshot=snapshot, files=1, bytes=size, stored_bytes=bytes_added(summary), sha256=census.sha256)


def _node(client: ResticClient, snapshot: str, workload: str) -> Message:
    """Return what the one file of a stream is, as it was stored."""
    found: list[Message] = []

    def take(line: bytes) -> None:
        message = parse_line(line)
        if message is not None and message.get("type") == "file":
            found.append(message)

    client.run(Call(commands.browse(snapshot, ""), "look at what was stored"), on_output=take)
    if len(found) != 1 or not is_plain(str(found[0].get("path"))):
        raise Corrupt(f"{workload} is no single file in {client.name}", hint=f"drtool verify {client.name}", safe=_SAFE)
    return found[0]


def _make_empty(path: Path, size: int, changed: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.truncate(size)
        os.utime(path, ns=(changed, changed))
    except (OSError, OverflowError) as error:
        words = f"no empty file of {size} bytes can be made in the directory for temporary files: {error}"
        raise Refused(words, hint="let TMPDIR name a file system that has sparse files of that length", safe=_SAFE) from None


def _nanoseconds(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise Refused(f"restic tells a time that cannot be read: {text[:100]!r}", safe=_SAFE)
    seconds = datetime.fromisoformat(f"{match[1]}{'+00:00' if match[3] == 'Z' else match[3]}").timestamp()
    return int(seconds) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))


def _require_same(client: ResticClient, stored: str, listed: str, workload: str) -> None:
    """Let restic compare the contents, by the names of all their parts."""
    told: list[Message] = []

    def take(line: bytes) -> None:
        message = parse_line(line)
        if message is not None:
            told.append(message)

    client.run(Call(commands.difference(stored, listed), "compare what it lists with what was stored"), on_output=take)
    ends = [each for each in told if each.get("message_type") == "statistics"]
    changes = [each for each in told if each.get("message_type") == "change" and "M" in str(each.get("modifier"))]
    sides = [side for end in ends for side in (end.get("added"), end.get("removed"))]
    same = len(ends) == 1 and ends[0].get("changed_files") == 0 and all(isinstance(side, dict) for side in sides)
    if not same or changes or any(side.get("files") != 0 or side.get("data_blobs") != 0 for side in sides if isinstance(side, dict)):
        raise Corrupt(
            f"{workload} cannot be listed once more in {client.name}: it is not there any more as it was stored",
            hint=f"drtool verify {client.name}",
            safe=_SAFE,
        )
