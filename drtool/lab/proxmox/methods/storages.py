"""Storages: which there are, how full they are, and what lies on them."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, died
from drtool.lab.proxmox.calls import Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import NODE, ON_NODE, STORAGE, flag, guest_number, one_of, text
from drtool.lab.proxmox.privileges import may

_SEES: Final = ("Datastore.Audit", "Datastore.AllocateSpace")
_OWN: Final = frozenset({"total", "used"})
"""What our state keeps beside what stands in the vendor's configuration."""
_TYPES: Final = ("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool")


def configured(asked: Asked) -> Json:
    """Return the configuration of the storages somebody may see."""
    state, wanted = asked.state, asked.given.get("type")
    return [
        _config(asked, name)
        for name in state.storages
        if may(state, asked.who, f"/storage/{name}", "Datastore.Allocate", *_SEES) and wanted in {None, state.storages[name]["type"]}
    ]


def one(asked: Asked) -> Json:
    """Return the configuration of one."""
    name = asked.given["storage"]
    if name not in asked.state.storages:
        raise died(f"storage '{name}' does not exist")
    return _config(asked, name)


def _config(asked: Asked, name: str) -> Json:
    told = {key: value for key, value in asked.state.storages[name].items() if key not in _OWN}
    return {"storage": name, **told, "digest": "0" * 40}


def of_node(asked: Asked) -> Json:
    """Return the storages of a node, with how full they are."""
    state, given = asked.state, asked.given
    return [
        {"storage": name, **_state(asked, name), **_fraction(asked, name)}
        for name in state.storages
        if given.get("storage") in {None, name}
        and state.is_at(name, given["node"])
        and may(state, asked.who, f"/storage/{name}", *_SEES)
        and (not given.get("content") or set(given["content"].split(",")) & set(state.storages[name]["content"].split(",")))
    ]


def status(asked: Asked) -> Json:
    """Return how full one is."""
    _require_at(asked)
    return _state(asked, asked.given["storage"])


def _state(asked: Asked, name: str) -> dict[str, Json]:
    config = asked.state.storages[name]
    up = name not in asked.state.down
    sizes = {"total": config["total"], "used": config["used"], "avail": config["total"] - config["used"]}
    told = {"type": config["type"], "content": config["content"], "shared": config.get("shared", 0), "enabled": 1, "active": int(up)}
    return {**told, **(sizes if up else dict.fromkeys(sizes, 0))}


def _fraction(asked: Asked, name: str) -> dict[str, Json]:
    config = asked.state.storages[name]
    return {"used_fraction": config["used"] / config["total"]} if name not in asked.state.down else {}


def content(asked: Asked) -> Json:
    """Return what lies on a storage, as far as somebody may see it."""
    _require_at(asked)
    given = asked.given
    return [
        {key: value for key, value in volume.items() if key != "node"}
        for volume in asked.state.volumes
        if volume["volid"].startswith(f"{given['storage']}:")
        and volume["node"] in {"", given["node"]}
        and given.get("content") in {None, volume["content"]}
        and given.get("vmid") in {None, volume.get("vmid")}
        and _is_seen(asked, volume)
    ]


def volume(asked: Asked) -> Json:
    """Return one thing that lies on a storage, and where."""
    storage, name, node = asked.given["storage"], asked.given["volume"], asked.given["node"]
    volid = name if ":" in name else f"{storage}:{name}"
    _require_at(asked)
    found = next((each for each in asked.state.volumes if each["volid"] == volid and each["node"] in {"", node}), None)
    if found is None:
        raise died(f"volume_size_info on '{volid}' failed")
    if not _is_seen(asked, found):
        raise died(f"missing privileges to access {volid}")
    path = f"{asked.state.storages[storage].get('path', '')}/dump/{volid.rpartition('/')[2]}"
    told = {key: found[key] for key in ("format", "notes", "protected") if key in found}
    return {**told, "path": path, "size": found["size"] // 512 * 512, "used": found["size"]}


def _is_seen(asked: Asked, found: Json) -> bool:
    """Tell whether somebody may see what lies there: whoever may back up its guest, or change its disks."""
    storage = found["volid"].partition(":")[0]
    state, who, owner = asked.state, asked.who, found.get("vmid")
    if may(state, who, f"/storage/{storage}", "Datastore.Allocate") or asked.given.get("vmid") == owner is not None:
        return True
    if found["content"] == "backup":
        return may(state, who, f"/storage/{storage}", "Datastore.AllocateSpace") and may(state, who, f"/vms/{owner}", "VM.Backup")
    if owner is not None:
        return may(state, who, f"/storage/{storage}", "Datastore.Audit") and may(state, who, f"/vms/{owner}", "VM.Config.Disk")
    return may(state, who, f"/storage/{storage}", *_SEES)


def _require_at(asked: Asked) -> None:
    name, node = asked.given["storage"], asked.given["node"]
    if name not in asked.state.storages:
        raise died(f"storage '{name}' does not exist")
    if not asked.state.is_at(name, node):
        raise died(f"storage '{name}' is not available on node '{node}'")
    if name in asked.state.down:
        raise died(f"storage '{name}' is not online")


_SEEN: Final = Needs("/storage/{storage}", _SEES, any=True)
_AT: Final = {"node": NODE, "storage": STORAGE}
CALLS: Final = (
    Call("GET", "/storage", configured, {"type": one_of(*_TYPES, gone=("glusterfs",))}),
    Call("GET", "/storage/{storage}", one, {"storage": STORAGE}, Needs("/storage/{storage}", ("Datastore.Allocate",))),
    Call(
        "GET",
        "/nodes/{node}/storage",
        of_node,
        {
            **ON_NODE,
            "storage": text("pve-storage-id"),
            "content": text("pve-storage-content-list"),
            "enabled": flag(),
            "target": text("pve-node"),
            "format": flag(),
        },
        proxied=True,
    ),
    Call("GET", "/nodes/{node}/storage/{storage}/status", status, _AT, _SEEN, proxied=True),
    Call(
        "GET",
        "/nodes/{node}/storage/{storage}/content",
        content,
        {**_AT, "content": text("pve-storage-content"), "vmid": guest_number(needed=False)},
        _SEEN,
        proxied=True,
    ),
    Call(
        "GET",
        "/nodes/{node}/storage/{storage}/content/{volume}",
        volume,
        {"node": NODE, "storage": text("pve-storage-id"), "volume": text(needed=True)},
        proxied=True,
    ),
)
