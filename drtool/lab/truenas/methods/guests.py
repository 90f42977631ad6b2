"""What runs on the appliance and uses datasets, as far as others can see: `vm.*`, `app.*`."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import CallError, InstanceNotFoundError, Json, ValidationErrors
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.registry import Arguments, Call, Method

Text = Annotated[str, Field(min_length=1)]
_VOLUMES: Final = "/dev/zvol/"


class VmCreateArgs(Arguments):
    name: Text
    memory: Annotated[int, Field(ge=20)]
    description: str = ""


class VmCreate(Arguments):
    vm_create: VmCreateArgs


class Disk(Arguments):
    dtype: Literal["DISK"]
    path: Text


class DeviceCreateArgs(Arguments):
    attributes: Disk
    vm: int


class DeviceCreate(Arguments):
    vm_device_create: DeviceCreateArgs


class StartOptions(Arguments):
    overcommit: bool = False


class Start(Arguments):
    id: int
    options: StartOptions = StartOptions()


class StopOptions(Arguments):
    force: bool = False
    force_after_timeout: bool = False


class Stop(Arguments):
    id: int
    options: StopOptions = StopOptions()


class AppCreateArgs(Arguments):
    app_name: Annotated[str, Field(min_length=1, max_length=40, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    custom_app: bool = False
    custom_compose_config: dict[str, Any] = {}


class AppCreate(Arguments):
    app_create: AppCreateArgs


class AppName(Arguments):
    app_name: Text


def machines(call: Call, arguments: Query) -> Json:
    """Tell the virtual machines with their devices and whether they run."""
    return query.run([_machine(call, each) for each in call.appliance.state.guests], arguments.filters, arguments.options)


def create_machine(call: Call, arguments: VmCreate) -> Json:
    """Note a virtual machine, which is off and never computes anything."""
    state = call.appliance.state
    given = arguments.vm_create
    row = {"id": state.next_id(), "name": given.name, "memory": given.memory, "running": False, "disks": []}
    state.guests.append(row)
    call.appliance.save()
    return _machine(call, row)


def add_disk(call: Call, arguments: DeviceCreate) -> Json:
    """Give a virtual machine the device of a volume."""
    given = arguments.vm_device_create
    row = _guest(call, given.vm)
    name = volume_of(given.attributes.path)
    if not name or not call.storage.datasets([name], children=False):
        raise ValidationErrors([("vm_device_create.attributes.path", f"Disk path {given.attributes.path} does not exist.", errno.ENOENT)])
    device = {"id": call.appliance.state.next_id(), "path": given.attributes.path}
    row["disks"].append(device)
    call.appliance.save()
    return _device(row, device)


def start_machine(call: Call, arguments: Start) -> None:
    """Switch it on, if what it needs is there."""
    row = _guest(call, arguments.id)
    if _is_on(call, row):
        raise CallError(f"VM {row['name']!r} is already running")
    for device in row["disks"]:
        if not call.storage.datasets([volume_of(device["path"])], children=False):
            raise CallError(f"{device['path']} is not available", errno.ENOENT)
    row.update(running=True, off_at=0.0)
    call.appliance.save()


def stop_machine(call: Call, arguments: Stop) -> None:
    """Tell it to shut down, and wait for that as long as its own timeout says; one that takes longer goes off later."""
    row = _guest(call, arguments.id)
    if not _is_on(call, row):
        raise CallError(f"VM {row['name']!r} is not running")
    if call.late_seconds:
        row["off_at"] = call.appliance.clock.now().timestamp() + call.late_seconds
    else:
        row["running"] = False
    call.appliance.save()


def apps(call: Call, arguments: Query) -> Json:
    """Tell the apps, with what of the host is mounted in their containers."""
    newest = call.appliance.state.at_least("26")
    told = [_app(each, newest=newest, older=not call.appliance.state.at_least("25.10")) for each in call.appliance.state.apps]
    return query.run(told, arguments.filters, arguments.options)


def create_app(call: Call, arguments: AppCreate) -> Json:
    """Note an app, which runs at once and never does anything."""
    given = arguments.app_create
    state = call.appliance.state
    if any(each["name"] == given.app_name for each in state.apps):
        raise ValidationErrors([("app_create.app_name", f"Application with name {given.app_name} already exists", errno.EEXIST)])
    services = (given.custom_compose_config.get("services") or {}).values()
    sources = [str(volume).partition(":")[0] for service in services for volume in service.get("volumes", ())]
    row = {"name": given.app_name, "running": True, "sources": sources}
    state.apps.append(row)
    call.appliance.save()
    return _app(row, newest=state.at_least("26"), older=not state.at_least("25.10"))


def start_app(call: Call, arguments: AppName) -> None:
    """Start it."""
    _set_app(call, arguments.app_name, running=True)


def stop_app(call: Call, arguments: AppName) -> None:
    """Stop it."""
    _set_app(call, arguments.app_name, running=False)


def users_of(call: Call, name: str) -> dict[str, list[str]]:
    """Return the machines and apps that use a dataset or what lies below it, running or not, by the vendor's title."""
    state = call.appliance.state
    machines_ = [row["name"] for row in state.guests if any(_is_in(volume_of(each["path"]), name) for each in row["disks"])]
    apps_ = [row["name"] for row in state.apps if any(_is_in(each.removeprefix("/mnt/"), name) for each in row["sources"])]
    return {title: names for title, names in (("VM", machines_), ("Apps", apps_)) if names}


def volume_of(path: str) -> str:
    """Return the volume whose device a path is, empty where it is none."""
    return path.removeprefix(_VOLUMES).replace("+", " ") if path.startswith(_VOLUMES) else ""


def _is_in(name: str, dataset: str) -> bool:
    return bool(name) and f"{name}/".startswith(f"{dataset}/")


def _guest(call: Call, number: int) -> dict[str, Json]:
    for row in call.appliance.state.guests:
        if row["id"] == number:
            return row
    raise InstanceNotFoundError(f"VM {number} does not exist")


def _set_app(call: Call, name: str, *, running: bool) -> None:
    found: Sequence[dict[str, Json]] = [row for row in call.appliance.state.apps if row["name"] == name]
    if not found:
        raise InstanceNotFoundError(f"App {name} does not exist")
    found[0]["running"] = running
    call.appliance.save()


def _is_on(call: Call, row: dict[str, Json]) -> bool:
    return bool(row["running"]) and not 0 < row.get("off_at", 0.0) <= call.appliance.clock.now().timestamp()


def _machine(call: Call, row: dict[str, Json]) -> dict[str, Json]:
    on = _is_on(call, row)
    return {
        "id": row["id"],
        "name": row["name"],
        "memory": row["memory"],
        "devices": [_device(row, device) for device in row["disks"]],
        "display_available": False,
        "status": {
            "state": "RUNNING" if on else "STOPPED",
            "pid": os.getpid() if on else None,
            "domain_state": "RUNNING" if on else "SHUTOFF",
        },
    }


def _device(row: dict[str, Json], device: dict[str, Json]) -> dict[str, Json]:
    attributes = {"dtype": "DISK", "path": device["path"], "type": "VIRTIO", "iotype": "THREADS"}
    return {"id": device["id"], "vm": row["id"], "order": 1000, "attributes": attributes}


def _app(row: dict[str, Json], *, newest: bool, older: bool) -> dict[str, Json]:
    volumes = [{"source": each, "destination": "/data", "mode": "rw", "type": "bind"} for each in row["sources"]] if row["running"] else []
    active: dict[str, Json] = {
        "containers": int(bool(row["running"])),
        "container_details": [],
        "images": ["example/app:1"],
        "networks": [],
        "used_ports": [],
        "volumes": volumes,
    }
    if not older:
        active["used_host_ips"] = []
    told: dict[str, Json] = {
        "name": row["name"],
        "id": row["name"],
        "state": "RUNNING" if row["running"] else "STOPPED",
        "upgrade_available": False,
        "latest_version": None,
        "image_updates_available": False,
        "custom_app": True,
        "migrated": False,
        "human_version": "1.0.0",
        "version": "1.0.0",
        "metadata": {},
        "active_workloads": active,
        "notes": None,
        "portals": {},
    }
    return told | ({"latest_app_version": None, "action_required": False} if newest else {})


METHODS: Final = (
    Method("vm.query", Query, machines, roles=("VM_READ",)),
    Method("vm.create", VmCreate, create_machine, roles=("VM_WRITE",)),
    Method("vm.device.create", DeviceCreate, add_disk, roles=("VM_DEVICE_WRITE",)),
    Method("vm.start", Start, start_machine, roles=("VM_WRITE",)),
    Method("vm.stop", Stop, stop_machine, roles=("VM_WRITE",), job=True),
    Method("app.query", Query, apps, roles=("APPS_READ",)),
    Method("app.create", AppCreate, create_app, roles=("APPS_WRITE",), job=True),
    Method("app.start", AppName, start_app, roles=("APPS_WRITE",), job=True),
    Method("app.stop", AppName, stop_app, roles=("APPS_WRITE",), job=True),
)
