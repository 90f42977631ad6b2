"""Carrying back: what was in service and the point left out is renamed into the restored tree before that goes into service."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from drtool.model.carried import CARRIED_FORMAT, Carried, CarriedRecord, Folder, LeftOut, Survey
from drtool.model.codec import canonical, decode
from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.lying import lies_in
from drtool.model.quantity import spell_bytes
from drtool.ports import Entry
from drtool.staging.left_out import Candidate, children_of, kinds_of, tell, walk
from drtool.staging.rename import rename_all
from drtool.trees.contents import held_facts
from drtool.trees.filesystem import FileSystem, ancestors

_NAMED: Final = 3
_LOOKED: Final = 500
_FOLDER: Final = "%m %U %G %T@"
_MAKE: Final = (
    'while test "$#" -ge 4; do mkdir -m 700 -- "$1" 2>/dev/null || { test -d "$1" && test ! -L "$1"; } || exit 1; '
    'chown -h -- "$3:$4" "$1" 2>/dev/null || :; chmod -- "$2" "$1" || exit 1; shift 4; done'
)
_TOUCH: Final = 'while test "$#" -ge 2; do touch -c -h -d "@$2" -- "$1" 2>/dev/null || :; shift 2; done'


@dataclass(slots=True)
class Chosen:
    """What will be carried back: the record of it, what it counts, and what a person must know."""

    entries: dict[str, Candidate] = field(default_factory=dict)
    folders: tuple[Folder, ...] = ()
    stays: list[str] = field(default_factory=list)
    """Left out, and where it was the point has something else."""
    doubtful: list[str] = field(default_factory=list)
    device: str = ""

    @property
    def files(self) -> int:
        """All that is carried but directories."""
        return sum(item.files for item in self.entries.values())

    @property
    def bytes(self) -> int:
        """Of regular files."""
        return sum(item.bytes for item in self.entries.values())


def survey(
    file_system: FileSystem,
    *,
    tree: str,
    stored: str,
    rules: LeftOut,
    home: str,
    leave: bool = False,
    held: Callable[[], Iterable[Entry]] = tuple,
) -> Survey:
    """Tell before anything is restored what an exchange of `tree` would mean; Refused where what was left out cannot be renamed.

    With `leave` nothing is carried back; it is counted with what stays aside. What was put there after the point and is the same as in the
    point (`held`), as after a restore of it, is not newer.
    """
    found = walk(file_system, tree=tree, stored=stored, rules=rules)
    known = held_facts(held(), stored) if found.newer else {}
    newer = [facts for path, facts in found.newer.items() if path not in known or not facts.tells_the_same_as(known[path])]
    newer_files, newer_bytes = len(newer), sum(facts.bytes for facts in newer)
    if leave:
        files, size = sum(item.files for item in found.candidates), sum(item.bytes for item in found.candidates)
        return Survey(0, 0, newer_files + files, newer_bytes + size)
    _refuse_elsewhere(tree, found.candidates, found.device, _device_of(file_system, home))
    notes: tuple[str, ...] = ()
    if not rules.complete:
        notes = (f"not all of {tree} could be read when the point was made: what is older and not in the point is carried back too",)
    return Survey(
        sum(item.files for item in found.candidates),
        sum(item.bytes for item in found.candidates),
        newer_files,
        newer_bytes,
        notes,
    )


def added(surveys: Iterable[Survey]) -> Survey:
    """Return the sum of what was seen of several trees."""
    every = tuple(surveys)
    return Survey(
        sum(each.carried_files for each in every),
        sum(each.carried_bytes for each in every),
        sum(each.newer_files for each in every),
        sum(each.newer_bytes for each in every),
        tuple(note for each in every for note in each.notes),
    )


def choose(file_system: FileSystem, *, tree: str, restored: str, stored: str, rules: LeftOut) -> Chosen:
    """Choose what is renamed out of `tree` into `restored`; a name that the point restored stays as restored.

    Raises Refused by name where something would have to be renamed onto another file system.
    """
    found = walk(file_system, tree=tree, stored=stored, rules=rules, restored=restored)
    chosen = Chosen(device=found.device)
    _settle(file_system, chosen, tree=tree, restored=restored, candidates=found.candidates)
    if not rules.complete:
        _look_closer(file_system, chosen, tree=tree, restored=restored, stored=stored, rules=rules)
    if not chosen.entries:
        return chosen
    _refuse_elsewhere(tree, chosen.entries.values(), found.device, _device_of(file_system, restored))
    _make_way(file_system, chosen, tree=tree, restored=restored)
    return chosen


def _settle(file_system: FileSystem, chosen: Chosen, *, tree: str, restored: str, candidates: Iterable[Candidate]) -> None:
    """Take the candidates whose names are free; where both are directories, ask what lies in them."""
    waiting = {item.path: item for item in candidates}
    while waiting:
        there = kinds_of(file_system, restored, waiting)
        shared = []
        for path, item in waiting.items():
            if path not in there:
                chosen.entries[path] = item
            elif there[path] == item.kind == "d":
                shared.append(path)
            else:
                chosen.stays.append(path)
        waiting = {path: Candidate(path, kind, device) for path, kind, device, _since in children_of(file_system, tree, shared)}
        _count(file_system, tree, waiting)


def _look_closer(file_system: FileSystem, chosen: Chosen, *, tree: str, restored: str, stored: str, rules: LeftOut) -> None:
    """Add what existed before the point and is not in it: not everything that could not be read then has been told."""
    instant = rules.instant.timestamp() if rules.instant is not None else float("inf")
    shared = ["."]
    while shared:
        inside = {
            path: (kind, device, since)
            for path, kind, device, since in children_of(file_system, tree, shared)
            if path not in chosen.entries
        }
        there = kinds_of(file_system, restored, inside)
        shared = [path for path, (kind, *_rest) in inside.items() if kind == there.get(path) == "d"]
        doubtful: dict[str, Candidate] = {}
        for path, (kind, device, since) in inside.items():
            named = any(posixpath.join(stored, path) in words for words in rules.unreadable)
            if path not in there and (named or since <= instant):
                doubtful[path] = Candidate(path, kind, device, certain=named)
        _count(file_system, tree, doubtful)
        covered = [path for path in chosen.entries if any(lies_in(path, outer) for outer in doubtful)]
        for path in covered:
            del chosen.entries[path]
        chosen.entries.update(doubtful)
        chosen.doubtful += [path for path, item in doubtful.items() if not item.certain]


def _count(file_system: FileSystem, tree: str, items: dict[str, Candidate]) -> None:
    """Count what lies in candidates that were found one by one."""
    if not items:
        return
    joined = b"".join(os.fsencode(f"{tree}/{path}") + b"\0" for path in items)
    script = 'for place do printf "%s\\0" "$place"; find "$place" -xdev ! -type d -printf "%y %s\\n" 2>/dev/null; printf "\\0"; done'
    output = file_system.require("counting", *("xargs", "-0", "-r", "sh", "-c", script, "drtool"), standard_input=joined)
    fields = output.split(b"\0")
    for place, lines in zip(fields[0::2], fields[1::2], strict=False):
        path = os.fsdecode(place)[len(tree) + 1 :]
        counted = [line.split(b" ") for line in lines.splitlines()]
        size = sum(int(number) for kind, number in counted if kind == b"f")
        items[path] = replace(items[path], files=len(counted), bytes=size)


def _make_way(file_system: FileSystem, chosen: Chosen, *, tree: str, restored: str) -> None:
    """Find the folders that hold what is carried; one that the point does not hold is made like the one in service."""
    parents = {above for path in chosen.entries for above in _parents(path)}
    there = kinds_of(file_system, restored, parents)
    blocked = {path for path in parents if there.get(path, "d") != "d"}
    if blocked:
        lost = [path for path in chosen.entries if any(above in blocked for above in _parents(path))]
        chosen.stays += lost
        for path in lost:
            del chosen.entries[path]
        parents = {above for path in chosen.entries for above in _parents(path)}
    holding = {posixpath.dirname(path) or "." for path in chosen.entries}
    made = {path for path in parents if path not in there}
    touched = sorted(holding | made | {posixpath.dirname(path) or "." for path in made})
    before, after = tell(file_system, tree, touched, _FOLDER), tell(file_system, restored, touched, _FOLDER)
    folders = []
    for path in touched:
        if path not in before:
            raise Conflict(f"{tree}/{path} is gone", hint="restore again", safe="nothing was moved")
        mode, user, group, modified = before[path]
        restored_at = after[path][3] if path in after else ""
        folders.append(Folder(path, path in made, mode, int(user), int(group), modified, restored_at))
    chosen.folders = tuple(folders)


def _parents(path: str) -> list[str]:
    return [above.lstrip("/") or "." for above in ancestors("/" + path)]


def _device_of(file_system: FileSystem, place: str) -> str:
    found = file_system.look((place,))
    if place not in found:
        raise NotFound(f"{place} is not there", hint="restore again")
    return found[place].device


def _refuse_elsewhere(tree: str, candidates: Iterable[Candidate], device: str, home: str) -> None:
    for item in candidates:
        if item.device != home or device != home:
            raise Refused(
                f"{tree}/{item.path} was left out of the point and lies on another file system than the restored data will:"
                " it cannot be carried back by a rename",
                hint="restore what lies beside it, with: --path PATH, or leave it aside, with: --leave-excluded",
                safe=f"{tree} is untouched",
            )


def write_record(file_system: FileSystem, chosen: Chosen, place: str) -> Carried | None:
    """Write down what is to be carried, before the first rename; None when that is nothing."""
    if not chosen.entries:
        return None
    counted = Carried(place, "", len(chosen.entries), chosen.files, chosen.bytes)
    return write(file_system, CarriedRecord(tuple(sorted(chosen.entries)), chosen.folders), counted, place)


def write(file_system: FileSystem, record: CarriedRecord, counted: Carried, place: str) -> Carried:
    """Write a record whole or not at all, and return its name, digest and counts."""
    body = canonical(record) + b"\n"
    file_system.write(place, body)
    return replace(counted, record=place, sha256=hashlib.sha256(body).hexdigest())


def read_record(file_system: FileSystem, carried: Carried) -> CarriedRecord:
    """Read what a marker says is to be carried; Conflict when it is not what was written."""
    completed = file_system.run("cat", "--", carried.record)
    body = completed.standard_output
    if completed.exit_code != 0 or hashlib.sha256(body).hexdigest() != carried.sha256:
        raise Conflict(
            f"{carried.record} is not what was written there: it says what is carried back into service",
            hint="see what changed it; what was in service lies beside what was restored, and nothing more is moved",
        )
    record = decode(CarriedRecord, json.loads(body))
    if record.format != CARRIED_FORMAT:
        raise Conflict(f"{carried.record} was written by another drtool", hint="go on with the one that wrote it")
    for path in (*record.entries, *(folder.path for folder in record.folders)):
        if path.startswith("/") or ".." in path.split("/") or posixpath.normpath(path) != path:
            raise Conflict(f"{carried.record} names {path!r}", hint="see what changed it")
    return record


def carry(file_system: FileSystem, record: CarriedRecord, *, origin: str, target: str) -> tuple[str, ...]:
    """Rename everything of a record from one tree into another, repeated after a crash only what is left; returns what is gone meanwhile.

    Folders keep the times they had in both trees.
    """
    _require_real(file_system, record, origin, target)
    made = [folder for folder in record.folders if folder.made]
    if made:
        fields = [
            word for each in made for word in (posixpath.normpath(f"{target}/{each.path}"), each.mode, str(each.user), str(each.group))
        ]
        _batch(file_system, "making folders", _MAKE, fields, each=4)
    gone = rename_all(file_system, ((f"{origin}/{path}", f"{target}/{path}") for path in record.entries))
    times = [word for each in record.folders for word in (posixpath.normpath(f"{target}/{each.path}"), each.restored or each.modified)]
    times += [word for each in record.folders for word in (posixpath.normpath(f"{origin}/{each.path}"), each.modified)]
    _batch(file_system, "setting times", _TOUCH, times, each=2)
    return gone


def carry_back(file_system: FileSystem, record: CarriedRecord, *, origin: str, target: str) -> None:
    """Take back a `carry` that could not be finished: what was renamed goes to where it was."""
    _require_real(file_system, record, origin, target)
    rename_all(file_system, ((f"{target}/{path}", f"{origin}/{path}") for path in reversed(record.entries)))
    times = [word for each in record.folders for word in (posixpath.normpath(f"{origin}/{each.path}"), each.modified)]
    _batch(file_system, "setting times", _TOUCH, times, each=2)


def _require_real(file_system: FileSystem, record: CarriedRecord, *trees: str) -> None:
    """Refuse a record that leads through what is no real directory: one that we never wrote could reach anywhere by a link."""
    above = {parent for path in record.entries for parent in _parents(path)} | {folder.path for folder in record.folders}
    names = sorted({posixpath.normpath(f"{tree}/{path}") for tree in trees for path in above | {""}})
    for start in range(0, len(names), _LOOKED):
        for name, entry in file_system.look(names[start : start + _LOOKED]).items():
            if entry.type != "d":
                raise Refused(
                    f"{name} is not a real directory", hint="a link could lead anywhere: look who put it there", safe="nothing was moved"
                )


def words_of(target: str, chosen: Chosen) -> str:
    """Say what a person must know of what was carried, beside the counts."""
    told = []
    if chosen.stays:
        told.append(f"{_named(target, chosen.stays)} stays aside: the point has something else there")
    if chosen.doubtful:
        told.append(f"{_named(target, chosen.doubtful)} was carried back although it is not sure that the point left it out")
    return "; ".join(told)


def spell_carried(carried: Carried) -> str:
    """Say how much is carried back."""
    return f"{carried.files} {'file' if carried.files == 1 else 'files'} ({spell_bytes(carried.bytes)})"


def _named(target: str, paths: list[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(f"{target}/{path}" for path in paths[:_NAMED]) + more


def _batch(file_system: FileSystem, what: str, script: str, fields: list[str], *, each: int) -> None:
    joined = b"".join(os.fsencode(item) + b"\0" for item in fields)
    count = str(each * 250)
    file_system.require(what, *("xargs", "-0", "-r", "-n", count, "sh", "-c", script, "drtool"), standard_input=joined)
