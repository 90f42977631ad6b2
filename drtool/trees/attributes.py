"""One order-free sum over everything that is told of a tree's entries; source and restored tree are added up alike.

The sum is kept in 256 groups, so that a live tree loses only the groups in which something changed. Memory does not grow with the tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from drtool.model.dates import is_kept
from drtool.model.point import Attributes
from drtool.trees.excludes import might_match

GROUPS: Final = 256
ENTRY: Final = r"%y %m %U %G %s %T@ %C@ %D %i %P\0%l\0"
"""What GNU find is to print of each entry: two NUL-terminated fields, the second is where a symbolic link points to."""

KINDS: Final = b"fdl"
_MASK: Final = (1 << 64) - 1
_DIGEST: Final = 8
_NAMED: Final = 3


class Tally:
    """Adds up entries in whatever order they come.

    Args:
        path: where the tree lies at its source; exclude patterns are about that.
        excludes: patterns; what they might leave out is left out of the sum.
        tagged: directories, relative to the tree, whose content a tag excludes.
        changed: groups that are not known, when what is added up is to be compared.
    """

    def __init__(self, path: str, *, excludes: Sequence[str] = (), tagged: Iterable[bytes] = (), changed: Iterable[int] = ()) -> None:
        self._base = path.rstrip("/")
        self._excluded = might_match(excludes) if excludes else None
        self._tagged = frozenset(tagged)
        self._changed = frozenset(changed)
        self.guards = [0] * GROUPS
        self.sums = [0] * GROUPS
        self.owners = [0] * GROUPS
        self.counts = [[0, 0, 0, 0] for _ in range(GROUPS)]
        """Of each group: regular files, directories, symbolic links, others."""
        self.below_change: set[int] = set()
        """Groups with a directory below a changed one: it may have come and gone while the source was read."""
        self.directories: list[list[bytes]] = [[] for _ in range(GROUPS)]
        """The first few directories of each group."""
        self.files = 0
        self.bytes = 0
        self.undated = 0
        """Entries with a date that the repository cannot keep: their groups cannot be compared."""
        self.undated_groups: set[int] = set()

    def watch(self, facts: bytes, target: bytes) -> None:
        """Take one entry only to see later whether it changed."""
        kind, *_rest, path = facts.split(b" ", 9)
        if kind != b"s" and not self._leaves_out(path):
            self.guards[_group(kind, path)] += hash((facts, target))

    def take(self, facts: bytes, target: bytes) -> None:
        """Take one entry as `ENTRY` prints it; sockets are no data and not counted."""
        kind, mode, user, group_id, size, modified, _changed, _device, _inode, path = facts.split(b" ", 9)
        if kind == b"f":
            self.files += 1
            self.bytes += int(size)
        if kind == b"s" or self._leaves_out(path):
            return
        group = _group(kind, path)
        self.guards[group] += hash((facts, target))
        seconds = modified.partition(b".")[0]
        if not is_kept(int(seconds)):
            self.undated += 1
            self.undated_groups.add(group)
        shown = (path, kind, size if kind == b"f" else b"", b"" if kind == b"l" else mode, seconds, target)
        self.sums[group] += _number(b"\0".join(shown))
        self.owners[group] += _number(b"\0".join((path, user, group_id)))
        place = KINDS.find(kind)
        self.counts[group][place] += 1  # others last: -1
        if kind == b"d":
            if self._changed and any(crc32(item) % GROUPS in self._changed for item in _above(path)):
                self.below_change.add(group)
            if len(self.directories[group]) <= _NAMED:
                self.directories[group].append(path)

    def _leaves_out(self, path: bytes) -> bool:
        if self._tagged and any(item in self._tagged for item in _above(path)):
            return True
        return self._excluded is not None and self._excluded(f"{self._base}/{path.decode('utf-8', 'surrogateescape')}")


def unchanged(before: Tally, after: Tally) -> Attributes:
    """Return what `after` was told of the groups in which everything is as it was `before`; the same process must have added up both."""
    groups = []
    counted = [0, 0, 0, 0]
    left_out = 0
    for group in range(GROUPS):
        counts = after.counts[group]
        if before.guards[group] != after.guards[group] or group in after.undated_groups:
            left_out += sum(counts)
            groups.append("")
            continue
        counted = [total + count for total, count in zip(counted, counts, strict=True)]
        numbers = ".".join(str(count) for count in counts)
        groups.append(f"{numbers}:{after.sums[group] & _MASK:016x}:{after.owners[group] & _MASK:016x}")
    files, directories, symlinks, others = counted
    return Attributes(files, directories, symlinks, others, left_out=left_out, groups=tuple(groups), undated=after.undated)


def changed_groups(recorded: Attributes) -> frozenset[int]:
    """Return the groups in which something changed while the source was read."""
    return frozenset(number for number, group in enumerate(recorded.groups) if not group)


def differences(recorded: Attributes, found: Tally, *, owners: bool) -> tuple[list[str], int, int]:
    """Compare a restored tree, added up with `changed_groups`, with what was recorded.

    Returns what differs in plain words, how many entries were compared, and how many could not be.
    """
    problems = []
    compared = 0
    left_out = 0
    for number, group in enumerate(recorded.groups):
        counts = found.counts[number]
        if not group:
            left_out += sum(counts)
            continue
        numbers, entries, owned = group.split(":")
        expected = [int(count) for count in numbers.split(".")]
        same = entries == f"{found.sums[number] & _MASK:016x}"
        same_owners = not owners or owned == f"{found.owners[number] & _MASK:016x}"
        if not (same and same_owners) and sum(counts) > sum(expected) and number in found.below_change:
            left_out += sum(counts)  # what came and went while it was read was stored, and nothing was recorded of it
            continue
        compared += sum(counts)
        if not (same and same_owners):
            problems.append(_problem(expected, counts, found.directories[number], same=same))
    return problems, compared, left_out


def _problem(expected: list[int], counts: list[int], directories: list[bytes], *, same: bool) -> str:
    names = " or ".join(f"./{name.decode('utf-8', 'backslashreplace')}".rstrip("/") for name in directories[:_NAMED])
    more = " or another directory" if len(directories) > _NAMED else ""
    place = f"in {names}{more}" if names else "in a directory that is missing"
    words = [
        f"{count} {noun} instead of {wanted}"
        for noun, count, wanted in zip(("files", "directories", "symbolic links", "others"), counts, expected, strict=True)
        if count != wanted
    ]
    what = ", ".join(words) or ("a mode, time, size or link target differs" if not same else "an owner or group differs")
    return f"{place}: {what}"


def _group(kind: bytes, path: bytes) -> int:
    return crc32(path if kind == b"d" else path.rpartition(b"/")[0]) % GROUPS


def _number(record: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(record, digest_size=_DIGEST).digest(), "big")


def _above(path: bytes) -> list[bytes]:
    """Return the directories above a relative path, the root (empty) included; none above the root."""
    found = []
    while path:
        path = path.rpartition(b"/")[0]
        found.append(path)
    return found
