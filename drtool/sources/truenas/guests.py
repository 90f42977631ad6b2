"""What runs on a NAS and uses datasets: virtual machines, apps, extents. Found by their own queries, stopped and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drtool.model.errors import NotFound, Refused
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.shell import volume_at

VM: Final = "vm"
APP: Final = "app"
ISCSI: Final = "iscsi"
KINDS: Final = (VM, APP, ISCSI)
WORDS: Final[Mapping[str, str]] = {VM: "the virtual machine", APP: "the app", ISCSI: "the iSCSI extent"}
READS: Final[Mapping[str, str]] = {VM: "VM_READ", APP: "APPS_READ", ISCSI: "SHARING_ISCSI_EXTENT_READ"}
"""The role that lets a key ask whether one runs; without it everything that points at a dataset counts as running."""
WRITES: Final[Mapping[str, str]] = {VM: "VM_WRITE", APP: "APPS_WRITE", ISCSI: "SHARING_ISCSI_EXTENT_WRITE"}
"""The role that lets a key stop and start one."""
_STOPS_WITHIN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Guest:
    """One of them: its kind, its number or name for the NAS, its name for a person, whether it runs, and the datasets it uses."""

    kind: str
    id: str
    name: str
    runs: bool
    uses: tuple[str, ...] = ()

    def is_in(self, dataset: str) -> bool:
        """Tell whether it uses a dataset or what lies below it."""
        return any(f"{each}/".startswith(f"{dataset}/") for each in self.uses)

    @property
    def words(self) -> str:
        """It in words."""
        return f"{WORDS[self.kind]} {self.name}"


def read_guests(client: Client, kinds: Iterable[str] = KINDS) -> dict[str, tuple[Guest, ...]]:
    """Return by kind those of the NAS; a kind that it does not have, or that the key may not ask for, is left out."""
    found = {}
    for kind in kinds:
        try:
            found[kind] = tuple(_READ[kind](client))
        except (NotFound, Refused):
            continue
    return found


def stop(client: Client, guest: Guest) -> None:
    """Stop one and see that it stopped; Refused where it runs on."""
    match guest.kind:
        case "vm":
            call: tuple[Any, ...] = ("vm.stop", int(guest.id), {"force": False, "force_after_timeout": False})
        case "app":
            call = ("app.stop", guest.id)
        case _:
            call = ("iscsi.extent.update", int(guest.id), {"enabled": False})
    _carry_out(client, call, lambda: not _runs(client, guest), what=f"stopping {guest.words}")
    if _runs(client, guest):
        raise Refused(
            f"{guest.words} was asked to stop and runs on",
            hint="stop it on the NAS, and restore again",
            safe="nothing was moved",
        )


def start(client: Client, guest: Guest) -> None:
    """Start one that does not run; one that is gone is nobody's concern."""
    if _runs(client, guest) or _gone(client, guest):
        return
    match guest.kind:
        case "vm":
            call: tuple[Any, ...] = ("vm.start", int(guest.id), {"overcommit": False})
        case "app":
            call = ("app.start", guest.id)
        case _:
            call = ("iscsi.extent.update", int(guest.id), {"enabled": True})
    _carry_out(client, call, lambda: _runs(client, guest), what=f"starting {guest.words}")
    if not _runs(client, guest):
        raise Refused(f"{guest.words} was started and does not run", hint="look at it on the NAS, and start it there")


def spell(guests: Sequence[Guest]) -> str:
    """Return them as a mark on a dataset, by which a sweep knows what is owed."""
    return " ".join(f"{guest.kind}:{guest.id}" for guest in guests)


def read_mark(text: str) -> tuple[Guest, ...]:
    """Read such a mark."""
    pairs = (word.partition(":") for word in text.split())
    return tuple(Guest(kind, identity, identity, runs=False) for kind, _, identity in pairs if kind in KINDS and identity)


def _runs(client: Client, guest: Guest) -> bool:
    return any(each.runs for each in read_guests(client, (guest.kind,)).get(guest.kind, ()) if each.id == guest.id)


def _gone(client: Client, guest: Guest) -> bool:
    told = read_guests(client, (guest.kind,))
    return guest.kind in told and all(each.id != guest.id for each in told[guest.kind])


def _carry_out(client: Client, call: tuple[Any, ...], look: Callable[[], bool], *, what: str) -> None:
    job = client.change(*call, look=look, timeout_seconds=_STOPS_WITHIN_SECONDS)
    if isinstance(job, int) and not isinstance(job, bool):  # some releases answer at once, others begin a job
        client.wait_for_job(job, *call, what=what, timeout_seconds=_STOPS_WITHIN_SECONDS)


def _machines(client: Client) -> Iterable[Guest]:
    for row in client.read("vm.query"):
        paths = [str((device.get("attributes") or {}).get("path") or "") for device in row.get("devices") or ()]
        state = (row.get("status") or {}).get("state")
        yield Guest(VM, str(row["id"]), str(row.get("name")), state != "STOPPED", tuple(filter(None, map(_dataset_at, paths))))


def _apps(client: Client) -> Iterable[Guest]:
    for row in client.read("app.query"):
        volumes = (row.get("active_workloads") or {}).get("volumes") or ()
        sources = [str(volume.get("source") or "") for volume in volumes]
        yield Guest(APP, str(row["name"]), str(row["name"]), row.get("state") != "STOPPED", tuple(filter(None, map(_dataset_at, sources))))


def _extents(client: Client) -> Iterable[Guest]:
    for row in client.read("iscsi.extent.query"):
        disk, path = str(row.get("disk") or ""), str(row.get("path") or "")
        uses = disk.removeprefix("zvol/").replace("+", " ") if disk.startswith("zvol/") else _dataset_at(path)
        yield Guest(ISCSI, str(row["id"]), str(row.get("name")), bool(row.get("enabled", True)), (uses,) if uses else ())


def _dataset_at(path: str) -> str:
    """Return the volume whose device a path is, or the dataset that a path below `/mnt` would be, or lie in."""
    return volume_at(path) or (path.removeprefix("/mnt/").rstrip("/") if path.startswith("/mnt/") else "")


_READ: Final[Mapping[str, Callable[[Client], Iterable[Guest]]]] = {VM: _machines, APP: _apps, ISCSI: _extents}
