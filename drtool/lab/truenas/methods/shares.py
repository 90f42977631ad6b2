"""Shares and tasks: `sharing.nfs.*`, `sharing.smb.*`, `pool.snapshottask.*`."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import InstanceNotFoundError, Json, ValidationErrors
from drtool.lab.truenas.exports import real_path, write_exports
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.registry import Arguments, Call, Method

Text = Annotated[str, Field(min_length=1)]


class NfsShareCreate(Arguments):
    path: Text
    aliases: list[Text] = []
    comment: str = ""
    networks: Annotated[list[Text], Field(max_length=42)] = []
    hosts: Annotated[list[Text], Field(max_length=42)] = []
    ro: bool = False
    maproot_user: str | None = None
    maproot_group: str | None = None
    mapall_user: str | None = None
    mapall_group: str | None = None
    security: list[Literal["SYS", "KRB5", "KRB5I", "KRB5P"]] = []
    enabled: bool = True
    expose_snapshots: bool = False


class NfsCreate(Arguments):
    data: NfsShareCreate


class SmbShareCreate(Arguments):
    path: Text
    name: Text
    comment: str = ""
    readonly: bool = False
    enabled: bool = True


class SmbCreate(Arguments):
    data: SmbShareCreate


class Extent(Arguments):
    name: Text
    type: Literal["DISK"] = "DISK"
    disk: Text
    enabled: bool = True


class ExtentChange(Arguments):
    enabled: bool


class ExtentUpdate(Arguments):
    id: int
    iscsi_extent_update: ExtentChange


class ExtentCreate(Arguments):
    iscsi_extent_create: Extent


class SnapshotTask(Arguments):
    dataset: Text
    recursive: bool = False
    lifetime_value: int = 2
    lifetime_unit: Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"] = "WEEK"
    enabled: bool = True
    exclude: list[str] = []
    naming_schema: str = "auto-%Y-%m-%d_%H-%M"
    allow_empty: bool = True
    schedule: dict[str, Any] = {}


class TaskCreate(Arguments):
    data: SnapshotTask


class Identity(Arguments):
    id: int


class GetInstance(Arguments):
    id: int
    options: dict[str, Any] = {}


def nfs_query(call: Call, arguments: Query) -> Json:
    """Tell the NFS shares."""
    return query.run(_shares(call, "nfs"), arguments.filters, arguments.options)


def nfs_get_instance(call: Call, arguments: GetInstance) -> Json:
    """Tell one NFS share."""
    return _share(call, "nfs", arguments.id, "SharingNFS")


def nfs_create(call: Call, arguments: NfsCreate) -> Json:
    """Share a path by NFS."""
    data = arguments.data
    errors = ValidationErrors()
    _check_path(call, data.path, "sharingnfs_create.path", errors)
    if data.maproot_group and not data.maproot_user:
        errors.add("sharingnfs_create.maproot_user", "This field is required when map group is specified")
    if data.expose_snapshots:
        errors.add("sharingnfs_create.expose_snapshots", "This is an enterprise feature and may not be enabled without a valid license.")
    if len(set(data.hosts)) < len(data.hosts):
        errors.add("sharingnfs_create.hosts", "Entries cannot be duplicated")
    for share in _shares(call, "nfs"):
        hosts = {*share["hosts"], *share["networks"]}
        if share["path"] == data.path and (hosts & {*data.hosts, *data.networks} or not hosts or not (data.hosts or data.networks)):
            errors.add("sharingnfs_create.hosts", f"Another NFS share already exports {data.path} for some host")
    errors.check()
    return _added(call, "nfs", data.model_dump())


def nfs_delete(call: Call, arguments: Identity) -> bool:
    """Share it no more."""
    return _removed(call, "nfs", arguments.id, "SharingNFS")


def smb_query(call: Call, arguments: Query) -> Json:
    """Tell the SMB shares."""
    return query.run(_shares(call, "smb"), arguments.filters, arguments.options)


def smb_create(call: Call, arguments: SmbCreate) -> Json:
    """Share a path by SMB, as far as others can see."""
    errors = ValidationErrors()
    _check_path(call, arguments.data.path, "sharingsmb_create.path", errors)
    errors.check()
    return _added(call, "smb", arguments.data.model_dump())


def smb_delete(call: Call, arguments: Identity) -> bool:
    """Share it no more."""
    return _removed(call, "smb", arguments.id, "SharingSMB")


def extent_create(call: Call, arguments: ExtentCreate) -> Json:
    """Offer a volume by iSCSI, as far as others can see."""
    name = str(arguments.iscsi_extent_create.disk).removeprefix("zvol/")
    found = call.storage.datasets([name], children=False)
    if not found or not found[0].volume_bytes:
        raise ValidationErrors([("iscsi_extent_create.disk", f"Volume {name} does not exist", 2)])
    return _added(
        call,
        "iscsi",
        {**arguments.iscsi_extent_create.model_dump(), "path": f"/mnt/{name}", "naa": f"0x{os.urandom(16).hex()}", "vendor": "TrueNAS"},
    )


def extent_query(call: Call, arguments: Query) -> Json:
    """Tell the extents."""
    return query.run([_extent(call, row) for row in _shares(call, "iscsi")], arguments.filters, arguments.options)


def extent_update(call: Call, arguments: ExtentUpdate) -> Json:
    """Offer it or not."""
    _share(call, "iscsi", arguments.id, "iSCSITargetExtent")
    for share in call.appliance.state.shares:
        if share["id"] == arguments.id:
            share["enabled"] = arguments.iscsi_extent_update.enabled
    call.appliance.save()
    return _extent(call, _share(call, "iscsi", arguments.id, "iSCSITargetExtent"))


def _extent(call: Call, row: dict[str, Json]) -> dict[str, Json]:
    """Return an extent as the models have it: the path of one on a volume is that of its disk."""
    return {**row, "path": row["disk"]} | ({"relative_path": None} if call.appliance.state.at_least("26") else {})


def extent_delete(call: Call, arguments: Identity) -> bool:
    """Offer it no more."""
    return _removed(call, "iscsi", arguments.id, "iSCSITargetExtent")


def task_query(call: Call, arguments: Query) -> Json:
    """Tell the periodic snapshot tasks."""
    return query.run(call.appliance.state.tasks, arguments.filters, arguments.options)


def task_create(call: Call, arguments: TaskCreate) -> Json:
    """Note a periodic snapshot task, which never runs here."""
    if not call.storage.datasets([arguments.data.dataset], children=False):
        raise ValidationErrors([("periodic_snapshot_create.dataset", "Dataset not found", 2)])
    row = {"id": call.appliance.state.next_id(), **arguments.data.model_dump(), "vmware_sync": False, "state": {"state": "PENDING"}}
    call.appliance.state.tasks.append(row)
    call.appliance.save()
    return row


def task_delete(call: Call, arguments: Identity) -> bool:
    """Forget a periodic snapshot task."""
    state = call.appliance.state
    if all(task["id"] != arguments.id for task in state.tasks):
        raise InstanceNotFoundError(f"PeriodicSnapshotTask {arguments.id} does not exist")
    state.tasks = [task for task in state.tasks if task["id"] != arguments.id]
    call.appliance.save()
    return True


def _check_path(call: Call, path: str, attribute: str, errors: ValidationErrors) -> None:
    if not path.startswith("/mnt/"):
        errors.add(attribute, "The path must reside within a pool mount point")
        return
    real = real_path(call.storage, path)
    if real is None or not os.path.isdir(real):
        errors.add(attribute, "This path does not exist.")


def _shares(call: Call, kind: str) -> list[dict[str, Json]]:
    state = call.appliance.state
    return [
        {name: value for name, value in share.items() if name != "kind"}
        | {"locked": state.is_locked(share["path"].removeprefix("/mnt/"))}
        | (_place_of(call, share["path"]) if state.at_least("26") else {})
        for share in state.shares
        if share["kind"] == kind
    ]


def _place_of(call: Call, path: str) -> dict[str, Json]:
    """Return the dataset that a path lies in, and where in it, as the newest release tells both."""
    name = path.removeprefix("/mnt/")
    known = [each.name for each in call.storage.datasets() if f"{name}/".startswith(f"{each.name}/")]
    dataset = max(known, key=len, default=None)
    return {"dataset": dataset, "relative_path": None if dataset is None else name.removeprefix(dataset).lstrip("/")}


def _share(call: Call, kind: str, number: int, title: str) -> dict[str, Json]:
    for share in _shares(call, kind):
        if share["id"] == number:
            return share
    raise InstanceNotFoundError(f"{title} {number} does not exist")


def _added(call: Call, kind: str, values: dict[str, Json]) -> dict[str, Json]:
    number = call.appliance.state.next_id()
    call.appliance.state.shares.append({"kind": kind, "id": number, **values})
    call.appliance.save()
    write_exports(call.appliance)
    return _share(call, kind, number, "")


def _removed(call: Call, kind: str, number: int, title: str) -> bool:
    _share(call, kind, number, title)
    state = call.appliance.state
    state.shares = [share for share in state.shares if share["id"] != number]
    call.appliance.save()
    write_exports(call.appliance)
    return True


METHODS: Final = (
    Method("sharing.nfs.query", Query, nfs_query, roles=("SHARING_NFS_READ",)),
    Method("sharing.nfs.get_instance", GetInstance, nfs_get_instance, roles=("SHARING_NFS_READ",)),
    Method("sharing.nfs.create", NfsCreate, nfs_create, roles=("SHARING_NFS_WRITE",)),
    Method("sharing.nfs.delete", Identity, nfs_delete, roles=("SHARING_NFS_WRITE",)),
    Method("sharing.smb.query", Query, smb_query, roles=("SHARING_SMB_READ",)),
    Method("sharing.smb.create", SmbCreate, smb_create, roles=("SHARING_SMB_WRITE",)),
    Method("sharing.smb.delete", Identity, smb_delete, roles=("SHARING_SMB_WRITE",)),
    Method("iscsi.extent.create", ExtentCreate, extent_create, roles=("SHARING_ISCSI_EXTENT_WRITE",)),
    Method("iscsi.extent.query", Query, extent_query, roles=("SHARING_ISCSI_EXTENT_READ",)),
    Method("iscsi.extent.update", ExtentUpdate, extent_update, roles=("SHARING_ISCSI_EXTENT_WRITE",)),
    Method("iscsi.extent.delete", Identity, extent_delete, roles=("SHARING_ISCSI_EXTENT_WRITE",)),
    Method("pool.snapshottask.query", Query, task_query, roles=("SNAPSHOT_TASK_READ",)),
    Method("pool.snapshottask.delete", Identity, task_delete, roles=("SNAPSHOT_TASK_WRITE",)),
    Method("pool.snapshottask.create", TaskCreate, task_create, roles=("SNAPSHOT_TASK_WRITE",)),
)
