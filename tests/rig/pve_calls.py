"""What a Proxmox VE answers, in our own words: what of each answer may be used, and what it is.

For who has not the vendor's schemas; who has them compares this list with them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.rig.truenas_calls import ANYTHING, NOTHING, Schema, either, one_of, rows, text, told, whole

WORD: Final = text(shortest=1, longest=255)
COUNT: Final = whole(least=0)
FLAG: Final = one_of(0, 1, True, False)
SHARE: Final[Schema] = {"type": "number", "minimum": 0}
GUEST: Final = whole(least=100, most=999_999_999)
INSTANT: Final = whole(least=0)
UPID: Final = text(pattern=r"^UPID:[A-Za-z0-9-]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[a-z0-9]+:[^:]*:[^:]+:$")
KIND: Final = one_of("qemu", "lxc")
STATUS: Final = one_of("running", "stopped")
DIGEST: Final = text(pattern="^[0-9a-f]{40}$")
CONFIG: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer", "number"]},
    "properties": {"digest": DIGEST, "template": FLAG, "lock": WORD, "tags": text(), "onboot": FLAG, "memory": either(text(), COUNT)},
    "required": ["digest"],
}
_TASK: Final[Mapping[str, Schema]] = {
    "upid": UPID,
    "node": WORD,
    "pid": COUNT,
    "pstart": COUNT,
    "starttime": INSTANT,
    "type": WORD,
    "id": text(),
    "user": WORD,
}
_JOB: Final = told(
    {"id": WORD},
    enabled=FLAG,
    all=FLAG,
    vmid=text(),
    exclude=text(),
    pool=WORD,
    node=WORD,
    storage=WORD,
    schedule=text(),
    mode=one_of("snapshot", "suspend", "stop"),
    compress=one_of("0", "1", "gzip", "lzo", "zstd"),
)
_DISK: Final = told({"id": WORD, "name": WORD, "included": FLAG, "reason": text()})
_VOLUME: Final = told(
    {"volid": WORD, "format": WORD},
    size=COUNT,
    ctime=INSTANT,
    vmid=GUEST,
    notes=text(longest=65_536),
    protected=FLAG,
    encrypted=text(),
    verification=told({"state": one_of("ok", "failed"), "upid": UPID}),
)
_STORAGE: Final[Mapping[str, Schema]] = {"type": WORD, "content": text()}
_SIZES: Final[Mapping[str, Schema]] = {"total": COUNT, "used": COUNT, "avail": COUNT, "active": FLAG, "enabled": FLAG, "shared": FLAG}
_ROW: Final = told(
    {"id": WORD, "type": one_of("node", "storage", "pool", "qemu", "lxc", "openvz", "sdn", "network")},
    node=WORD,
    vmid=GUEST,
    name=text(),
    status=WORD,
    lock=WORD,
    pool=WORD,
    tags=text(),
    template=FLAG,
    hastate=WORD,
    storage=WORD,
    maxdisk=COUNT,
    disk=COUNT,
    maxmem=COUNT,
    uptime=COUNT,
    cpu=SHARE,
)
_SERVICE: Final = told({"sid": text(pattern="^(?:vm|ct):[0-9]+$")}, state=WORD, type=one_of("vm", "ct"))
_GUEST_ROW: Final = told({"vmid": GUEST, "status": STATUS}, name=text(), lock=WORD, tags=text(), template=FLAG, maxmem=COUNT, uptime=COUNT)
_CURRENT: Final = told({"vmid": GUEST, "status": STATUS, "ha": told(managed=FLAG)}, name=text(), lock=WORD, agent=FLAG, qmpstatus=WORD)
_PENDING: Final = rows(told({"key": WORD}, value=ANYTHING, pending=ANYTHING, delete=whole(least=0, most=2)))
_SNAPSHOT: Final = told({"name": WORD, "description": text()}, snaptime=INSTANT, parent=WORD, vmstate=FLAG, running=FLAG)
_MEMBER: Final = told({"id": WORD, "type": one_of("qemu", "lxc", "openvz", "storage"), "node": WORD}, vmid=GUEST, storage=WORD)
_TOKEN: Final = told(privsep=FLAG, expire=INSTANT, comment=text())
_NAMED_TOKEN: Final = told({"tokenid": WORD}, privsep=FLAG, expire=INSTANT, comment=text())
_VERSION: Final = told({"version": WORD, "release": text(pattern=r"^\d+\.\d+$"), "repoid": text(pattern="^[0-9a-f]{8,64}$")})
_BYTES: Final = told({"total": COUNT, "used": COUNT, "free": COUNT})
_MAPPINGS: Final = ("dir", "pci", "usb")
_ENDPOINTS: Final = ("gotify", "sendmail", "smtp", "webhook")
_ORIGIN: Final = one_of("user-created", "builtin", "modified-builtin")
_POLICY: Final = one_of("ACCEPT", "REJECT", "DROP")
_RULE: Final = told({"pos": COUNT}, type=one_of("in", "out", "forward", "group"), action=WORD, enable=FLAG, comment=text())
_ALIAS: Final = told({"name": WORD, "cidr": WORD}, comment=text())
_SET: Final = told({"name": WORD, "digest": DIGEST}, comment=text())
_ENTRY: Final = told({"cidr": WORD}, nomatch=FLAG, comment=text())

ANSWERS: Final[Mapping[tuple[str, str], Schema]] = {
    ("POST", "/access/ticket"): told({"username": WORD}, ticket=WORD, CSRFPreventionToken=WORD, clustername=WORD),
    ("GET", "/access/permissions"): {
        "type": "object",
        "propertyNames": {"pattern": "^/"},
        "additionalProperties": {"type": "object", "additionalProperties": FLAG},
    },
    ("GET", "/access/users"): rows(told({"userid": WORD}, enable=FLAG, expire=INSTANT, comment=text(), tokens=rows(_NAMED_TOKEN))),
    ("POST", "/access/users"): NOTHING,
    ("GET", "/access/users/{userid}"): told(
        enable=FLAG, expire=INSTANT, groups=rows(WORD), tokens={"type": "object", "additionalProperties": _TOKEN}
    ),
    ("GET", "/access/users/{userid}/token"): rows(_NAMED_TOKEN),
    ("POST", "/access/users/{userid}/token/{tokenid}"): told(
        {"full-tokenid": WORD, "info": ANYTHING, "value": text(shortest=36, longest=36)}
    ),
    ("GET", "/access/roles"): rows(told({"roleid": WORD}, privs=text(longest=4096), special=FLAG)),
    ("POST", "/access/roles"): NOTHING,
    ("GET", "/access/roles/{roleid}"): {"type": "object", "additionalProperties": FLAG},
    ("GET", "/access/acl"): rows(
        told({"path": text(pattern="^/"), "type": one_of("user", "group", "token"), "ugid": WORD, "roleid": WORD}, propagate=FLAG)
    ),
    ("PUT", "/access/acl"): NOTHING,
    ("GET", "/version"): _VERSION,
    ("GET", "/cluster/resources"): rows(_ROW),
    ("GET", "/cluster/status"): rows(
        told(
            {"id": WORD, "name": WORD, "type": one_of("cluster", "node")},
            quorate=FLAG,
            nodes=COUNT,
            nodeid=COUNT,
            online=FLAG,
            local=FLAG,
            ip=WORD,
        )
    ),
    ("GET", "/cluster/nextid"): text(pattern="^[1-9][0-9]{2,8}$"),
    ("GET", "/cluster/options"): told({"allowed-tags": rows(WORD)}),
    ("GET", "/cluster/ha/resources"): rows(_SERVICE),
    ("GET", "/cluster/ha/resources/{sid}"): _SERVICE,
    ("GET", "/cluster/ha/status/current"): rows(
        told({"id": WORD, "node": text(), "status": text(), "type": WORD}, sid=WORD, state=WORD, quorate=FLAG)
    ),
    ("GET", "/cluster/backup"): rows(_JOB),
    ("GET", "/cluster/backup/{id}"): _JOB,
    ("GET", "/cluster/backup/{id}/included_volumes"): told(
        {"children": rows(told({"id": GUEST, "type": one_of("qemu", "lxc", "unknown")}, name=text(), children=rows(_DISK)))}
    ),
    ("GET", "/cluster/backup-info/not-backed-up"): rows(told({"vmid": GUEST, "type": KIND}, name=text())),
    ("GET", "/nodes"): rows(
        told({"node": WORD, "status": one_of("online", "offline", "unknown")}, maxcpu=COUNT, maxmem=COUNT, uptime=COUNT)
    ),
    ("GET", "/nodes/{node}/status"): told(
        {"pveversion": WORD, "memory": _BYTES, "rootfs": told({"total": COUNT, "avail": COUNT}), "loadavg": rows(WORD)}, uptime=COUNT
    ),
    ("GET", "/nodes/{node}/time"): told({"time": INSTANT, "localtime": INSTANT, "timezone": WORD}),
    ("GET", "/nodes/{node}/version"): _VERSION,
    ("GET", "/nodes/{node}/qemu"): rows(_GUEST_ROW),
    ("GET", "/nodes/{node}/lxc"): rows(_GUEST_ROW),
    ("GET", "/nodes/{node}/qemu/{vmid}/status/current"): _CURRENT,
    ("GET", "/nodes/{node}/lxc/{vmid}/status/current"): _CURRENT,
    ("GET", "/nodes/{node}/qemu/{vmid}/config"): CONFIG,
    ("GET", "/nodes/{node}/lxc/{vmid}/config"): CONFIG,
    ("GET", "/nodes/{node}/qemu/{vmid}/pending"): _PENDING,
    ("GET", "/nodes/{node}/lxc/{vmid}/pending"): _PENDING,
    ("GET", "/nodes/{node}/qemu/{vmid}/snapshot"): rows(_SNAPSHOT),
    ("GET", "/nodes/{node}/lxc/{vmid}/snapshot"): rows(_SNAPSHOT),
    ("POST", "/nodes/{node}/qemu/{vmid}/snapshot"): UPID,
    ("POST", "/nodes/{node}/lxc/{vmid}/snapshot"): UPID,
    ("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}"): UPID,
    ("DELETE", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}"): UPID,
    ("GET", "/storage"): rows(told({"storage": WORD})),
    ("GET", "/storage/{storage}"): told({"storage": WORD, "type": WORD}),
    ("GET", "/nodes/{node}/storage"): rows(told({"storage": WORD, **_STORAGE}, **_SIZES)),
    ("GET", "/nodes/{node}/storage/{storage}/status"): told(_STORAGE, **_SIZES),
    ("GET", "/nodes/{node}/storage/{storage}/content"): rows(_VOLUME),
    ("GET", "/nodes/{node}/storage/{storage}/content/{volume}"): told(
        {"path": text(pattern="^/"), "format": WORD, "size": COUNT}, notes=text(longest=65_536), protected=FLAG, used=COUNT
    ),
    ("GET", "/cluster/tasks"): rows(told({"upid": UPID}, status=WORD, endtime=INSTANT)),
    ("GET", "/nodes/{node}/tasks"): rows(told(_TASK, status=WORD, endtime=INSTANT, tokenid=WORD)),
    ("GET", "/nodes/{node}/tasks/{upid}/status"): told({**_TASK, "status": STATUS}, exitstatus=WORD, tokenid=WORD),
    ("GET", "/nodes/{node}/tasks/{upid}/log"): rows(told({"n": whole(least=1), "t": text(longest=65_536)})),
    ("GET", "/pools"): rows(told({"poolid": WORD}, comment=text(), members=rows(_MEMBER))),
    ("GET", "/pools/{poolid}"): told({"members": rows(_MEMBER)}, comment=text()),
    ("GET", "/access/groups"): rows(told({"groupid": WORD}, users=text(), comment=text())),
    ("GET", "/access/domains"): rows(told({"realm": WORD, "type": WORD}, comment=text())),
    ("GET", "/access/domains/{realm}"): told({"type": WORD}, digest=DIGEST),
    ("GET", "/cluster/config/nodes"): rows(told({"node": WORD})),
    ("GET", "/cluster/config/totem"): told(cluster_name=WORD, config_version=either(text(), COUNT)),
    ("GET", "/cluster/ha/groups"): rows(told({"group": WORD}, nodes=text())),
    ("GET", "/cluster/ha/rules"): rows(told({"rule": WORD}, type=one_of("node-affinity", "resource-affinity"))),
    ("GET", "/cluster/replication"): rows(told({"id": text(pattern="^[0-9]+-[0-9]+$")}, guest=GUEST, target=WORD, schedule=text())),
    ("GET", "/cluster/jobs/realm-sync"): rows(told({"id": WORD, "realm": WORD, "schedule": text()}, enabled=FLAG)),
    ("GET", "/cluster/qemu/custom-cpu-models"): rows(told(cputype=WORD, flags=text())),
    ("GET", "/cluster/metrics/server"): rows(told({"id": WORD, "type": WORD, "server": WORD, "port": COUNT, "disable": FLAG})),
    ("GET", "/cluster/metrics/server/{id}"): told({"type": WORD, "server": WORD}, port=COUNT, digest=DIGEST),
    ("GET", "/cluster/acme/account"): rows(told({"name": WORD})),
    **{("GET", f"/cluster/mapping/{kind}"): rows(told({"id": WORD, "map": rows(WORD), "description": text()})) for kind in _MAPPINGS},
    ("GET", "/cluster/notifications/targets"): rows(told({"name": WORD, "type": one_of(*_ENDPOINTS)}, origin=_ORIGIN)),
    ("GET", "/cluster/notifications/matchers"): rows(told({"name": WORD}, origin=_ORIGIN, target=rows(WORD))),
    **{("GET", f"/cluster/notifications/endpoints/{kind}"): rows(told({"name": WORD}, origin=_ORIGIN)) for kind in _ENDPOINTS},
    ("GET", "/cluster/firewall/options"): told(enable=COUNT, policy_in=_POLICY, policy_out=_POLICY),
    ("GET", "/cluster/firewall/rules"): rows(_RULE),
    ("GET", "/cluster/firewall/aliases"): rows(_ALIAS),
    ("GET", "/cluster/firewall/ipset"): rows(_SET),
    ("GET", "/cluster/firewall/ipset/{name}"): rows(_ENTRY),
    ("GET", "/cluster/firewall/groups"): rows(told({"group": WORD, "digest": DIGEST}, comment=text())),
    ("GET", "/cluster/firewall/groups/{group}"): rows(_RULE),
    ("GET", "/cluster/sdn/zones"): rows(told({"zone": WORD, "type": WORD}, ipam=WORD)),
    ("GET", "/cluster/sdn/vnets"): rows(told({"vnet": WORD, "zone": WORD}, type=one_of("vnet"))),
    ("GET", "/cluster/sdn/controllers"): rows(told({"controller": WORD, "type": WORD})),
    ("GET", "/cluster/sdn/dns"): rows(told({"dns": WORD, "type": WORD})),
    ("GET", "/cluster/sdn/ipams"): rows(told({"ipam": WORD, "type": WORD})),
    ("GET", "/cluster/sdn/fabrics/all"): told({"fabrics": rows(told({"id": WORD})), "nodes": rows(told({"node_id": WORD}))}),
    ("GET", "/cluster/sdn/vnets/{vnet}/subnets"): rows(told({"subnet": WORD}, gateway=WORD)),
    ("GET", "/cluster/sdn/vnets/{vnet}/firewall/options"): told(enable=FLAG, policy_forward=_POLICY),
    ("GET", "/cluster/sdn/vnets/{vnet}/firewall/rules"): rows(_RULE),
    ("GET", "/nodes/{node}/config"): told(description=text(longest=65_536), digest=DIGEST),
    ("GET", "/nodes/{node}/dns"): told(search=text(), dns1=WORD, dns2=WORD, dns3=WORD),
    ("GET", "/nodes/{node}/hosts"): told({"data": text(longest=65_536)}, digest=DIGEST),
    ("GET", "/nodes/{node}/network"): rows(told({"iface": WORD, "type": WORD}, method=WORD, cidr=WORD)),
    ("GET", "/nodes/{node}/firewall/options"): told(enable=FLAG),
    ("GET", "/nodes/{node}/firewall/rules"): rows(_RULE),
    ("GET", "/nodes/{node}/apt/repositories"): told({"digest": WORD, "files": rows(told({"path": WORD})), "errors": rows(ANYTHING)}),
    ("GET", "/nodes/{node}/subscription"): told({"status": WORD}, serverid=WORD),
    ("GET", "/nodes/{node}/certificates/info"): rows(told(filename=WORD, fingerprint=WORD, notafter=INSTANT)),
    ("GET", "/nodes/{node}/disks/list"): rows(told({"devpath": WORD, "size": COUNT}, serial=text())),
    ("GET", "/nodes/{node}/services"): rows(told({"service": WORD, "state": WORD})),
    **{
        ("GET", f"/nodes/{{node}}/{kind}/{{vmid}}/firewall/{part}"): shape
        for kind in ("qemu", "lxc")
        for part, shape in {
            "options": told(enable=FLAG, policy_in=_POLICY),
            "rules": rows(_RULE),
            "aliases": rows(_ALIAS),
            "ipset": rows(_SET),
            "ipset/{name}": rows(_ENTRY),
        }.items()
    },
}
