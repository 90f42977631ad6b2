"""Looking for names in many snapshots by one restic: its answer is one line without end, read as it comes, with words in its middle."""

from __future__ import annotations

import codecs
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused, TimedOut, Unavailable
from drtool.model.point import DataSnapshot
from drtool.ports import Entry, FindRequest
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import translate
from drtool.repositories.restic.fetch import LISTING_GOOD_SECONDS
from drtool.repositories.restic.inside import REPLACED, as_marked, entry_of, list_entries
from drtool.repositories.restic.output import clean

_AT_ONCE: Final = 500
"""Snapshots of one command: its words stay far below what a system takes."""
_MOST_FOLDERS: Final = 8
"""So many are listed one by one; of more the whole snapshot is."""
_LONGEST_BYTES: Final = 4 << 20
"""Of one entry, or of one line of words."""
_BEGIN: Final = '{"matches":['
_END: Final = re.compile(r'\],"hits":(\d{1,19}),"snapshot":"([0-9a-f]{8,64})"\}')
_LONGEST_END: Final = 200
_BELONGS: Final = re.compile(r"\.\.\. which belongs to snapshot ([0-9a-f]{8,64})")
_IGNORED: Final = re.compile(rb'Ignoring "([0-9a-f]{8,64})"')
_DECODER: Final = json.JSONDecoder()


def find(client: ResticClient, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
    """Look for what is wanted, in hundreds of snapshots by one command; returns why by id of each that was not gone through whole.

    What restic cannot read it says in the middle of its answer, and ends well; what is not there any more, on standard error alone.
    """
    failed: dict[str, DrtoolError] = {}
    for first in range(0, len(request.data), _AT_ONCE):
        failed |= _find(client, replace(request, data=request.data[first : first + _AT_ONCE]), on_found)
    return failed


def _find(client: ResticClient, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> dict[str, DrtoolError]:
    asked = {data.id: data for data in request.data}
    roots = _roots(client, asked)
    marked: defaultdict[str, list[Entry]] = defaultdict(list)
    different: dict[Entry, Entry] = {}

    def take(snapshot: str, entries: Iterable[Entry]) -> None:
        if snapshot not in asked:
            raise _not_understood(client, f"it tells of {snapshot}, for which it was not asked")
        for entry in entries:
            if roots.get(snapshot, "").startswith(f"{entry.path}/"):
                continue
            if REPLACED in entry.path:
                marked[snapshot].append(different.setdefault(entry, entry))
                request.require_few(len(different))
            else:
                on_found(asked[snapshot], entry)

    reader, aside = FindReader(lambda path: REPLACED in path or request.wanted(path), take, request.require_few), _SaidAside()
    call = Call(commands.find(asked, request.names, ignore_case=request.ignore_case), "look for names")
    piped = client.pipe(call, consume=reader.feed, on_error=aside.hear)
    if piped.command.exit_code != 0:
        raise translate(piped.command, repository=client.name, verb=call.verb)
    if aside.left_out or not reader.is_whole:
        raise _not_understood(client, aside.left_out or "its answer does not end")
    for snapshot, entry in _as_named(client, marked):
        if request.wanted(entry.path):
            on_found(asked[snapshot], entry)
    lost = {name: _why(client, name) for name in asked if name.startswith(reader.unloadable)}
    return {**lost, **{name: _missing(client, name) for name in asked if name.startswith(tuple(aside.missing))}}


def _roots(client: ResticClient, snapshots: Collection[str]) -> dict[str, str]:
    """Return by snapshot where the artifact in it lies."""
    return {row.id: row.path for row in client.read(maximum_age_seconds=LISTING_GOOD_SECONDS).rows if row.id in snapshots}


class _SaidAside:
    """What matters of standard error: snapshots that are not there any more, and entries that are left out of the answer."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.left_out = ""

    def hear(self, line: bytes) -> None:
        self.missing.update(found[1].decode() for found in _IGNORED.finditer(line))
        if line.startswith(b"Marshal"):
            self.left_out = clean(line.decode("utf-8", "replace"))


def _why(client: ResticClient, snapshot: str) -> DrtoolError:
    """Return why a snapshot is not gone through: restic does not say it while it looks for names, but where it lists them."""
    try:
        client.run(Call(commands.browse(snapshot, ""), "list what is inside"), on_output=lambda _line: None)
    except (Interrupted, TimedOut):
        raise
    except DrtoolError as error:
        return error
    return Unavailable(f"a part of what {client.name} has of it could not be read", hint="type the same again")


def _missing(client: ResticClient, snapshot: str) -> NotFound:
    return NotFound(f"the data {snapshot[:8]} is not in {client.name} any more", hint="drtool points --refresh")


def _not_understood(client: ResticClient, why: str) -> Refused:
    return Refused(
        f"what restic says it found in {client.name} cannot be read: {why}",
        hint="look which program answers there: restic version; `drtool ls POINT` lists a point without looking for names",
        safe="nothing was changed",
    )


class FindReader:
    """Reads what `find --json` prints, piece by piece; of each snapshot only what is `wanted` is kept until its id is told, behind it.

    `require_few` is told how much that is by now.
    """

    def __init__(
        self,
        wanted: Callable[[str], bool],
        take: Callable[[str, list[Entry]], None],
        require_few: Callable[[int], None] = lambda _waiting: None,
    ) -> None:
        self._wanted = wanted
        self._take = take
        self._require_few = require_few
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._entries: list[Entry] | None = None
        self._seen = 0
        self._ended = False
        self._unable = 0
        self._belonging: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Whether the answer came to its end, and each part that could not be read is told with its snapshot."""
        return self._ended and self._entries is None and not self._text.strip() and self._unable == len(self._belonging)

    @property
    def unloadable(self) -> tuple[str, ...]:
        """The snapshots of which something could not be read."""
        return tuple(dict.fromkeys(self._belonging))

    def feed(self, chunk: bytes) -> None:
        """Take bytes as they come; Refused for what is no such answer."""
        self._text += self._decoder.decode(chunk)
        place = 0
        while (after := self._step(place)) is not None:
            place = after
        self._text = self._text[place:]
        if len(self._text) > _LONGEST_BYTES:
            raise self._refused("an entry without end")

    def _step(self, place: int) -> int | None:
        """Read one thing and return where the next begins; None: more has to come first."""
        character = self._text[place : place + 1]
        if not character:
            return None
        if character in ", \r\n" or (character == "[" and self._entries is None):
            return place + 1
        if character == "{":
            return self._begun(place) if self._entries is None else self._entry(place, self._entries)
        if character == "]":
            return self._done(place, self._entries)
        end = self._text.find("\n", place)
        if end < 0:
            return None
        self._hear(self._text[place:end])
        return end + 1

    def _begun(self, place: int) -> int | None:
        if len(self._text) - place < len(_BEGIN):
            return None
        if not self._text.startswith(_BEGIN, place):
            raise self._refused(self._text[place : place + 60])
        self._entries, self._seen = [], 0
        return place + len(_BEGIN)

    def _entry(self, place: int, entries: list[Entry]) -> int | None:
        try:
            message, end = _DECODER.raw_decode(self._text, place)
        except json.JSONDecodeError:
            return None
        except RecursionError:
            raise self._refused("an entry without bottom") from None
        except ValueError:
            raise self._refused("a number without end") from None
        self._seen += 1
        if self._wanted(clean(str(message.get("path", "")))):
            entries.append(entry_of(message))
            self._require_few(len(entries))
        return end

    def _done(self, place: int, entries: list[Entry] | None) -> int | None:
        if entries is None:
            self._ended = True
            return place + 1
        found = _END.match(self._text, place)
        if found is None:
            if len(self._text) - place < _LONGEST_END:
                return None
            raise self._refused(self._text[place : place + 60])
        if int(found[1]) != self._seen:
            raise self._refused(f"{found[1]} hits, and {self._seen} came")
        self._entries = None
        self._take(found[2], entries)
        return found.end()

    def _hear(self, line: str) -> None:
        self._unable += line.startswith("Unable to load tree ")
        if (found := _BELONGS.match(line)) is not None:
            self._belonging.append(found[1])

    def _refused(self, why: str) -> Refused:
        return Refused(
            f"what restic says it found cannot be read: {why[:100]!r}",
            hint="look which program answers there: restic version",
            safe="nothing was changed",
        )


def _as_named(client: ResticClient, marked: Mapping[str, Sequence[Entry]]) -> Iterator[tuple[str, Entry]]:
    """Give names that are no UTF-8 back as they are (surrogate escapes): JSON cannot say them, a list of names alone can.

    A name that was found out is known for every snapshot that has the same; where the list does not fit, the marks stay.
    """
    known: dict[Entry, str] = {}
    for snapshot, entries in marked.items():
        paths = [known[entry] for entry in entries] if known.keys() >= set(entries) else _paths(client, snapshot, entries)
        for entry, path in zip(entries, paths, strict=True):
            yield snapshot, replace(entry, path=path)
        if len(set(entries)) == len(entries):
            known |= dict(zip(entries, paths, strict=True))


def _paths(client: ResticClient, snapshot: str, entries: Sequence[Entry]) -> list[str]:
    """Return the paths of a snapshot's entries as `ls` tells them in the same order: `find` of 0.19 spoils percent signs without JSON."""
    above = {entry.path.partition(REPLACED)[0].rpartition("/")[0] for entry in entries}
    deep = len(above) > _MOST_FOLDERS or any(REPLACED in entry.path.rpartition("/")[0] for entry in entries)
    listed: defaultdict[Entry, deque[str]] = defaultdict(deque)
    for folder in sorted(above) if len(above) <= _MOST_FOLDERS else [""]:
        for entry in list_entries(client, snapshot, folder, deep=deep):
            listed[_marked(entry)].append(entry.path)
    return [waiting.popleft() if (waiting := listed[_marked(entry)]) else entry.path for entry in entries]


def _marked(entry: Entry) -> Entry:
    return replace(entry, path=as_marked(entry.path.encode("utf-8", "surrogateescape")))
