"""Guests: which run on a node, and their configurations."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from drtool.lab.proxmox.answers import Json, died, wrong
from drtool.lab.proxmox.calls import AUDIT_GUEST, Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import OF_GUEST, ON_NODE, flag, text
from drtool.lab.proxmox.privileges import may
from drtool.lab.proxmox.state import CONTAINER, QEMU, Guest, State

_AT_REST: Final = ("uptime", "cpu", "mem", "netin", "netout", "diskread", "diskwrite")


def load(guest: Guest, release: str) -> dict[str, Json]:
    """Return what lists tell of a guest's state and of what it uses."""
    most = {"maxcpu": guest.config.get("cores", 1), "maxmem": int(guest.config.get("memory", 512)) << 20, "maxdisk": 8 << 30, "disk": 0}
    now = {
        "uptime": 86_400,
        "cpu": 0.01,
        "mem": most["maxmem"] // 2,
        "netin": 1_000_000,
        "netout": 2_000_000,
        "diskread": 4096,
        "diskwrite": 8192,
    }
    used = now if guest.running else dict.fromkeys(_AT_REST, 0)
    newer = {"memhost": used["mem"]} if release.startswith("9.") else {}
    return {"status": "running" if guest.running else "stopped", **most, **used, **newer}


def of_node(kind: str) -> Json:
    """Return what lists the guests of one kind on a node."""

    def work(asked: Asked) -> Json:
        return [
            row(guest, asked.state) | ({"qmpstatus": "running" if guest.running else "stopped"} if asked.given.get("full") else {})
            for guest in asked.state.guests.values()
            if guest.kind == kind and guest.node == asked.given["node"] and may(asked.state, asked.who, f"/vms/{guest.number}", "VM.Audit")
        ]

    return work


def row(guest: Guest, state: State) -> dict[str, Json]:
    """Return a guest as its node lists it."""
    told = load(guest, state.release)
    told["cpus"] = told.pop("maxcpu")
    if guest.kind == QEMU:
        del told["disk"]
    told |= {"vmid": guest.number, "name": guest.name}
    told |= {key: guest.config[key] for key in ("lock", "tags") if key in guest.config}
    return {**told, "template": 1} if guest.config.get("template") else told


def current(kind: str) -> Json:
    """Return what tells the state of a guest of one kind."""

    def work(asked: Asked) -> Json:
        guest = _guest(asked, kind)
        service = asked.state.resources.get(f"{'vm' if kind == QEMU else 'ct'}:{guest.number}")
        told = {
            **row(guest, asked.state),
            "ha": {"managed": 0} if service is None else {"managed": 1, "state": service.get("state", "started")},
        }
        if kind == QEMU:
            told["qmpstatus"] = told["status"]
            told |= {"agent": 1} if str(guest.config.get("agent", "")).removeprefix("enabled=").startswith("1") else {}
        return told

    return work


def config(kind: str) -> Json:
    """Return what tells the configuration of a guest of one kind: with what is pending, as it runs, or of a snapshot."""

    def work(asked: Asked) -> Json:
        guest = _guest(asked, kind)
        snapshot = asked.given.get("snapshot")
        if snapshot and asked.given.get("current"):
            raise wrong(dict.fromkeys(("snapshot", "current"), "cannot use 'snapshot' parameter with 'current'"))
        if snapshot:
            if snapshot not in guest.snapshots:
                raise died(f"snapshot '{snapshot}' does not exist")
            told = dict(guest.snapshots[snapshot])
        elif asked.given.get("current"):
            told = dict(guest.config)
        else:
            told = {key: value for key, value in {**guest.config, **guest.pending}.items() if value is not None}
        return {**told, "digest": digest(guest)} | ({"cipassword": "**********"} if "cipassword" in told else {})

    return work


def pending(kind: str) -> Json:
    """Return what tells which values of a guest of one kind are taken at its next start only."""

    def work(asked: Asked) -> Json:
        guest = _guest(asked, kind)
        rows = []
        for key in sorted({*guest.config, *guest.pending}):
            told: dict[str, Json] = {"key": key}
            if key in guest.config:
                told["value"] = str(guest.config[key])
            if key in guest.pending and guest.pending[key] is None:
                told["delete"] = 1
            elif key in guest.pending:
                told["pending"] = str(guest.pending[key])
            rows.append(told)
        return rows

    return work


def digest(guest: Guest) -> str:
    """Return what changes with the configuration of a guest."""
    return hashlib.sha1(
        json.dumps([guest.config, guest.pending, guest.snapshots], sort_keys=True).encode(), usedforsecurity=False
    ).hexdigest()


def _guest(asked: Asked, kind: str) -> Guest:
    return asked.cluster.guest(asked.given["node"], asked.given["vmid"], kind)


_SHOWN: Final = {**OF_GUEST, "current": flag(), "snapshot": text("pve-configid", longest=40)}
CALLS: Final = tuple(
    call
    for kind in (QEMU, CONTAINER)
    for call in (
        Call("GET", f"/nodes/{{node}}/{kind}", of_node(kind), {**ON_NODE, **({"full": flag()} if kind == QEMU else {})}, proxied=True),
        Call("GET", f"/nodes/{{node}}/{kind}/{{vmid}}/status/current", current(kind), OF_GUEST, AUDIT_GUEST, proxied=True),
        Call("GET", f"/nodes/{{node}}/{kind}/{{vmid}}/config", config(kind), _SHOWN, AUDIT_GUEST, proxied=True),
        Call("GET", f"/nodes/{{node}}/{kind}/{{vmid}}/pending", pending(kind), OF_GUEST, AUDIT_GUEST, proxied=True),
    )
)
