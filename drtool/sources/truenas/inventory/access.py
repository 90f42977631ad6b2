from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final, Protocol

from drtool.model.command import understanding
from drtool.model.errors import Conflict, NotFound, Refused
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.inventory.mounts import mount, mounted, restored_dataset, restored_path, unmount
from drtool.trees.filesystem import FileSystem

EMPTY_BYTES: Final = 1024 * 1024
"""Less than this is what a dataset without any file may refer to."""


class FileAccess(Protocol):
    """How the files of a dataset are seen from this host."""

    files: FileSystem
    shares: bool
    """Whether it makes shares on the NAS."""
    here: bool
    """Whether what is seen is seen by this machine; else only by commands on the NAS."""
    words: str
    """How files are read, for a person."""

    def path_of(self, dataset: str) -> str:
        """Return where a dataset lies on this host while it is open; the same in every run."""

    def dataset_of(self, path: str) -> str:
        """Return the dataset that would lie at a path, empty where none could."""

    def open(self, dataset: Dataset, *, run: str, expires: str, write: bool, goes: bool = False) -> contextlib.AbstractContextManager[str]:
        """Make a dataset's files visible here, and yield the path.

        One that `goes` is destroyed right after, and whatever on the NAS shows it goes with it.
        """

    def alone(self, dataset: Dataset, *, run: str, expires: str) -> contextlib.AbstractContextManager[str]:
        """Make a dataset's files visible here without what is mounted below it, to be changed, and yield the path."""

    def keep(self, dataset: Dataset, *, run: str, expires: str) -> str:
        """Make a dataset's files visible here until it is closed or swept."""

    def live_at(self, dataset: str, run: str) -> str:
        """Return where a run writes into a dataset that is in service."""

    def live_place(self, path: str) -> tuple[str, str] | None:
        """Return dataset and run of a path inside such a place that goes when it is closed, None where it is none."""

    def open_live(
        self, dataset: Dataset, *, named: str, run: str, expires: str, write: bool = True
    ) -> contextlib.AbstractContextManager[str]:
        """Make a dataset that is in service visible there under the name it had when the run began; open already, it stays open."""

    def shown_at(self, dataset: str, run: str) -> str:
        """Return where a restored dataset is shown to checks, without what is mounted below it."""

    def show(self, dataset: Dataset, *, run: str, expires: str) -> None:
        """Show a restored dataset there until it is swept."""

    def close(self, dataset: Dataset) -> None:
        """Take away what makes its files visible here; nothing is success."""


class LocalReach:
    """The files are those of the NAS itself: this host is it, or commands run there; its mount points are ours."""

    shares = False

    def __init__(self, client: ApiClient, files: FileSystem, *, prefix: str, directory: str, here: bool = True) -> None:
        self.files = files
        self.here = here
        self.words = "on this host" if here else "by restic on the NAS over SSH: asked for by `access`"
        self._client = client
        self._prefix = prefix.rstrip("/")
        self._directory = directory
        self._may_mount = files.run("id", "-u").standard_output.strip() == b"0"

    def path_of(self, dataset: str) -> str:
        return f"{self._prefix}/{dataset}"

    def dataset_of(self, path: str) -> str:
        inside = path.removeprefix(f"{self._prefix}/") if path.startswith(f"{self._prefix}/") else ""
        return restored_dataset(self._directory, path) or inside

    @contextlib.contextmanager
    def open(self, dataset: Dataset, *, run: str, expires: str, write: bool, goes: bool = False) -> Iterator[str]:
        del write, goes
        yield self.keep(dataset, run=run, expires=expires)

    @contextlib.contextmanager
    def alone(self, dataset: Dataset, *, run: str, expires: str) -> Iterator[str]:
        origin, path = self.keep(dataset, run=run, expires=expires), restored_path(self._directory, dataset.id, run)
        mount(self.files, origin, path, ("--bind",))
        try:
            yield path
        finally:
            unmount(self.files, path)

    def keep(self, dataset: Dataset, *, run: str, expires: str) -> str:
        del run, expires
        path = self.path_of(dataset.id)
        if dataset.mountpoint != path:
            raise Refused(f"{dataset.id} is mounted at {dataset.mountpoint or 'no place'}, not at {path}", hint="look at it on the NAS")
        require_mounted(self._client, self.files, dataset, path)
        return path

    def live_at(self, dataset: str, run: str) -> str:
        del run
        return self.path_of(dataset)

    def live_place(self, path: str) -> tuple[str, str] | None:
        del path
        return None

    @contextlib.contextmanager
    def open_live(self, dataset: Dataset, *, named: str, run: str, expires: str, write: bool = True) -> Iterator[str]:
        del named, write
        yield self.keep(dataset, run=run, expires=expires)

    def shown_at(self, dataset: str, run: str) -> str:
        return restored_path(self._directory, dataset, run) if self._may_mount else self.path_of(dataset)

    def show(self, dataset: Dataset, *, run: str, expires: str) -> None:
        origin, path = self.keep(dataset, run=run, expires=expires), self.shown_at(dataset.id, run)
        if path != origin and path not in mounted(self.files, self._directory):
            mount(self.files, origin, path, ("--bind",))

    def close(self, dataset: Dataset) -> None:
        del dataset


def require_mounted(client: ApiClient, files: FileSystem, dataset: Dataset, path: str) -> None:
    """Refuse a place that does not show what the NAS has in the dataset: an empty mount point must never become a backup."""
    inode = dataset.inode or root_inode(client, dataset)
    seen = _stat(files, path)
    if seen is None:
        raise NotFound(f"{path} is not there", hint="look whether the share of the NAS is mounted")
    if (inode or seen[1]) != seen[1]:
        raise Conflict(
            f"{path} does not show {dataset.id}: the NAS has another directory there",
            hint="look what is mounted there; is `access:` of the source right?",
            safe="nothing was read from it",
        )


def root_inode(client: ApiClient, dataset: Dataset) -> int:
    """Return the inode of a dataset's root directory as the NAS has it; Refused where it is not mounted there."""
    told = client.read("filesystem.stat", dataset.mountpoint)
    if not told.get("is_mountpoint", True):
        seen = client.read("filesystem.statfs", dataset.mountpoint).get("source") or "another one"
        raise Refused(
            f"{dataset.id} is not mounted on the NAS: {seen} is seen at {dataset.mountpoint}", hint="mount it on the NAS, and run again"
        )
    return int(told.get("inode") or 0)


def require_filled(files: FileSystem, dataset: Dataset, path: str) -> None:
    """Refuse an empty directory where the NAS says that there is data."""
    if dataset.referenced > EMPTY_BYTES and files.is_empty_directory(path):
        raise Conflict(
            f"{path} is empty, and the NAS has {dataset.referenced} bytes in {dataset.id}",
            hint="look whether it is mounted on the NAS",
            safe="nothing was stored from it",
        )


def is_local(client: ApiClient, files: FileSystem, dataset: Dataset) -> bool:
    """Tell whether this host sees the very directory that the NAS has at a dataset's mount point."""
    seen = _stat(files, dataset.mountpoint)
    if seen is None:
        return False
    told = client.read("filesystem.stat", dataset.mountpoint)
    return (told.get("dev"), told.get("inode")) == seen


def _stat(files: FileSystem, path: str) -> tuple[int, int] | None:
    completed = files.run("stat", "-c", "%d %i", "--", path)
    if completed.exit_code != 0:
        return None
    with understanding(f"stat of {path}"):
        device, inode = completed.standard_output.split()
        return int(device), int(inode)
