"""What runs on a NAS and uses datasets: virtual machines, apps, extents. Found by their own queries, stopped and started again."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drtool.model.errors import NotFound, Refused
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.shell import volume_at

VM: Final = "vm"
APP: Final = "app"
ISCSI: Final = "iscsi"
KINDS: Final = (VM, APP, ISCSI)
WORDS: Final[Mapping[str, str]] = {VM: "the virtual machine", APP: "the app", ISCSI: "the iSCSI extent"}
READS: Final[Mapping[str, str]] = {VM: "VM_READ", APP: "APPS_READ", ISCSI: "SHARING_ISCSI_EXTENT_READ"}
"""The role that lets a key ask whether one runs; without it everything that points at a dataset counts as running."""
_STOPS_WITHIN_SECONDS: Final = 600.0
EVERYTHING: Final = "/"
"""In the place of a dataset: what is around all of them."""


def lies_in(name: str, other: str) -> bool:
    """Tell whether a dataset is another one, or lies below it."""
    return f"{name}/".startswith(f"{other}/")


@dataclass(frozen=True, slots=True)
class Guest:
    """One of them: its kind, its number or name for the NAS, its name for a person, whether it runs, and the datasets it uses."""

    kind: str
    id: str
    name: str
    runs: bool
    uses: tuple[str, ...] = ()

    def is_in(self, dataset: str) -> bool:
        """Tell whether it uses a dataset, what lies below it, or what lies around it, as a dataset is mounted inside the one above it."""
        return any(each == EVERYTHING or lies_in(each, dataset) or lies_in(dataset, each) for each in self.uses)

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by on the NAS."""
        return self.kind, self.id

    @property
    def words(self) -> str:
        """It in words."""
        return f"{WORDS[self.kind]} {self.name}"


def read_guests(client: ApiClient, kinds: Iterable[str] = KINDS) -> dict[str, tuple[Guest, ...]]:
    """Return by kind those of the NAS; a kind that it does not have, or that the key may not ask for, is left out."""
    found = {}
    for kind in kinds:
        try:
            found[kind] = tuple(_READ[kind](client))
        except (NotFound, Refused):
            continue
    return found


def stop(client: ApiClient, guest: Guest) -> bool:
    """Ask one to stop, and tell whether it did: a NAS stops waiting for a machine after a while, and the machine may still obey later."""
    match guest.kind:
        case "vm":
            call: tuple[Any, ...] = ("vm.stop", int(guest.id), {"force": False, "force_after_timeout": False})
        case "app":
            call = ("app.stop", guest.id)
        case _:
            call = ("iscsi.extent.update", int(guest.id), {"enabled": False})
    _carry_out(client, call, lambda: not runs(client, guest), what=f"stopping {guest.words}")
    return not runs(client, guest)


def start(client: ApiClient, guest: Guest) -> None:
    """Start one that does not run; one that is gone is nobody's concern."""
    if runs(client, guest) or _gone(client, guest):
        return
    match guest.kind:
        case "vm":
            call: tuple[Any, ...] = ("vm.start", int(guest.id), {"overcommit": False})
        case "app":
            call = ("app.start", guest.id)
        case _:
            call = ("iscsi.extent.update", int(guest.id), {"enabled": True})
    _carry_out(client, call, lambda: runs(client, guest), what=f"starting {guest.words}")
    if not runs(client, guest):
        raise Refused(f"{guest.words} was started and does not run", hint="look at it on the NAS, and start it there")


def spell(guests: Sequence[Guest]) -> str:
    """Return them as a mark on a dataset, by which a sweep knows what is owed."""
    return " ".join(f"{guest.kind}:{guest.id}" for guest in guests)


def read_mark(text: str) -> tuple[Guest, ...]:
    """Read such a mark."""
    pairs = (word.partition(":") for word in text.split())
    return tuple(Guest(kind, identity, identity, runs=False) for kind, _, identity in pairs if kind in KINDS and identity)


def runs(client: ApiClient, guest: Guest) -> bool:
    """Tell whether one runs now."""
    return any(each.runs for each in read_guests(client, (guest.kind,)).get(guest.kind, ()) if each.id == guest.id)


def _gone(client: ApiClient, guest: Guest) -> bool:
    told = read_guests(client, (guest.kind,))
    return guest.kind in told and all(each.id != guest.id for each in told[guest.kind])


def _carry_out(client: ApiClient, call: tuple[Any, ...], look: Callable[[], bool], *, what: str) -> None:
    job = client.change(*call, look=look, timeout_seconds=_STOPS_WITHIN_SECONDS)
    if isinstance(job, int) and not isinstance(job, bool):  # some releases answer at once, others begin a job
        client.wait_for_job(job, *call, what=what, timeout_seconds=_STOPS_WITHIN_SECONDS)


def _machines(client: ApiClient) -> Iterable[Guest]:
    for row in client.read("vm.query"):
        paths = [str((device.get("attributes") or {}).get("path") or "") for device in row.get("devices") or ()]
        state = (row.get("status") or {}).get("state")
        yield Guest(VM, str(row["id"]), str(row.get("name")), state != "STOPPED", tuple(filter(None, map(_dataset_at, paths))))


def _apps(client: ApiClient) -> Iterable[Guest]:
    for row in client.read("app.query"):
        volumes = (row.get("active_workloads") or {}).get("volumes") or ()
        sources = [str(volume.get("source") or "") for volume in volumes]
        yield Guest(APP, str(row["name"]), str(row["name"]), row.get("state") != "STOPPED", tuple(filter(None, map(_dataset_at, sources))))


def _extents(client: ApiClient) -> Iterable[Guest]:
    for row in client.read("iscsi.extent.query"):
        disk, path = str(row.get("disk") or ""), str(row.get("path") or "")
        uses = disk.removeprefix("zvol/").replace("+", " ") if disk.startswith("zvol/") else _dataset_at(path)
        yield Guest(ISCSI, str(row["id"]), str(row.get("name")), bool(row.get("enabled", True)), (uses,) if uses else ())


def _dataset_at(path: str) -> str:
    """Return the volume whose device a path is, or the dataset that a path below `/mnt` would be, or lie in; empty for other places."""
    if not path.startswith("/"):
        return ""
    plain = posixpath.normpath(f"/{path.lstrip('/')}")
    if plain in ("/", "/mnt"):
        return EVERYTHING
    return volume_at(path) or (plain.removeprefix("/mnt/") if plain.startswith("/mnt/") else "")


_READ: Final[Mapping[str, Callable[[ApiClient], Iterable[Guest]]]] = {VM: _machines, APP: _apps, ISCSI: _extents}
