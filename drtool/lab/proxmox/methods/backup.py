"""The cluster's own backup jobs, and which guests none of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drtool.lab.proxmox.answers import Json, died
from drtool.lab.proxmox.calls import AUDIT, Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import split, text
from drtool.lab.proxmox.privileges import may
from drtool.lab.proxmox.state import Guest, State


def listed(asked: Asked) -> Json:
    """Return the jobs."""
    return list(asked.state.jobs.values())


def job(asked: Asked) -> Json:
    """Return one job."""
    return _job(asked)


def volumes(asked: Asked) -> Json:
    """Return the guests of a job, each with its disks and whether they are in."""
    children = []
    for number in sorted(covered(asked.state, _job(asked))):
        guest = asked.state.guests[number]
        disks = [_disk(key, str(value)) for key, value in sorted(guest.config.items()) if _is_disk(key, str(value))]
        children.append({"id": number, "name": guest.name, "type": guest.kind, "children": disks})
    return {"id": "root", "children": children}


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
    """Return the guests of a job: those listed, those of a pool, or all but some; on its node only, where it names one."""
    if job.get("all"):
        out = {int(number) for number in split(str(job.get("exclude", "")))}
        found = {number for number in state.guests if number not in out}
    elif job.get("pool"):
        pool = state.pools.get(job["pool"])
        found = set(pool.guests) if pool is not None else set()
    else:
        found = {int(number) for number in split(str(job.get("vmid", "")))}
    return {number for number in found if number in state.guests and job.get("node") in {None, state.guests[number].node}}


def _job(asked: Asked) -> dict[str, Json]:
    name = asked.given["id"]
    if name not in asked.state.jobs:
        raise died(f"No such job '{name}'")
    return asked.state.jobs[name]


def _is_disk(key: str, value: str) -> bool:
    name = key.rstrip("0123456789")
    disks = {"scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "mp", "rootfs"}
    return name in disks and "media=cdrom" not in value


def _disk(key: str, value: str) -> Json:
    volume, _, rest = value.partition(",")
    told = {"id": key, "name": volume}
    if key.startswith("mp"):
        if volume.startswith("/"):
            return {**told, "included": 0, "reason": "not a volume"}
        is_in = "backup=1" in rest.split(",")
        return {**told, "included": int(is_in), "reason": "enabled" if is_in else "disabled"}
    is_out = "backup=0" in rest.split(",")
    return {**told, "included": int(not is_out), "reason": "disabled" if is_out else "enabled"}


_ID: Final = {"id": text(needed=True, pattern=r"\S+", longest=50)}
CALLS: Final = (
    Call("GET", "/cluster/backup", listed, needs=AUDIT),
    Call("GET", "/cluster/backup/{id}", job, _ID, AUDIT),
    Call("GET", "/cluster/backup/{id}/included_volumes", volumes, _ID, AUDIT),
    Call("GET", "/cluster/backup-info/not-backed-up", uncovered, needs=AUDIT),
)
