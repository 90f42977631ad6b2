"""The cluster's own backup jobs, and which guests none of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drtool.lab.proxmox.answers import Json, wrong
from drtool.lab.proxmox.calls import AUDIT, Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import split, text
from drtool.lab.proxmox.privileges import may
from drtool.lab.proxmox.state import CONTAINER, Guest, State


def listed(asked: Asked) -> Json:
    """Return the jobs."""
    return list(asked.state.jobs.values())


def job(asked: Asked) -> Json:
    """Return one job."""
    return _job(asked)


def volumes(asked: Asked) -> Json:
    """Return the guests of a job, each with its disks and whether they are in."""
    state = asked.state
    numbers = [number for number in sorted(covered(state, _job(asked))) if may(state, asked.who, f"/vms/{number}", "VM.Audit")]
    return {"children": [_guest(state.guests[number]) if number in state.guests else _gone(number) for number in numbers]}


def _guest(guest: Guest) -> Json:
    disks = [_disk(guest, key, str(value)) for key, value in sorted(guest.config.items()) if _is_disk(key, str(value))]
    return {"id": guest.number, "name": guest.name, "type": guest.kind, "children": disks, "leaf": int(not disks)}


def _gone(number: int) -> Json:
    return {"id": number, "type": "unknown", "leaf": 1}


def uncovered(asked: Asked) -> Json:
    """Return the guests that are in no job at all; one that is switched off counts as a job here."""
    state = asked.state
    known = {number for each in state.jobs.values() for number in covered(state, each)}
    return [
        _missed(guest)
        for guest in state.guests.values()
        if guest.number not in known and may(state, asked.who, f"/vms/{guest.number}", "VM.Audit")
    ]


def _missed(guest: Guest) -> Json:
    return {"vmid": guest.number, "type": guest.kind, **({"name": guest.name} if guest.name else {})}


def covered(state: State, job: Mapping[str, Json]) -> set[int]:
    """Return the guests of a job, gone ones too: those of a pool, those listed, or all but some; on its node only, where it names one."""
    if job.get("pool"):
        pool = state.pools.get(job["pool"])
        found = set(pool.guests) if pool is not None else set()
    elif job.get("vmid"):
        found = {int(number) for number in split(str(job["vmid"]))}
    elif job.get("all"):
        out = {int(number) for number in split(str(job.get("exclude", "")))}
        found = {number for number in state.guests if number not in out}
    else:
        return set()
    return {number for number in found if number not in state.guests or job.get("node") in {None, state.guests[number].node}}


def _job(asked: Asked) -> dict[str, Json]:
    name = asked.given["id"]
    if name not in asked.state.jobs:
        raise wrong({"id": f"No such job '{name}'"})
    return asked.state.jobs[name]


def _is_disk(key: str, value: str) -> bool:
    name = key.rstrip("0123456789")
    disks = {"scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "mp", "rootfs"}
    return name in disks and "media=cdrom" not in value


def _disk(guest: Guest, key: str, value: str) -> Json:
    """Return whether a disk is in, and why; the vendor says `backup=no` of every disk of a machine that has the key at all."""
    volume, _, rest = value.partition(",")
    set_to = dict(each.partition("=")[::2] for each in rest.split(",")).get("backup")
    if guest.kind == CONTAINER:
        is_in, reason = _in_container(key, volume, set_to)
    elif key.startswith("efidisk") and guest.config.get("bios") != "ovmf":
        is_in, reason = False, "efidisk but no OMVF BIOS"
    else:
        is_in, reason = set_to != "0", "backup=yes" if set_to is None else "backup=no"
    return {"id": f"{guest.number}:{key}", "name": volume, "included": int(is_in), "reason": reason, "leaf": 1}


def _in_container(key: str, volume: str, set_to: str | None) -> tuple[bool, str]:
    if key == "rootfs":
        return True, "rootfs"
    if volume.startswith("/"):
        return False, "not a volume"
    return (True, "enabled") if set_to == "1" else (False, "disabled")


_ID: Final = {"id": text(needed=True, pattern=r"\S+", longest=50)}
CALLS: Final = (
    Call("GET", "/cluster/backup", listed, needs=AUDIT),
    Call("GET", "/cluster/backup/{id}", job, _ID, AUDIT),
    Call("GET", "/cluster/backup/{id}/included_volumes", volumes, _ID, AUDIT),
    Call("GET", "/cluster/backup-info/not-backed-up", uncovered, needs=AUDIT),
)
