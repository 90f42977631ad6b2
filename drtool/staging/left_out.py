"""What in a tree in service a point left out: by its rules, and where that is not known by what the restored tree lacks."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from drtool.model.carried import LeftOut
from drtool.model.command import Command
from drtool.model.errors import Refused
from drtool.model.point import CANARY_NAME
from drtool.trees.contents import Facts, found_facts
from drtool.trees.filesystem import ENVIRONMENT, FileSystem
from drtool.trees.patterns import excluded_by

CACHE_TAG: Final = "CACHEDIR.TAG"
CACHE_HEADER: Final = "Signature: 8a477f597d28d172789f06886806bc55"
_ENTRY: Final = r"%y %D %s %T@ %C@ %B@ %P\0"
_HEAD: Final = (
    'length=$1; shift; for file do printf "%s\\0" "$file"; '
    'if test -f "$file" && test ! -L "$file" && test -r "$file"; then head -c "$length" -- "$file" | tr "\\0" "\\1"; else printf "?"; fi; '
    'printf "\\0"; done'
)
_OURS: Final = re.compile(rb"\.drtool-.*|.*\.drtool\.json|.*\.before-(undo-)?[0-9A-HJKMNP-TV-Z]{26}(-[0-9]+)?", re.DOTALL)
"""Names of what cutovers keep and stage: it stays where its label says it is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that was left out, relative to the tree, with all that lies in it; not `certain`: nothing says so but its age."""

    path: str
    kind: str
    device: str
    files: int = 0
    bytes: int = 0
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Walked:
    """A tree in service, walked once: what was left out, top-most only, and what was changed after the point."""

    device: str
    candidates: tuple[Candidate, ...]
    newer: Mapping[bytes, Facts]
    """By path below the tree, everything but directories that was changed after the point, or put there."""


def walk(file_system: FileSystem, *, tree: str, stored: str, rules: LeftOut, restored: str = "") -> Walked:
    """Walk a tree in service that lay at `stored` when the point was made; `restored` is what the point holds of it, once it is there.

    What is newer is looked for only while nothing is restored yet.
    """
    walked = _Walk(stored, rules, _tagged(file_system, rules, [root for root in (tree, restored) if root]), looks_for_newer=not restored)
    command = Command(("find", tree, "-xdev", "-printf", _ENTRY), environment=ENVIRONMENT)
    completed = file_system.stream(command, walked.take)
    if completed.exit_code not in (0, 1):
        raise Refused(f"listing {tree} failed: {completed.said(300)}")
    return walked.result()


class _Walk:
    """Takes entries as find lists them: a directory before what lies in it, and all of that at once."""

    def __init__(self, stored: str, rules: LeftOut, tagged: Mapping[bytes, frozenset[bytes]], *, looks_for_newer: bool) -> None:
        self._base = os.fsencode(stored.rstrip("/")) + b"/"
        self._rules = rules
        self._excluded = excluded_by(rules.exclude)
        self._tagged = tagged
        self._missing = frozenset(os.fsencode(place) for place in rules.missing)
        self._instant = rules.instant.timestamp() if rules.instant is not None else float("inf")
        self._device = b""
        self._current: Candidate | None = None
        self._inside = b""
        self._found: list[Candidate] = []
        self._looks_for_newer = looks_for_newer
        self._newer: dict[bytes, Facts] = {}

    def take(self, entry: bytes) -> None:
        kind, device, size, modified, changed, _born, path = entry.split(b" ", 6)
        if not path:
            self._device = device
            return
        is_file = kind != b"d"
        if self._current is not None and path.startswith(self._inside):
            self._count(is_file=is_file, size=int(size) if kind == b"f" else 0)
            return
        self._end()
        if self._is_left_out(kind, device, path):
            self._inside = path + b"/"
            self._current = Candidate(os.fsdecode(path), kind.decode("ascii"), device.decode("ascii"))
            self._count(is_file=is_file, size=int(size) if kind == b"f" else 0)
        elif is_file and self._looks_for_newer and max(float(modified), float(changed)) > self._instant:
            self._newer[path] = found_facts(kind.decode("ascii"), int(size), modified.decode("ascii"))

    def result(self) -> Walked:
        self._end()
        return Walked(self._device.decode("ascii"), tuple(self._found), self._newer)

    def _count(self, *, is_file: bool, size: int) -> None:
        if self._current is not None and is_file:
            self._current = replace(self._current, files=self._current.files + 1, bytes=self._current.bytes + size)

    def _end(self) -> None:
        if self._current is not None:
            self._found.append(self._current)
            self._current = None

    def _is_left_out(self, kind: bytes, device: bytes, path: bytes) -> bool:
        folder, _slash, name = path.rpartition(b"/")
        if kind == b"s" or (_OURS.fullmatch(name) and name != os.fsencode(CANARY_NAME)):
            return True
        if self._rules.one_file_system and device != self._device:
            return True
        place = self._base + path
        if place in self._missing or any(tag != name for tag in self._tagged.get(folder, ())):
            return True
        return self._excluded(place)


def _tagged(file_system: FileSystem, rules: LeftOut, roots: list[str]) -> dict[bytes, frozenset[bytes]]:
    """Return the directories, relative to their root, whose content a tag leaves out, and by which tags."""
    wanted = [(rule.partition(":")[0], rule.partition(":")[2]) for rule in rules.exclude_if_present]
    wanted += [(CACHE_TAG, CACHE_HEADER)] if rules.exclude_caches else []
    wanted = [(tag, header) for tag, header in wanted if tag]
    if not wanted:
        return {}
    tests: list[str] = []
    for tag, _header in wanted:
        tests += ["-o"] if tests else []
        tests += ["-path", "*/" + re.sub(r"([*?\[\]\\])", r"\\\1", tag)]
    found: dict[str, tuple[str, bytes]] = {}
    for root in roots:
        output = file_system.run("find", root, "-xdev", "(", *tests, ")", "-print0").standard_output
        found |= {os.fsdecode(name): (root, name[len(os.fsencode(root)) + 1 :]) for name in output.split(b"\0") if name}
    longest = max(len(os.fsencode(header)) for _tag, header in wanted)
    heads = _heads(file_system, list(found), longest) if longest else {}
    tagged: dict[bytes, set[bytes]] = {}
    for full, (_root, path) in found.items():
        for tag, header in wanted:
            name = os.fsencode(tag)
            if path != name and not path.endswith(b"/" + name):
                continue
            head = heads.get(full, b"?")
            if header and head != b"?" and not head.startswith(os.fsencode(header)):  # what cannot be read counts: in doubt it is carried
                continue
            tagged.setdefault(path[: -len(name)].rstrip(b"/"), set()).add(name)
    return {folder: frozenset(tags) for folder, tags in tagged.items()}


def _heads(file_system: FileSystem, files: list[str], length: int) -> dict[str, bytes]:
    joined = b"".join(os.fsencode(name) + b"\0" for name in files)
    argv = ("xargs", "-0", "-r", "-n", "500", "sh", "-c", _HEAD, "drtool", str(length))
    fields = file_system.run(*argv, standard_input=joined).standard_output.split(b"\0")
    return {os.fsdecode(name): head for name, head in zip(fields[0::2], fields[1::2], strict=False)}


def kinds_of(file_system: FileSystem, root: str, paths: Iterable[str]) -> dict[str, str]:
    """Return what lies at each path below a root, as a letter of find; what is not there is absent."""
    return {path: fields[0] for path, fields in tell(file_system, root, paths, "%y").items()}


def tell(file_system: FileSystem, root: str, paths: Iterable[str], form: str) -> dict[str, tuple[str, ...]]:
    """Return what find prints of each path below a root (`.` is the root itself) in a form without NUL; one command for all."""
    wanted = {posixpath.normpath(f"{root}/{path}"): path for path in paths}
    if not wanted:
        return {}
    script = 'form=$1; shift; find "$@" -maxdepth 0 -printf "$form\\0%p\\0" 2>/dev/null; true'
    joined = b"".join(os.fsencode(name) + b"\0" for name in wanted)
    output = file_system.require(
        "looking at what was left out", *("xargs", "-0", "-r", "sh", "-c", script, "drtool", form), standard_input=joined
    )
    fields = output.split(b"\0")
    return {
        wanted[os.fsdecode(name)]: tuple(os.fsdecode(facts).split(" "))
        for facts, name in zip(fields[0::2], fields[1::2], strict=False)
        if os.fsdecode(name) in wanted
    }


def children_of(file_system: FileSystem, root: str, folders: Iterable[str]) -> Iterator[tuple[str, str, str, float]]:
    """Yield path, kind, device and the instant since when it exists, of everything that lies directly in folders below a root."""
    joined = b"".join(os.fsencode(posixpath.normpath(f"{root}/{folder}")) + b"\0" for folder in folders)
    if not joined:
        return
    script = 'find "$@" -mindepth 1 -maxdepth 1 -printf "%y %D %C@ %B@ %p\\0"; true'
    output = file_system.require(
        "looking at what was left out", *("xargs", "-0", "-r", "sh", "-c", script, "drtool"), standard_input=joined
    )
    base = len(os.fsencode(root.rstrip("/"))) + 1
    for entry in filter(None, output.split(b"\0")):
        kind, device, changed, born, path = entry.split(b" ", 4)
        since = min(float(changed), float(born)) if born[:1].isdigit() and float(born) > 0 else float(changed)
        yield os.fsdecode(path[base:]), kind.decode("ascii"), device.decode("ascii"), since
