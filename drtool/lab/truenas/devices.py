"""The device nodes of volumes: links below `zvol/`, which the shell of the appliance shows at `/dev/zvol`."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from drtool.lab.truenas.registry import Call
from drtool.lab.truenas.storage import VOLUME_FILE, Storage

FOLDER: Final = "zvol"


def write_devices(directory: str, storage: Storage) -> None:
    """Make a node for every volume there is, and leave no other."""
    wanted = {dataset.name for dataset in storage.datasets() if dataset.volume_bytes}
    top = os.path.join(directory, FOLDER)
    os.makedirs(top, exist_ok=True)
    for place, _directories, files in os.walk(top, topdown=False):
        for name in files:
            if os.path.relpath(os.path.join(place, name), top) not in wanted:
                os.unlink(os.path.join(place, name))
        if place != top:
            with contextlib.suppress(OSError):
                os.rmdir(place)
    for name in wanted:
        add_device(directory, name)


def add_device(directory: str, name: str) -> None:
    """Make the node of one volume; there already is success."""
    path = _node(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink(f"/mnt/{name}/{VOLUME_FILE}", path)


def appear(call: Call, name: str) -> None:
    """Make the node of a new volume, as late as a fault wants it."""
    directory = call.appliance.directory
    if call.late_seconds:
        call.appliance.later(call.late_seconds, lambda: add_device(directory, name))
    else:
        add_device(directory, name)


def follow(call: Call, name: str) -> None:
    """Bring the nodes up to date after a dataset went away or got another name, if any volume was in it."""
    if os.path.lexists(_node(call.appliance.directory, name)):
        write_devices(call.appliance.directory, call.storage)


def _node(directory: str, name: str) -> str:
    return os.path.join(directory, FOLDER, name.replace(" ", "+"))
