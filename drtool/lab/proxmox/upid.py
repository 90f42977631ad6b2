"""Tasks and the names they have: node, process, when it began, what it does, to what, and for whom."""

from __future__ import annotations

from collections.abc import Sequence

from drtool.lab.proxmox.answers import wrong
from drtool.lab.proxmox.cluster import Cluster
from drtool.lab.proxmox.state import State, Task


def note_task(
    cluster: Cluster,
    node: str,
    type: str,  # noqa: A002 - the vendor's word
    id: str,  # noqa: A002
    who: str,
    *,
    at: int,
    log: Sequence[str] = (),
    exit: str = "",  # noqa: A002
    seconds: int = 60,
) -> Task:
    """Write a task down and return it; without an `exit` it runs on, else it took so many seconds."""
    state = cluster.state
    state.last_pid += 1
    pstart = state.last_pid * 16
    upid = f"UPID:{node}:{state.last_pid:08X}:{pstart:08X}:{at:08X}:{type}:{id}:{who}:"
    task = Task(upid, node, type, id, who, state.last_pid, pstart, at, at + seconds if exit else 0, exit, list(log))
    state.tasks.append(task)
    return task


def task_of(state: State, node: str, upid: str) -> Task | None:
    """Return a task of a node, None where there is no such one; 400 for what is no name of a task."""
    if len(upid.split(":")) != 9 or not upid.startswith("UPID:"):  # noqa: PLR2004 - its parts
        raise wrong({"upid": "unable to parse worker upid"})
    return next((task for task in state.tasks if task.upid == upid and task.node == node), None)
