from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping

from drtool import __version__
from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode, encode
from drtool.model.policy import Policy
from drtool.model.summary import Summary

_FORMAT = 1
_FOLDERS = ("index", "memory", "accepted")
"""What lies in them decides: each file in them is looked at, and none of them has many."""
_FILES = ("machine", "lanes.json", "evidence", "evidence/key", "evidence/rotations")


class SummaryFile:
    """What the listings of a policy amounted to when a look last went through them: a cache, absent means it is worked out anew.

    It holds for exactly the policy, the release of drtool and the files of the state directory it was made of: each of those is replaced
    by rename when it changes, so that none of them changes without another inode or time.
    """

    def __init__(self, state_directory: str, policy: Policy, environment: Mapping[str, str]) -> None:
        self._state_directory, self._policy, self._environment = state_directory, policy, environment
        self._path = os.path.join(state_directory, "summary", f"{hashlib.sha256(policy.name.encode()).hexdigest()[:16]}.json")

    def basis(self) -> str:
        """Return a digest of all that a summary is made of, as it is now: taken before the listings are read, it can only be too old."""
        machine = self._environment.get("DRTOOL_MACHINE", "")
        total = hashlib.sha256(repr((_FORMAT, __version__, machine, sorted(self._files()))).encode("utf-8", "surrogateescape"))
        total.update(canonical(self._policy))
        return total.hexdigest()

    def load(self) -> Summary | None:
        """Return what is known; None when nothing is, or when any of what it was made of has changed."""
        data = read_json(self._path)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            if data is not None and data["basis"] == self.basis():
                return decode(Summary, data["summary"])
        return None

    def save(self, summary: Summary, *, basis: str) -> None:
        """Keep a summary that was made of `basis`; a state directory that cannot be written costs only the cache."""
        if not summary.lasts:
            return
        with contextlib.suppress(OSError):
            make_folder(os.path.dirname(self._path))
            write_atomically(self._path, canonical({"basis": basis, "summary": encode(summary)}))

    def _files(self) -> Iterable[tuple[str, int, int, int, int]]:
        for folder in _FOLDERS:
            names: list[str] = []
            with contextlib.suppress(OSError):
                names = os.listdir(os.path.join(self._state_directory, folder))
            yield from self._looked_at(f"{folder}/{name}" for name in names if name.endswith(".json"))
        yield from self._looked_at(_FILES)

    def _looked_at(self, names: Iterable[str]) -> Iterable[tuple[str, int, int, int, int]]:
        for name in names:
            with contextlib.suppress(OSError):
                there = os.stat(os.path.join(self._state_directory, name))
                yield name, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns
