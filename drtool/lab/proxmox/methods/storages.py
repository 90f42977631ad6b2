"""Storages: which there are, how full they are, and what lies on them."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import AnswerError, Json, died, wrong
from drtool.lab.proxmox.calls import Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import NODE, ON_NODE, STORAGE, flag, guest_number, one_of, split, text
from drtool.lab.proxmox.privileges import may, require, require_any

_SEES: Final = ("Datastore.Audit", "Datastore.AllocateSpace")
_OWN: Final = frozenset({"total", "used"})
"""What our state keeps beside what stands in the vendor's configuration."""
_FILES: Final = frozenset({"dir", "nfs", "cifs", "cephfs", "btrfs", "glusterfs"})
_TYPES: Final = ("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool")


def configured(asked: Asked) -> Json:
    """Return the configuration of the storages somebody may see."""
    state, wanted = asked.state, asked.given.get("type")
    seen = [name for name in state.storages if may(state, asked.who, f"/storage/{name}", *_SEES)]
    return [_config(asked, name) for name in seen if wanted in {None, state.storages[name]["type"]}]


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
    """Return the storages with how full they are on a node: without `content` also those that it has not, or that are switched off."""
    state, given = asked.state, asked.given
    if given.get("storage", next(iter(state.storages))) not in state.storages:
        raise wrong({"storage": "No such storage."})
    rows = []
    for name, config in state.storages.items():
        wanted = split(given.get("content", "")) if state.is_at(name, given["node"]) else []
        if given.get("storage") not in {None, name} or not may(state, asked.who, f"/storage/{name}", *_SEES):
            continue
        if ("content" in given and not set(wanted) & set(split(config["content"]))) or (given.get("enabled") and config.get("disable")):
            continue
        if given.get("target", given["node"]) != given["node"] and not _is_at_both(asked, name):
            continue
        row = {"storage": name, **_state(asked, name), **({"formats": _formats(config["type"])} if given.get("format") else {})}
        rows.append({**row, "used_fraction": row["used"] / row["total"]} if row["total"] else row)
    return rows


def _formats(type: str) -> Json:  # noqa: A002 - the vendor's word
    """Return in which formats a storage has disks: files in any, what has volumes of its own in raw, and with ZFS in datasets."""
    if type in _FILES:
        return {"supported": ["qcow2", "raw", "subvol", "vmdk"], "default": "raw"}
    return {"supported": ["raw", "subvol"] if type == "zfspool" else ["raw"], "default": "raw"}


def _is_at_both(asked: Asked, name: str) -> bool:
    return bool(asked.state.storages[name].get("shared")) and all(asked.state.is_at(name, asked.given[key]) for key in ("node", "target"))


def status(asked: Asked) -> Json:
    """Return how full one is."""
    if asked.given["storage"] not in asked.state.storages:
        raise wrong({"storage": "No such storage."})
    return _state(asked, asked.given["storage"])


def _state(asked: Asked, name: str) -> dict[str, Json]:
    config, enabled = asked.state.storages[name], asked.state.is_at(name, asked.given["node"])
    up = enabled and name not in asked.state.down
    sizes = {"total": config["total"], "used": config["used"], "avail": config["total"] - config["used"]}
    told = {
        "type": config["type"],
        "content": config["content"],
        "shared": config.get("shared", 0),
        "enabled": int(enabled),
        "active": int(up),
    }
    return {**told, **(sizes if up else dict.fromkeys(sizes, 0))}


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
        raise died(f"volume_size_info on '{volid}' failed - no format")
    _require_sight(asked, found)
    path = f"{asked.state.storages[storage].get('path', '')}/dump/{volid.rpartition('/')[2]}"
    told = {key: found[key] for key in ("format", "notes", "protected") if key in found}
    return {**told, "path": path, "size": found["size"] // 512 * 512, "used": found["size"]}


def _is_seen(asked: Asked, found: Json) -> bool:
    try:
        _require_sight(asked, found)
    except AnswerError:
        return False
    return True


def _require_sight(asked: Asked, found: Json) -> None:
    """Refuse somebody who may neither back up the guest of a backup, nor change the disks of the guest of a disk."""
    storage, state, who, owner = found["volid"].partition(":")[0], asked.state, asked.who, found.get("vmid")
    place = f"/storage/{storage}"
    if may(state, who, place, "Datastore.Allocate"):
        return
    if found["content"] in {"iso", "vztmpl", "import"}:
        require_any(state, who, place, "Datastore.AllocateSpace", "Datastore.Audit")
    elif owner is None:
        raise died(f"missing privileges to access {found['volid']}")
    elif found["content"] == "backup":
        require(state, who, place, "Datastore.AllocateSpace")
        require(state, who, f"/vms/{owner}", "VM.Backup")
    else:
        require(state, who, place, "Datastore.Audit")
        require(state, who, f"/vms/{owner}", "VM.Config.Disk")


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
