"""What a cluster is set up with, as it tells it: firewall, network, realms, mappings, whom it notifies, and what nodes are set to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

from drtool.lab.proxmox.answers import Json, died
from drtool.lab.proxmox.calls import AUDIT, AUDIT_GUEST, AUDIT_NODE, EVERYBODY, LOGGED_IN, Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import OF_GUEST, ON_NODE, Parameter, Parameters, flag, one_of, text
from drtool.lab.proxmox.privileges import may, require_any
from drtool.lab.proxmox.state import CONTAINER, QEMU

Seen = tuple[str, tuple[str, ...]]
"""The path at which somebody needs one of some privileges to see a row; what stands in it by name is from the row."""
_ANYTHING_OF: Final = ("SDN.Audit", "SDN.Allocate")
_MAPPED: Final = ("Mapping.Audit", "Mapping.Use", "Mapping.Modify")
_NOTIFIES: Final[Seen] = ("/mapping/notifications", ("Mapping.Audit", "Mapping.Modify"))
_READS: Final[Seen] = ("/mapping/notifications", _MAPPED)


def kept(path: str, *, seen: Seen | None = None, empty: Json = None, asks: Seen | None = None) -> Callable[[Asked], Json]:
    """Return what tells what is kept at a path, in which parameters stand by name; `empty` is told where nothing is.

    Rows are left out that somebody may not have `seen`; whoever `asks` without one of the privileges is refused.
    """

    def work(asked: Asked) -> Json:
        if asks is not None:
            require_any(asked.state, asked.who, asks[0], *asks[1])
        place = path.format_map(asked.given)
        found = copy.deepcopy(asked.state.configuration.get(place, empty))
        if found is None:
            raise died(f"'{place.rpartition('/')[2]}' does not exist")
        return [row for row in found if _fits(asked, row) and _sees(asked, row, seen)] if isinstance(found, list) else found

    return work


def _fits(asked: Asked, row: dict[str, Json]) -> bool:
    wanted = asked.given.get("type")
    return wanted is None or row.get("type") == wanted


def _sees(asked: Asked, row: dict[str, Json], seen: Seen | None) -> bool:
    return seen is None or may(asked.state, asked.who, seen[0].format_map(row), *seen[1])


def disks(asked: Asked) -> Json:
    """Return the disks of a node to whoever may audit it, or all."""
    if not may(asked.state, asked.who, "/", "Sys.Audit"):
        require_any(asked.state, asked.who, f"/nodes/{asked.given['node']}", "Sys.Audit")
    return kept("/nodes/{node}/disks/list")(asked)


def node_config(asked: Asked) -> Json:
    """Return what a node is set to, or one key of it."""
    told = kept("/nodes/{node}/config")(asked)
    name = asked.given.get("property")
    return told if name is None else {key: value for key, value in told.items() if key in {name, "digest"}}


def _vnet() -> Parameters:
    older = text("pve-sdn-vnet-id", needed=True)
    return {"vnet": Parameter("string", needed=True, pattern=r"[a-zA-Z][a-zA-Z0-9]*[a-zA-Z0-9]", shortest=2, longest=8, older=older)}


def _named(longest: int) -> Parameter:
    return Parameter("string", needed=True, pattern=r"[A-Za-z][A-Za-z0-9\-\_]+", shortest=2, longest=longest)


_SDN: Final = {"pending": flag(), "running": flag()}
_KINDS: Final = (
    "bridge",
    "bond",
    "eth",
    "alias",
    "vlan",
    "OVSBridge",
    "OVSBond",
    "OVSPort",
    "OVSIntPort",
    "vnet",
    "any_bridge",
    "any_local_bridge",
)
_INTERFACES: Final = Parameter("string", words=(*_KINDS, "fabric", "include_sdn"), older=one_of(*_KINDS))
_KEYS: Final = (
    *("acme", "ballooning-target", "description", "startall-onboot-delay", "wakeonlan"),
    *(f"acmedomain{number}" for number in range(6)),
)
_PROPERTY: Final = Parameter("string", words=(*_KEYS, "location"), older=one_of(*_KEYS))
_CHECKED: Final = {"check-node": text("pve-node")}


def _call(path: str, *, needs: Needs = AUDIT, seen: Seen | None = None, given: Parameters | None = None, first: str = "8.4") -> Call:
    return Call("GET", path, kept(path, seen=seen), given or {}, needs, first=first)


_ACCESS: Final = (
    _call("/access/groups", needs=LOGGED_IN, seen=("/access/groups/{groupid}", ("User.Modify", "Sys.Audit", "Group.Allocate"))),
    _call("/access/domains", needs=EVERYBODY),
    _call(
        "/access/domains/{realm}",
        needs=Needs("/access/realm", ("Realm.Allocate", "Sys.Audit"), any=True),
        given={"realm": text("pve-realm", needed=True, longest=32)},
    ),
)
_CLUSTER: Final = (
    _call("/cluster/config/nodes"),
    _call("/cluster/config/totem"),
    _call("/cluster/ha/groups"),
    _call("/cluster/ha/rules", given={"resource": text(), "type": one_of("node-affinity", "resource-affinity")}, first="9.2"),
    _call("/cluster/replication", needs=LOGGED_IN, seen=("/vms/{guest}", ("VM.Audit",))),
    _call("/cluster/jobs/realm-sync"),
    *(
        _call(f"/cluster/mapping/{kind}", needs=LOGGED_IN, seen=(f"/mapping/{kind}/{{id}}", _MAPPED), given=_CHECKED)
        for kind in ("dir", "pci", "usb")
    ),
    _call("/cluster/qemu/custom-cpu-models", needs=LOGGED_IN, seen=("/mapping/cpu/{cputype}", _MAPPED), first="9.2"),
    _call("/cluster/metrics/server"),
    _call("/cluster/metrics/server/{id}", given={"id": text("pve-configid", needed=True)}),
    _call("/cluster/acme/account", needs=LOGGED_IN),
    Call("GET", "/cluster/notifications/targets", kept("/cluster/notifications/targets", asks=_READS)),
    Call("GET", "/cluster/notifications/matchers", kept("/cluster/notifications/matchers", asks=_READS)),
    *(
        Call("GET", f"/cluster/notifications/endpoints/{each}", kept(f"/cluster/notifications/endpoints/{each}", asks=_NOTIFIES))
        for each in ("sendmail", "smtp")
    ),
    *(
        _call(f"/cluster/notifications/endpoints/{each}", needs=Needs("/mapping/notifications", ("Mapping.Audit",)))
        for each in ("gotify", "webhook")
    ),
)
_FIREWALL: Final = (
    _call("/cluster/firewall/options"),
    _call("/cluster/firewall/rules"),
    _call("/cluster/firewall/aliases"),
    _call("/cluster/firewall/ipset"),
    _call("/cluster/firewall/ipset/{name}", given={"name": _named(64)}),
    _call("/cluster/firewall/groups", needs=LOGGED_IN),
    _call("/cluster/firewall/groups/{group}", given={"group": _named(18)}),
)
_NETWORK: Final = (
    _call(
        "/cluster/sdn/zones",
        needs=LOGGED_IN,
        seen=("/sdn/zones/{zone}", _ANYTHING_OF),
        given={**_SDN, "type": one_of("evpn", "faucet", "qinq", "simple", "vlan", "vxlan")},
    ),
    _call("/cluster/sdn/vnets", needs=LOGGED_IN, seen=("/sdn/zones/{zone}/{vnet}", _ANYTHING_OF), given=_SDN),
    _call(
        "/cluster/sdn/controllers",
        needs=LOGGED_IN,
        seen=("/sdn/controllers/{controller}", _ANYTHING_OF),
        given={**_SDN, "type": one_of("bgp", "evpn", "faucet", "isis")},
    ),
    _call("/cluster/sdn/dns", needs=LOGGED_IN, seen=("/sdn/dns/{dns}", _ANYTHING_OF), given={"type": one_of("powerdns")}),
    _call(
        "/cluster/sdn/ipams", needs=LOGGED_IN, seen=("/sdn/ipams/{ipam}", _ANYTHING_OF), given={"type": one_of("netbox", "phpipam", "pve")}
    ),
    _call("/cluster/sdn/fabrics/all", needs=LOGGED_IN, given=_SDN, first="9.2"),
    _call("/cluster/sdn/vnets/{vnet}/subnets", needs=LOGGED_IN, given={**_vnet(), **_SDN}),
    _call("/cluster/sdn/vnets/{vnet}/firewall/options", needs=LOGGED_IN, given=_vnet()),
    _call("/cluster/sdn/vnets/{vnet}/firewall/rules", needs=LOGGED_IN, given=_vnet()),
)
_AT_NODE: Final = ("dns", "firewall/options", "firewall/rules", "apt/repositories", "services")
_OF_NODES: Final = (
    *(Call("GET", f"/nodes/{{node}}/{each}", kept(f"/nodes/{{node}}/{each}"), ON_NODE, AUDIT_NODE, proxied=True) for each in _AT_NODE),
    *(
        Call("GET", f"/nodes/{{node}}/{each}", kept(f"/nodes/{{node}}/{each}"), ON_NODE, proxied=True)
        for each in ("subscription", "certificates/info")
    ),
    Call("GET", "/nodes/{node}/network", kept("/nodes/{node}/network"), {**ON_NODE, "type": _INTERFACES}, proxied=True),
    Call("GET", "/nodes/{node}/config", node_config, {**ON_NODE, "property": _PROPERTY}, AUDIT, proxied=True),
    Call("GET", "/nodes/{node}/hosts", kept("/nodes/{node}/hosts"), ON_NODE, AUDIT, proxied=True),
    Call(
        "GET",
        "/nodes/{node}/disks/list",
        disks,
        {**ON_NODE, "include-partitions": flag(), "skipsmart": flag(), "type": one_of("unused", "journal_disks")},
        proxied=True,
    ),
)
_OF_GUESTS: Final = tuple(
    Call(
        "GET",
        f"/nodes/{{node}}/{kind}/{{vmid}}/firewall/{part}",
        kept(f"/guests/{{vmid}}/firewall/{part}", empty={} if part == "options" else [] if "{" not in part else None),
        {**OF_GUEST, **({"name": _named(64)} if "{" in part else {})},
        AUDIT_GUEST,
        proxied=part == "options",
    )
    for kind in (QEMU, CONTAINER)
    for part in ("options", "rules", "aliases", "ipset", "ipset/{name}")
)
CALLS: Final = (*_ACCESS, *_CLUSTER, *_FIREWALL, *_NETWORK, *_OF_NODES, *_OF_GUESTS)
