"""The cluster as a whole: its version, what it has, its nodes, its options, what high availability looks after."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, died, wrong
from drtool.lab.proxmox.calls import AUDIT, Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.methods.guests import load
from drtool.lab.proxmox.parameters import guest_number, one_of, text
from drtool.lab.proxmox.privileges import may
from drtool.lab.proxmox.state import CONTAINER, QEMU, Guest, Node, State

_HARDWARE: Final = {"maxcpu": 8, "maxmem": 32 << 30, "maxdisk": 100 << 30}


def version(asked: Asked) -> Json:
    """Return which release this is."""
    state = asked.state
    return {"version": state.version, "release": state.release, "repoid": state.repository}


def resources(asked: Asked) -> Json:
    """Return guests, nodes, storages and pools, as far as somebody may see them."""
    state, who, wanted = asked.state, asked.who, asked.given.get("type")
    found: list[Json] = []
    if wanted is None:
        found += [
            {"id": f"/pool/{name}", "pool": name, "type": "pool"} for name in state.pools if may(state, who, f"/pool/{name}", "Pool.Audit")
        ]
    if wanted in {None, "vm"}:
        found += [_guest(asked, guest) for guest in state.guests.values() if may(state, who, f"/vms/{guest.number}", "VM.Audit")]
    if wanted in {None, "node"}:
        found += [node_row(asked, node) for node in state.nodes.values()]
    if wanted in {None, "storage"}:
        found += _storages(asked)
    return found


def _guest(asked: Asked, guest: Guest) -> Json:
    state = asked.state
    row = guest_row(guest, state)
    pool = state.pool_of(guest.number)
    if pool and may(state, asked.who, f"/pool/{pool}", "Pool.Audit"):
        row["pool"] = pool
    row |= {key: guest.config[key] for key in ("lock", "tags") if key in guest.config}
    service = state.resources.get(f"{'vm' if guest.kind == QEMU else 'ct'}:{guest.number}")
    return row if service is None else {**row, "hastate": service.get("state", "started")}


def guest_row(guest: Guest, state: State) -> dict[str, Json]:
    """Return what a list of the whole cluster tells of a guest: of one whose node is down hardly anything."""
    row = {"id": f"{guest.kind}/{guest.number}", "vmid": guest.number, "node": guest.node, "type": guest.kind, "status": "unknown"}
    if not state.nodes[guest.node].online:
        return row
    return {**row, "name": guest.name, **load(guest, state.release), "template": int(bool(guest.config.get("template")))}


def node_row(asked: Asked, node: Node) -> dict[str, Json]:
    """Return what every list tells of a node."""
    row: dict[str, Json] = {"id": f"node/{node.name}", "node": node.name, "type": "node", "level": ""}
    audited = may(asked.state, asked.who, f"/nodes/{node.name}", "Sys.Audit")
    if node.online:
        row |= {"status": "online"} | ({"uptime": 864_000, "cpu": 0.05, "mem": 9 << 30, "disk": 20 << 30} if audited else {})
    else:
        row["status"] = "offline"
    return {**row, **_HARDWARE} if audited else row


def _storages(asked: Asked) -> list[Json]:
    state = asked.state
    return [
        storage_row(name, node, state)
        for name in state.storages
        if may(state, asked.who, f"/storage/{name}", "Datastore.Audit")
        for node in state.nodes.values()
        if state.is_at(name, node.name)
    ]


def storage_row(name: str, node: Node, state: State) -> dict[str, Json]:
    """Return what a list of the whole cluster tells of a storage on a node; of one that does not answer no sizes."""
    config, up = state.storages[name], node.online and name not in state.down
    row = {"id": f"storage/{node.name}/{name}", "storage": name, "node": node.name, "type": "storage", "plugintype": config["type"]}
    row |= {"status": "available" if up else "unknown", "shared": config.get("shared", 0), "content": config["content"]}
    return {**row, "maxdisk": config["total"], "disk": config["used"]} if up else row


def status(asked: Asked) -> Json:
    """Return whether the cluster has its quorum, and which nodes it sees."""
    state = asked.state
    rows: list[Json] = []
    if state.name:
        own = {"type": "cluster", "id": "cluster", "name": state.name, "version": len(state.nodes), "nodes": len(state.nodes)}
        rows.append({**own, "quorate": int(state.quorate)})
    for node in state.nodes.values():
        own = {"type": "node", "id": f"node/{node.name}", "name": node.name, "ip": node.address, "level": ""}
        rows.append({**own, "nodeid": node.number if state.name else 0, "online": int(node.online), "local": int(node.name == asked.local)})
    return rows


def next_id(asked: Asked) -> Json:
    """Return a number that no guest has; or the one asked for, 400 where it is taken."""
    wanted = asked.given.get("vmid")
    if wanted is not None:
        if wanted in asked.state.guests:
            raise wrong({"vmid": f"VM {wanted} already exists"})
        return str(wanted)
    return str(next(number for number in range(100, 1_000_000) if number not in asked.state.guests))


def options(asked: Asked) -> Json:
    """Return what is set for the whole cluster; without the right to audit it, only what everybody is told."""
    if may(asked.state, asked.who, "/", "Sys.Audit"):
        return {**asked.state.options, "allowed-tags": _tags(asked)}
    told = {key: value for key, value in asked.state.options.items() if key in {"console", "tag-style"}}
    return {**told, "allowed-tags": _tags(asked)}


def _tags(asked: Asked) -> list[str]:
    return sorted({tag for guest in asked.state.guests.values() for tag in str(guest.config.get("tags", "")).split(";") if tag})


def services(asked: Asked) -> Json:
    """Return what high availability looks after."""
    wanted = asked.given.get("type")
    return [dict(each, digest="0" * 40) for each in asked.state.resources.values() if wanted in {None, each["type"]}]


def service(asked: Asked) -> Json:
    """Return one of them; a number alone means that guest."""
    sid = str(asked.given["sid"])
    if sid.isdigit():
        guest = asked.state.guests.get(int(sid))
        sid = f"{'ct' if guest is not None and guest.kind == CONTAINER else 'vm'}:{sid}"
    if sid not in asked.state.resources:
        raise died(f"no such resource '{sid}'")
    return {**asked.state.resources[sid], "digest": "0" * 40}


def service_states(asked: Asked) -> Json:
    """Return the state of high availability: its quorum, and its services."""
    state = asked.state
    quorum = {
        "id": "quorum",
        "type": "quorum",
        "node": asked.local,
        "status": "OK" if state.quorate else "No quorum!",
        "quorate": int(state.quorate),
    }
    rows: list[Json] = [quorum]
    for sid, each in state.resources.items():
        guest = state.guests.get(int(sid.partition(":")[2]))
        node = guest.node if guest is not None else ""
        own = {"id": f"service:{sid}", "type": "service", "sid": sid, "node": node, "state": each.get("state", "started")}
        rows.append({**own, "request_state": each.get("state", "started"), "status": f"{sid} ({node}, {each.get('state', 'started')})"})
    return rows


CALLS: Final = (
    Call("GET", "/version", version),
    Call("GET", "/cluster/resources", resources, {"type": one_of("vm", "storage", "node", "sdn")}),
    Call("GET", "/cluster/status", status, needs=AUDIT),
    Call("GET", "/cluster/nextid", next_id, {"vmid": guest_number(needed=False)}),
    Call("GET", "/cluster/options", options),
    Call("GET", "/cluster/ha/resources", services, {"type": one_of("ct", "vm")}, AUDIT),
    Call("GET", "/cluster/ha/resources/{sid}", service, {"sid": text("pve-ha-resource-or-vm-id", needed=True)}, AUDIT),
    Call("GET", "/cluster/ha/status/current", service_states, needs=AUDIT),
)
