"""Snapshots of guests: which there are, making one, removing one."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, died
from drtool.lab.proxmox.calls import AUDIT_GUEST, Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.methods.guests import digest
from drtool.lab.proxmox.parameters import OF_GUEST, SNAPSHOT, flag, text
from drtool.lab.proxmox.state import CONTAINER, QEMU, Guest
from drtool.lab.proxmox.upid import note_task

_NOT_KEPT: Final = frozenset({"lock", "parent"})


def listed(kind: str) -> Json:
    """Return what lists the snapshots of a guest of one kind; the last row is how it stands now."""

    def work(asked: Asked) -> Json:
        guest = _guest(asked, kind)
        rows = [
            {"name": name, "description": each.get("description", ""), "snaptime": each["snaptime"], **_parent(each)}
            | ({"vmstate": int("vmstate" in each)} if kind == QEMU else {})
            for name, each in guest.snapshots.items()
        ]
        now = {
            "name": "current",
            "description": "You are here!",
            "running": int(guest.running),
            "digest": digest(guest),
            **_parent(guest.config),
        }
        return [*rows, now]

    return work


def add(kind: str) -> Json:
    """Return what takes a snapshot of a guest of one kind, as a task."""

    def work(asked: Asked) -> Json:
        guest, name = _guest(asked, kind), asked.given["snapname"]
        if name.lower() in {"current", "pending" if kind == QEMU else "vzdump"}:
            raise died(f"unable to use snapshot name '{name}' (reserved name)")
        error = _hindrance(asked, guest) or (f"snapshot name '{name}' already used" if name in guest.snapshots else "")
        if error:
            return _task(asked, guest, "snapshot", "", error=error)
        kept = {key: value for key, value in guest.config.items() if key not in _NOT_KEPT}
        described = {"description": asked.given["description"]} if "description" in asked.given else {}
        memory = {"vmstate": f"local-zfs:vm-{guest.number}-state-{name}"} if asked.given.get("vmstate") and guest.running else {}
        guest.snapshots[name] = {**kept, **_parent(guest.config), **described, **memory, "snaptime": asked.cluster.now()}
        guest.config["parent"] = name
        return _task(asked, guest, "snapshot", f"snapshotting 'drive' ({name})")

    return work


def remove(kind: str) -> Json:
    """Return what removes a snapshot of a guest of one kind, as a task; what came after it follows the one before it."""

    def work(asked: Asked) -> Json:
        guest, name = _guest(asked, kind), asked.given["snapname"]
        error = _hindrance(asked, guest) or ("" if name in guest.snapshots else f"snapshot '{name}' does not exist")
        if error:
            return _task(asked, guest, "delsnapshot", "", error=error)
        before = guest.snapshots.pop(name).get("parent")
        for each in (guest.config, *guest.snapshots.values()):
            if each.get("parent") == name:
                del each["parent"]
                each.update({"parent": before} if before else {})
        return _task(asked, guest, "delsnapshot", f"delete snapshot '{name}'")

    return work


def _parent(config: dict[str, Json]) -> dict[str, Json]:
    return {"parent": config["parent"]} if "parent" in config else {}


def _hindrance(asked: Asked, guest: Guest) -> str:
    """Return what keeps a task from changing a guest, empty where nothing does."""
    if "lock" in guest.config:
        return f"{'VM' if guest.kind == QEMU else 'CT'} is locked ({guest.config['lock']})"
    folder = "qemu-server" if guest.kind == QEMU else "lxc"
    return (
        ""
        if asked.state.quorate
        else f"unable to open file '/etc/pve/nodes/{guest.node}/{folder}/{guest.number}.conf.tmp' - Permission denied"
    )


def _task(asked: Asked, guest: Guest, what: str, line: str, *, error: str = "") -> str:
    lines = [*([line] if line else []), f"TASK ERROR: {error}" if error else "TASK OK"]
    prefix = "qm" if guest.kind == QEMU else "vz"
    task = note_task(
        asked.cluster,
        guest.node,
        f"{prefix}{what}",
        str(guest.number),
        asked.who,
        at=asked.cluster.now(),
        log=lines,
        exit=error or "OK",
        seconds=0,
    )
    return task.upid


def _guest(asked: Asked, kind: str) -> Guest:
    return asked.cluster.guest(asked.given["node"], asked.given["vmid"], kind)


_CHANGES: Final = Needs("/vms/{vmid}", ("VM.Snapshot",))
CALLS: Final = tuple(
    call
    for kind in (QEMU, CONTAINER)
    for call in (
        Call("GET", f"/nodes/{{node}}/{kind}/{{vmid}}/snapshot", listed(kind), OF_GUEST, AUDIT_GUEST, proxied=True),
        Call(
            "POST",
            f"/nodes/{{node}}/{kind}/{{vmid}}/snapshot",
            add(kind),
            {**OF_GUEST, "snapname": SNAPSHOT, "description": text(), **({"vmstate": flag()} if kind == QEMU else {})},
            _CHANGES,
            proxied=True,
        ),
        Call(
            "DELETE",
            f"/nodes/{{node}}/{kind}/{{vmid}}/snapshot/{{snapname}}",
            remove(kind),
            {**OF_GUEST, "snapname": SNAPSHOT, "force": flag()},
            _CHANGES,
            proxied=True,
        ),
    )
)
