"""`system.*`, `pool.query`, services and alerts: how the appliance is."""

from __future__ import annotations

from typing import Final

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import Json, date
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.registry import Call, Method, NoArguments
from drtool.lab.truenas.state import digest_of


def info(call: Call, _arguments: NoArguments) -> Json:
    """Tell release, name and hardware."""
    now = call.appliance.clock.now().timestamp()
    return {
        "version": call.appliance.state.version,
        "buildtime": date(now),
        "hostname": "truenas",
        "physmem": 8 << 30,
        "model": "Simulated",
        "cores": 2,
        "physical_cores": 2,
        "loadavg": [0.0, 0.0, 0.0],
        "uptime": "1:00:00",
        "uptime_seconds": 3600.0,
        "system_serial": None,
        "system_product": "drtool lab",
        "system_product_version": None,
        "license": None,
        "boottime": date(now - 3600),
        "datetime": date(now),
        "timezone": "Etc/UTC",
        "system_manufacturer": "drtool",
        "ecc_memory": False,
    }


def version(call: Call, _arguments: NoArguments) -> str:
    """Tell the release."""
    return call.appliance.state.version


def host_id(call: Call, _arguments: NoArguments) -> str:
    """Tell an id that outlives reinstallation."""
    return call.appliance.state.host_id


def state(_call: Call, _arguments: NoArguments) -> str:
    """Tell whether it is up."""
    return "READY"


def ready(_call: Call, _arguments: NoArguments) -> bool:
    """Tell whether it is up."""
    return True


def pools(call: Call, arguments: Query) -> Json:
    """Tell the pools, how they are built and how they are."""
    size, free = call.storage.space()
    name = call.storage.pool
    disk: dict[str, Json] = {
        "type": "DISK",
        "path": None,
        "guid": digest_of(f"{name} disk")[:16],
        "status": "ONLINE",
        "stats": {"read_errors": 0, "write_errors": 0, "checksum_errors": 0, "size": size},
        "children": [],
        "device": "sda1",
        "disk": "sda",
        "unavail_disk": None,
    }
    row = {
        "id": 1,
        "name": name,
        "guid": str(int(digest_of(name)[:15], 16)),
        "path": f"/mnt/{name}",
        "status": "ONLINE",
        "scan": None,
        "topology": {"data": [disk], "log": [], "cache": [], "spare": [], "special": [], "dedup": []},
        "healthy": True,
        "warning": False,
        "status_code": "OK",
        "status_detail": None,
        "size": size,
        "allocated": size - free,
        "free": free,
        "freeing": 0,
        "fragmentation": "0",
        "size_str": str(size),
        "allocated_str": str(size - free),
        "free_str": str(free),
        "freeing_str": "0",
        "autotrim": {"value": "off", "rawvalue": "off", "parsed": "off", "source": "DEFAULT"},
    }
    return query.run([row], arguments.filters, arguments.options)


def services(_call: Call, arguments: Query) -> Json:
    """Tell which services run."""
    rows = [
        {"id": 1, "service": "cifs", "enable": True, "state": "RUNNING", "pids": [101]},
        {"id": 2, "service": "nfs", "enable": True, "state": "RUNNING", "pids": [102]},
        {"id": 3, "service": "ssh", "enable": False, "state": "STOPPED", "pids": []},
    ]
    return query.run(rows, arguments.filters, arguments.options)


def alerts(_call: Call, _arguments: NoArguments) -> Json:
    """Tell what somebody should look at."""
    return []


def nfs_config(_call: Call, _arguments: NoArguments) -> Json:
    """Tell how NFS is served."""
    return {
        "id": 1,
        "servers": 2,
        "allow_nonroot": False,
        "protocols": ["NFSV3", "NFSV4"],
        "v4_krb": False,
        "v4_domain": "",
        "bindip": [],
        "mountd_port": None,
        "rpcstatd_port": None,
        "rpclockd_port": None,
        "mountd_log": True,
        "statd_lockd_log": False,
        "v4_krb_enabled": False,
        "userd_manage_gids": False,
        "keytab_has_nfs_spn": False,
        "managed_nfsd": True,
        "rdma": False,
    }


METHODS: Final = (
    Method("system.info", NoArguments, info, roles=("READONLY_ADMIN",), direct=True),
    Method("system.version", NoArguments, version, direct=True),
    Method("system.host_id", NoArguments, host_id, roles=("READONLY_ADMIN",), direct=True),
    Method("system.state", NoArguments, state, roles=("READONLY_ADMIN",), direct=True),
    Method("system.ready", NoArguments, ready, direct=True),
    Method("pool.query", Query, pools, roles=("POOL_READ",)),
    Method("service.query", Query, services, roles=("SERVICE_READ", "READONLY_ADMIN"), direct=True),
    Method("alert.list", NoArguments, alerts, roles=("ALERT_LIST_READ",), direct=True),
    Method("nfs.config", NoArguments, nfs_config, roles=("SHARING_NFS_READ",), direct=True),
)
