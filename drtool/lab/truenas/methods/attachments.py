"""What hangs on a dataset: shares of its path, tasks that name it."""

from __future__ import annotations

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.exports import write_exports
from drtool.lab.truenas.methods.guests import users_of
from drtool.lab.truenas.registry import Call


def shares_below(call: Call, name: str, kind: str) -> list[dict[str, Json]]:
    """Return the shares of one kind (`nfs`, `smb`, `iscsi`) whose path lies in a dataset or below it."""
    return [share for share in call.appliance.state.shares if share["kind"] == kind and f"{share['path']}/".startswith(f"/mnt/{name}/")]


def tasks_of(call: Call, name: str) -> list[dict[str, Json]]:
    """Return the snapshot tasks of a dataset or what lies below it."""
    return [task for task in call.appliance.state.tasks if f"{task['dataset']}/".startswith(f"{name}/")]


def attachments_of(call: Call, name: str) -> list[dict[str, Json]]:
    """Return what hangs on a dataset, as the vendor tells it."""
    found: list[dict[str, Json]] = []
    for kind, title, service in (("nfs", "NFS Share", "nfs"), ("smb", "SMB Share", "cifs"), ("iscsi", "iSCSI Extent", "iscsitarget")):
        if shares := shares_below(call, name, kind):
            found.append({"type": title, "service": service, "attachments": [share.get("name") or share["path"] for share in shares]})
    for title, names in users_of(call, name).items():
        found.append({"type": title, "service": "vm" if title == "VM" else "docker", "attachments": names})
    if tasks := tasks_of(call, name):
        found.append({"type": "Snapshot Task", "service": None, "attachments": [task["dataset"] for task in tasks]})
    return found


def remove_attachments(call: Call, name: str) -> None:
    """Remove all that, as the vendor does before it destroys."""
    state = call.appliance.state
    gone = [share["id"] for kind in ("nfs", "smb", "iscsi") for share in shares_below(call, name, kind)]
    tasks = tasks_of(call, name)
    state.shares = [share for share in state.shares if share["id"] not in gone]
    state.tasks = [task for task in state.tasks if task not in tasks]
    if gone:
        write_exports(call.appliance)
