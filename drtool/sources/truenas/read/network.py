from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Final

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.inventory.access import require_mounted
from drtool.sources.truenas.inventory.mounts import live_path, live_place, mount, mounted, restored_dataset, restored_path, unmount
from drtool.sources.truenas.inventory.parts import Parts, tidying
from drtool.sources.truenas.read.shares import comment_of, own_shares, remove_share
from drtool.trees.filesystem import FileSystem

_READ: Final = "ro,nosuid,nodev,noexec,noatime,soft,timeo=300,retrans=5"
_WRITE: Final = "rw,nosuid,nodev,noatime,hard"


class NetworkReach:
    """Datasets are seen through a temporary NFS share for exactly this host, mounted below a directory of our own.

    Args:
        parts: what every verb works with.
        files: this host's file system commands; mounting needs root.
        directory: where shares are mounted, the same in every run.
    """

    shares = True
    here = True
    words = "over a temporary NFS share"

    def __init__(self, parts: Parts, files: FileSystem, *, directory: str) -> None:
        self.files = files
        self._parts = parts
        self._directory = directory.rstrip("/")

    def path_of(self, dataset: str) -> str:
        # one that is read is mounted beside its parent's place, never inside a mount that cannot be written
        last = dataset.rpartition("/")[2]
        return f"{self._directory}/{last}" if last.startswith("drtool-clone-") else f"{self._directory}/datasets/{dataset}"

    def dataset_of(self, path: str) -> str:
        start = f"{self._directory}/datasets/"
        return restored_dataset(self._directory, path) or (path.removeprefix(start) if path.startswith(start) else "")

    @contextlib.contextmanager
    def open(self, dataset: Dataset, *, run: str, expires: str, write: bool, goes: bool = False) -> Iterator[str]:
        path, share = self.path_of(dataset.id), None
        try:
            share = self._mount(dataset, path, run=run, expires=expires, write=write)
            yield path
        finally:
            with tidying():
                self.close(dataset)
                if not goes or share is None:  # else the NAS takes the share away with what it shows
                    self._unshare(dataset, share)

    def alone(self, dataset: Dataset, *, run: str, expires: str) -> contextlib.AbstractContextManager[str]:
        return self.open(dataset, run=run, expires=expires, write=True)

    def keep(self, dataset: Dataset, *, run: str, expires: str) -> str:
        path = self.path_of(dataset.id)
        self._mount(dataset, path, run=run, expires=expires, write=True)
        return path

    def live_at(self, dataset: str, run: str) -> str:
        return live_path(self._directory, dataset, run)

    def live_place(self, path: str) -> tuple[str, str] | None:
        return live_place(self._directory, path)

    @contextlib.contextmanager
    def open_live(self, dataset: Dataset, *, named: str, run: str, expires: str, write: bool = True) -> Iterator[str]:
        path = self.live_at(named, run)
        if path in mounted(self.files, self._directory):
            yield path
            return
        own, share = {int(row["id"]) for row, _label in own_shares(self._parts)}, None
        try:
            share = self._mount(dataset, path, run=run, expires=expires, write=write)
            yield path
        finally:
            with tidying():
                unmount(self.files, path)
            with tidying():
                self._unshare(dataset, share, run=run, but=own)

    def shown_at(self, dataset: str, run: str) -> str:
        return restored_path(self._directory, dataset, run)

    def show(self, dataset: Dataset, *, run: str, expires: str) -> None:
        self._mount(dataset, self.shown_at(dataset.id, run), run=run, expires=expires, write=False)

    def close(self, dataset: Dataset) -> None:
        unmount(self.files, self.path_of(dataset.id))

    def _mount(self, dataset: Dataset, path: str, *, run: str, expires: str, write: bool) -> int | None:
        if not dataset.mountpoint:
            raise Refused(f"{dataset.id} is not mounted on the NAS", hint="look at it on the NAS; is what it lies in locked?")
        share = self._share(dataset, run=run, expires=expires, write=write)
        if not self._shows(dataset, path):
            origin = f"{self._host()}:{dataset.mountpoint}"
            mount(self.files, origin, path, ("-t", "nfs", "-o", _WRITE if write else _READ))
        require_mounted(self._parts.client, self.files, dataset, path)
        return share

    def _shows(self, dataset: Dataset, path: str) -> bool:
        """Tell whether a dataset is mounted there; what a dead run left of one that is no more is unmounted."""
        if path not in mounted(self.files, self._directory):
            return False
        try:
            require_mounted(self._parts.client, self.files, dataset, path)
        except (Conflict, NotFound):
            unmount(self.files, path)
            return False
        return True

    def _share(self, dataset: Dataset, *, run: str, expires: str, write: bool) -> int | None:
        """Share a dataset with this host, and return the number of the share where it is known to be new."""
        label = self._parts.label("share", run, expires)
        request = {
            "path": dataset.mountpoint,
            "comment": comment_of(label),
            "hosts": [self._parts.client.own_address()],
            "ro": not write,
            "maproot_user": "root",
        }

        def is_there() -> bool:
            return any(not write or not row.get("ro") for row, _label in own_shares(self._parts, dataset.mountpoint))

        try:
            row = self._parts.client.change("sharing.nfs.create", request, look=is_there)
        except (Conflict, Refused):  # the NAS shares a path once with a host: ours may be there
            if not is_there():
                raise
            return None
        return int(row["id"]) if isinstance(row, dict) and "id" in row else None

    def _unshare(self, dataset: Dataset, share: int | None, *, run: str = "", but: Collection[int] = ()) -> None:
        """Remove a share, or where its number is not known ours of that dataset: of one run, or all."""
        if share is not None:
            remove_share(self._parts, share)
            return
        for row, label in own_shares(self._parts, dataset.mountpoint):
            if run in ("", label.run) and int(row["id"]) not in but:
                remove_share(self._parts, int(row["id"]))

    def _host(self) -> str:
        host = self._parts.client.endpoint.host
        return f"[{host}]" if ":" in host else host
