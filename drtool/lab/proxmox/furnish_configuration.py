"""What a fresh cluster is set up with besides guests: firewall, network, realms, whom it tells; some of each, to be kept."""

from __future__ import annotations

import hashlib
from typing import Final

from drtool.lab.proxmox.answers import Json
from drtool.lab.proxmox.state import State

_DIGEST: Final = "0" * 40
_FINGERPRINT: Final = ":".join(["AB"] * 32)
_RULE: Final[dict[str, Json]] = {
    "pos": 0,
    "type": "in",
    "action": "ACCEPT",
    "enable": 1,
    "proto": "tcp",
    "dport": "8006",
    "source": "+trusted",
}


def furnish_configuration(state: State) -> None:
    """Give a cluster everything that is missing; what is there stays."""
    told = {**_access(), **_cluster(state), **_firewall(), **_network(), **_notifications(), **_guests()}
    for number, node in enumerate(state.nodes, 1):
        told |= _node(node, number)
    for path, answer in told.items():
        state.configuration.setdefault(path, answer)


def _access() -> dict[str, Json]:
    return {
        "/access/groups": [{"groupid": "operators", "comment": "who may start guests", "users": "drtool@pve"}],
        "/access/domains": [
            {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
            {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
            {"realm": "house", "type": "ldap"},
        ],
        "/access/domains/pam": {"type": "pam", "comment": "Linux PAM standard authentication", "digest": _DIGEST},
        "/access/domains/pve": {"type": "pve", "comment": "Proxmox VE authentication server", "digest": _DIGEST},
        "/access/domains/house": {"type": "ldap", "server1": "ldap.example.org", "base_dn": "dc=example,dc=org", "digest": _DIGEST},
    }


def _cluster(state: State) -> dict[str, Json]:
    job = {"id": "100-0", "type": "local", "guest": 100, "jobnum": 0, "source": "pve1", "target": "pve2", "schedule": "*/15"}
    return {
        "/cluster/config/nodes": [
            {"node": name, "nodeid": str(each.number), "ring0_addr": each.address} for name, each in state.nodes.items()
        ],
        "/cluster/config/totem": {"cluster_name": state.name, "config_version": str(len(state.nodes)), "secauth": "on", "version": "2"},
        "/cluster/ha/groups": [{"group": "first", "nodes": "pve1:2,pve2:1", "type": "group", "digest": _DIGEST}],
        "/cluster/ha/rules": [{"rule": "web-first", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1:2,pve2:1"}],
        "/cluster/replication": [job],
        "/cluster/jobs/realm-sync": [{"id": "sync-house", "enabled": 1, "realm": "house", "schedule": "04:00", "scope": "both"}],
        "/cluster/mapping/dir": [{"id": "exchange", "description": "", "map": ["node=pve1,path=/srv/exchange"]}],
        "/cluster/mapping/pci": [{"id": "tuner", "description": "television", "map": ["node=pve1,path=0000:02:00.0,id=14f1:8852"]}],
        "/cluster/mapping/usb": [{"id": "dongle", "description": "zigbee", "map": ["node=pve1,id=10c4:ea60"], "error": ""}],
        "/cluster/qemu/custom-cpu-models": [{"cputype": "house", "flags": "+aes", "reported-model": "kvm64", "digest": _DIGEST}],
        "/cluster/metrics/server": [{"id": "graphs", "type": "graphite", "server": "192.0.2.40", "port": 2003, "disable": 0}],
        "/cluster/metrics/server/graphs": {"type": "graphite", "server": "192.0.2.40", "port": 2003, "path": "proxmox", "digest": _DIGEST},
        "/cluster/acme/account": [{"name": "default"}],
    }


def _firewall() -> dict[str, Json]:
    return {
        "/cluster/firewall/options": {"enable": 1, "policy_in": "DROP", "policy_out": "ACCEPT", "digest": _DIGEST},
        "/cluster/firewall/rules": [{**_RULE, "digest": _DIGEST}, {"pos": 1, "type": "group", "action": "web", "enable": 1}],
        "/cluster/firewall/aliases": [{"name": "nas", "cidr": "192.0.2.20", "digest": _DIGEST, "ipversion": 4}],
        "/cluster/firewall/ipset": [{"name": "trusted", "comment": "who may look", "digest": _DIGEST}],
        "/cluster/firewall/ipset/trusted": [
            {"cidr": "192.0.2.0/24", "digest": _DIGEST},
            {"cidr": "192.0.2.66", "nomatch": 1, "digest": _DIGEST},
        ],
        "/cluster/firewall/groups": [{"group": "web", "comment": "what a web server needs", "digest": _DIGEST}],
        "/cluster/firewall/groups/web": [{**_RULE, "dport": "443"}],
    }


def _network() -> dict[str, Json]:
    return {
        "/cluster/sdn/zones": [{"zone": "inner", "type": "simple", "ipam": "pve", "digest": _DIGEST}],
        "/cluster/sdn/vnets": [{"vnet": "lan", "type": "vnet", "zone": "inner", "digest": _DIGEST}],
        "/cluster/sdn/vnets/lan/subnets": [{"subnet": "inner-192.0.2.128-25", "type": "subnet", "vnet": "lan", "gateway": "192.0.2.129"}],
        "/cluster/sdn/vnets/lan/firewall/options": {"enable": 1, "policy_forward": "ACCEPT"},
        "/cluster/sdn/vnets/lan/firewall/rules": [{"pos": 0, "type": "forward", "action": "ACCEPT", "enable": 1}],
        "/cluster/sdn/controllers": [{"controller": "edge", "type": "bgp", "node": "pve1", "asn": 65000, "peers": "192.0.2.1", "ebgp": 1}],
        "/cluster/sdn/dns": [
            {"dns": "names", "type": "powerdns", "url": "http://192.0.2.53:8081/api/v1/servers/localhost", "key": "a key"}
        ],
        "/cluster/sdn/ipams": [{"ipam": "pve", "type": "pve"}],
        "/cluster/sdn/fabrics/all": {"fabrics": [], "nodes": []},
    }


def _notifications() -> dict[str, Json]:
    root = {"name": "mail-to-root", "comment": "Send mails to root@pam's email address", "mailto-user": ["root@pam"], "origin": "builtin"}
    hook = {
        "name": "chat",
        "url": "https://chat.example.org/hook",
        "method": "post",
        "header": ["name=Accept,value=Ki8q"],
        "secret": ["name=token"],
    }
    return {
        "/cluster/notifications/targets": [
            {"name": "chat", "type": "webhook", "origin": "user-created"},
            {"name": "mail-to-root", "type": "sendmail", "origin": "builtin"},
        ],
        "/cluster/notifications/matchers": [
            {"name": "default-matcher", "mode": "all", "target": ["mail-to-root"], "origin": "modified-builtin"}
        ],
        "/cluster/notifications/endpoints/gotify": [],
        "/cluster/notifications/endpoints/sendmail": [root],
        "/cluster/notifications/endpoints/smtp": [
            {
                "name": "relay",
                "server": "mail.example.org",
                "from-address": "pve@example.org",
                "mailto": ["ops@example.org"],
                "origin": "user-created",
            }
        ],
        "/cluster/notifications/endpoints/webhook": [{**hook, "origin": "user-created"}],
    }


def _guests() -> dict[str, Json]:
    found: dict[str, Json] = {}
    for number in (100, 200):
        of = f"/guests/{number}/firewall"
        found |= {
            f"{of}/options": {"enable": 1, "policy_in": "DROP"},
            f"{of}/rules": [{"pos": 0, "type": "group", "action": "web", "enable": 1}],
            f"{of}/aliases": [{"name": "peer", "cidr": "192.0.2.7", "digest": _DIGEST}],
            f"{of}/ipset": [{"name": "trusted", "digest": _DIGEST}],
            f"{of}/ipset/trusted": [{"cidr": "192.0.2.8", "digest": _DIGEST}],
        }
    return found


def _node(node: str, number: int) -> dict[str, Json]:
    address, of = f"192.0.2.{number}", f"/nodes/{node}"
    hosts = f"127.0.0.1 localhost\n{address} {node}.example.org {node}\n"
    repository = {
        "Enabled": True,
        "FileType": "list",
        "Suites": ["stable"],
        "Types": ["deb"],
        "URIs": ["http://download.example.org/debian/pve"],
    }
    file = {"path": "/etc/apt/sources.list.d/pve.list", "file-type": "list", "digest": [0] * 32, "repositories": [repository]}
    bridge = {"iface": "vmbr0", "type": "bridge", "method": "static", "address": address, "netmask": "24", "cidr": f"{address}/24"}
    certificate = {"filename": "pve-ssl.pem", "fingerprint": _FINGERPRINT, "notafter": 1_900_000_000, "subject": f"/CN={node}.example.org"}
    disk = {"devpath": "/dev/sda", "gpt": 1, "mounted": 0, "osdid": -1, "osdid-list": [], "size": 1_000_204_886_016, "serial": f"S{number}"}
    service = {"service": "pveproxy", "name": "pveproxy", "desc": "PVE API Proxy Server", "state": "running"}
    return {
        f"{of}/config": {"description": f"the node {node}\n", "wakeonlan": "bc:24:11:00:00:aa", "digest": _DIGEST},
        f"{of}/dns": {"search": "example.org", "dns1": "192.0.2.53"},
        f"{of}/hosts": {"data": hosts, "digest": hashlib.sha1(hosts.encode(), usedforsecurity=False).hexdigest()},
        f"{of}/network": [
            {"iface": "eno1", "type": "eth", "method": "manual", "exists": 1, "active": 1, "priority": 3},
            {**bridge, "gateway": "192.0.2.1", "bridge_ports": "eno1", "autostart": 1, "priority": 4},
        ],
        f"{of}/firewall/options": {"enable": 1, "nosmurfs": 1},
        f"{of}/firewall/rules": [_RULE],
        f"{of}/apt/repositories": {
            "digest": "0" * 64,
            "errors": [],
            "files": [file],
            "infos": [],
            "standard-repos": [{"handle": "no-subscription", "name": "No-Subscription", "status": 1}],
        },
        f"{of}/subscription": {"status": "notfound", "message": "There is no subscription key", "serverid": "0" * 32},
        f"{of}/certificates/info": [certificate],
        f"{of}/disks/list": [disk],
        f"{of}/services": [{**service, "active-state": "active", "unit-state": "enabled"}],
    }
