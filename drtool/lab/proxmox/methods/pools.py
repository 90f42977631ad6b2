"""Pools: which there are, and what is in them."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, died
from drtool.lab.proxmox.calls import Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.methods.whole import guest_row, storage_row
from drtool.lab.proxmox.parameters import one_of, text
from drtool.lab.proxmox.privileges import may


def listed(asked: Asked) -> Json:
    """Return the pools somebody may see; one by its name with what is in it."""
    state, wanted = asked.state, asked.given.get("poolid")
    if wanted is not None:
        return [{"poolid": wanted, **pool(asked)}]
    return [
        {"poolid": name, **({"comment": each.comment} if each.comment else {})}
        for name, each in sorted(state.pools.items())
        if may(state, asked.who, f"/pool/{name}", "Pool.Audit")
    ]


def pool(asked: Asked) -> Json:
    """Return what is in a pool: all of it, also the guests that somebody may not see otherwise, as the vendor does."""
    name, wanted = asked.given["poolid"], asked.given.get("type")
    found = asked.state.pools.get(name)
    if found is None or not may(asked.state, asked.who, f"/pool/{name}", "Pool.Audit"):
        raise died(f"pool '{name}' does not exist")
    state = asked.state
    members = [guest_row(guest, state) for guest in state.guests.values() if guest.number in found.guests]
    for storage in found.storages:
        at = [node for node in state.nodes.values() if state.is_at(storage, node.name)]
        members += [storage_row(storage, min(at, key=lambda node: node.name != asked.local), state)] if at else []
    members = [each for each in members if wanted in {None, each["type"]}]
    return {**({"comment": found.comment} if found.comment else {}), "members": members}


_TYPE: Final = one_of("qemu", "lxc", "storage")
CALLS: Final = (
    Call("GET", "/pools", listed, {"poolid": text("pve-poolid"), "type": one_of("qemu", "lxc", "storage", requires="poolid")}),
    Call(
        "GET", "/pools/{poolid}", pool, {"poolid": text("pve-poolid", needed=True), "type": _TYPE}, Needs("/pool/{poolid}", ("Pool.Audit",))
    ),
)
