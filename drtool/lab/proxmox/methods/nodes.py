"""Nodes: which there are, how they fare, and what their clocks say."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json
from drtool.lab.proxmox.calls import AUDIT_NODE, Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.methods.whole import node_row, version
from drtool.lab.proxmox.parameters import ON_NODE

_KERNEL: Final = "#1 SMP PREEMPT_DYNAMIC PMX"
_MIB: Final = 1 << 20


def listed(asked: Asked) -> Json:
    """Return the nodes; how they fare only to somebody who may audit them."""
    rows = [node_row(asked, node) for node in asked.state.nodes.values()]
    return [{key: value for key, value in row.items() if key not in {"disk", "maxdisk"}} for row in rows]


def status(asked: Asked) -> Json:
    """Return how a node fares."""
    state = asked.state
    return {
        "pveversion": f"pve-manager/{state.version}/{state.repository}",
        "kversion": f"Linux 6.8.12-9-pve {_KERNEL}",
        "current-kernel": {"sysname": "Linux", "release": "6.8.12-9-pve", "version": _KERNEL, "machine": "x86_64"},
        "boot-info": {"mode": "efi", "secureboot": 0},
        "uptime": 864_000,
        "cpu": 0.05,
        "cpuinfo": {"cores": 4, "cpus": 8, "sockets": 1, "model": "Simulated", "mhz": "2400.000", "flags": "", "user_hz": 100, "hvm": "1"},
        "loadavg": ["0.10", "0.20", "0.30"],
        "memory": {"total": 32 << 30, "used": 9 << 30, "free": 23 << 30, "available": 23 << 30},
        "swap": {"total": 512 * _MIB, "used": 0, "free": 512 * _MIB},
        "rootfs": {"total": 100 << 30, "used": 20 << 30, "free": 80 << 30, "avail": 75 << 30},
        "wait": 0,
        "idle": 0,
    }


def time(asked: Asked) -> Json:
    """Return what the clock of a node says."""
    node = asked.state.nodes[asked.given["node"]]
    now = asked.cluster.now() + int(node.skew_seconds)
    return {"time": now, "localtime": now, "timezone": node.timezone}


CALLS: Final = (
    Call("GET", "/nodes", listed),
    Call("GET", "/nodes/{node}/status", status, ON_NODE, AUDIT_NODE, proxied=True),
    Call("GET", "/nodes/{node}/time", time, ON_NODE, AUDIT_NODE, proxied=True),
    Call("GET", "/nodes/{node}/version", version, ON_NODE, proxied=True),
)
