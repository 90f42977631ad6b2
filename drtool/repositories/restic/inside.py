"""A look inside one snapshot, by the names that things have there."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace

from drtool.model.errors import NotFound
from drtool.model.point import Artifact
from drtool.ports import Entry
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.fetch import find_data
from drtool.repositories.restic.output import Message, clean, number, parse_line

REPLACED = "\N{REPLACEMENT CHARACTER}"


def browse(client: ResticClient, artifact: Artifact, point: str, workload: str, path: str, *, deep: bool = True) -> Iterator[Entry]:
    """List everything inside an artifact, or below `path` (without `deep`: directly in it); NotFound when there is no such path."""
    row = find_data(client, artifact, point=point, workload=workload)
    entries = list_entries(client, row.id, path, deep=deep)
    if path and not entries:
        raise NotFound(f"{path} is not in {workload} of this point", hint="drtool ls without a path shows what is in it")
    return iter(entries)


def list_entries(client: ResticClient, snapshot: str, path: str, *, deep: bool) -> list[Entry]:
    """Return everything inside a snapshot, or below `path` (without `deep`: directly in it), by names that are no UTF-8 too."""
    entries: list[Entry] = []

    def take(line: bytes) -> None:
        message = parse_line(line)
        if message is not None and message.get("struct_type", message.get("message_type")) == "node":
            entries.append(entry_of(message))

    client.run(Call(commands.browse(snapshot, path, deep=deep), "list what is inside"), on_output=take)
    if any(REPLACED in entry.path for entry in entries):
        plain = client.run(Call(commands.browse(snapshot, path, deep=deep, plain=True), "list names that are no UTF-8")).standard_output
        return with_raw_names(entries, plain)
    return entries


def with_raw_names(entries: list[Entry], plain: bytes) -> list[Entry]:
    """Return entries with the names that are no UTF-8 as they are (surrogate escapes), read off the list of names alone.

    JSON cannot say them: each of their bytes became a mark. The list has one line per entry in the same order, and a name's own line
    feeds are known from its entry. Where the two do not fit, the entries stay.
    """
    lines = plain.split(b"\n")[:-1]
    wanted = sum(entry.path.count("\n") + 1 for entry in entries)
    rest = iter(lines[len(lines) - wanted :] if wanted <= len(lines) else ())
    named = []
    for entry in entries:
        name = b"\n".join(itertools.islice(rest, entry.path.count("\n") + 1))
        if name.decode("utf-8", "replace") != entry.path and as_marked(name) != as_marked(os.fsencode(entry.path)):
            return entries
        named.append(replace(entry, path=os.fsdecode(name)))
    return named


def as_marked(name: bytes) -> str:
    """Spell a name with one mark for whatever bytes are no UTF-8, however many: programs count them differently."""
    return re.sub(f"{REPLACED}+", REPLACED, name.decode("utf-8", "replace"))


def entry_of(message: Message) -> Entry:
    """Return one item as restic tells it, by `ls` and `find` alike."""
    return Entry(
        path=clean(str(message.get("path", ""))),
        type=clean(str(message.get("type", ""))),
        bytes=number(message, "size"),
        mode=number(message, "mode") & 0o7777,
        modified=clean(str(message.get("mtime", ""))),
    )
