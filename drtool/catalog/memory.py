from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode
from drtool.model.errors import Refused
from drtool.model.memory import Memory
from drtool.model.policy import RepositoryPolicy

_TRIES = 50
_TRY_SECONDS = 0.1
"""A memory is held for milliseconds; whoever holds it longer was stopped, and is not waited for."""


class MemoryFile:
    """What this machine remembers of one repository at one address: a small private file, replaced at once.

    A state directory that cannot be written costs only what is learned now, unless it has to be written down.
    """

    def __init__(self, path: str, repository: str) -> None:
        self._path, self._repository = path, repository
        self._unsaved: Memory | None = None

    def read(self) -> Memory:
        """Return what is remembered; nothing when the file is absent or damaged."""
        if self._unsaved is not None:
            return self._unsaved
        data = read_json(self._path)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            if data is not None:
                return decode(Memory, data)
        return Memory(self._repository)

    def change(self, make: Callable[[Memory], Memory], *, sleep: Callable[[float], None], must: bool = False) -> Memory:
        """Replace what is remembered by what `make` makes of it; Refused when it `must` be written down and cannot be."""
        try:
            make_folder(os.path.dirname(self._path))
            with self._alone(sleep):
                before = self.read()
                after = make(before)
                if after != before or self._unsaved is not None:
                    write_atomically(self._path, canonical(after))
        except OSError as error:
            if must:
                raise Refused(
                    f"what is forgotten in {self._repository} cannot be written down: {error.strerror or error}",
                    hint="free or repair the state directory",
                    safe="nothing was removed",
                ) from None
            self._unsaved = after = make(self.read())
        else:
            self._unsaved = None
        return after

    @contextlib.contextmanager
    def _alone(self, sleep: Callable[[float], None]) -> Iterator[None]:
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            for _try in range(_TRIES):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    sleep(_TRY_SECONDS)
            else:
                raise TimeoutError("another process holds it")
            yield
        finally:
            os.close(descriptor)


class MemoryFolder:
    """`<state>/memory`: no cache, so that `rebuild` keeps it. What is known is known of an address, as in the index."""

    def __init__(self, state_directory: str, repositories: Mapping[str, RepositoryPolicy]) -> None:
        folder = os.path.join(state_directory, "memory")
        self._files = {name: MemoryFile(os.path.join(folder, _file_name(each)), name) for name, each in repositories.items()}

    def of(self, repository: str) -> MemoryFile:
        """Return the memory of a repository of the policy."""
        return self._files[repository]

    def twin_of(self, repository: str) -> str:
        """Return the repository named before this one in the policy of which is known that it is the same one; empty: there is none."""
        identity = self._files[repository].read().stands_there
        for name, file in self._files.items():
            if name == repository:
                break
            if identity and file.read().stands_there == identity:
                return name
        return ""

    def find(self, repository: str) -> MemoryFile | None:
        """Return the memory of a repository, None when the policy has none of that name."""
        return self._files.get(repository)


def _file_name(repository: RepositoryPolicy) -> str:
    digest = hashlib.sha256(repository.address.location.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{quote(repository.name, safe='')}-{digest}.json"
