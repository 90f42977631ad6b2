"""Tasks: what nodes did and do, and what they said meanwhile."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, forbidden
from drtool.lab.proxmox.calls import Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import NODE, ON_NODE, flag, guest_number, one_of, split, text, whole
from drtool.lab.proxmox.privileges import may
from drtool.lab.proxmox.state import Task
from drtool.lab.proxmox.upid import task_of

_LISTED: Final = 50
_OF_CLUSTER: Final = 25


def of_cluster(asked: Asked) -> Json:
    """Return the newest tasks of all nodes, as far as somebody may see them."""
    return [_row(task) for task in _newest(asked, asked.state.tasks)[:_OF_CLUSTER]]


def of_node(asked: Asked) -> Json:
    """Return tasks of a node: without `source` only those that have ended."""
    given = asked.given
    source = given.get("source", "archive")
    found = [task for task in _newest(asked, asked.state.tasks) if task.node == given["node"] and _fits(task, given)]
    found = [task for task in found if source == "all" or (task.exit == "") == (source == "active")]
    first, most = given.get("start", 0), given.get("limit", _LISTED)
    return [_row(task) for task in found[first : first + most if most else None]]


def _fits(task: Task, given: Json) -> bool:
    wanted = {each.lower() for each in split(given.get("statusfilter", ""))}
    if wanted and _sort(task) not in wanted:
        return False
    if given.get("errors") and _sort(task) in {"ok", ""}:
        return False
    return (
        given.get("vmid") in {None, int(task.id) if task.id.isdigit() else -1}
        and given.get("typefilter") in {None, task.type}
        and given.get("userfilter", "").lower() in task.who.lower()
        and given.get("since", 0) <= task.start <= given.get("until", task.start)
    )


def _sort(task: Task) -> str:
    """Return how a task ended, in the words of the filter; empty while it runs."""
    if task.exit in {"", "OK"}:
        return task.exit.lower()
    if task.exit == "unexpected status":
        return "unknown"
    return "warning" if task.exit.startswith("WARNINGS:") else "error"


def _newest(asked: Asked, tasks: list[Task]) -> list[Task]:
    return sorted((task for task in tasks if _may(asked, task)), key=lambda task: -task.start)


def _may(asked: Asked, task: Task) -> bool:
    """Tell whether somebody may see a task: his own, those of his tokens, and whoever audits the node."""
    own = task.who == asked.who or task.who.partition("!")[0] == asked.who
    return own or may(asked.state, asked.who, f"/nodes/{task.node}", "Sys.Audit")


def _row(task: Task) -> dict[str, Json]:
    user, _, token = task.who.partition("!")
    row: dict[str, Json] = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.start,
        "type": task.type,
        "id": task.id,
        "user": user,
    }
    row |= {"tokenid": token} if token else {}
    return {**row, "endtime": task.end, "status": task.exit} if task.exit else row


def _task(asked: Asked) -> Task:
    found = task_of(asked.state, asked.given["node"], asked.given["upid"])
    if not _may(asked, found):
        raise forbidden(f"/nodes/{found.node}", "Sys.Audit")
    return found


def status(asked: Asked) -> Json:
    """Return whether a task runs, and how it ended."""
    task = _task(asked)
    told = {key: value for key, value in _row(task).items() if key not in {"endtime", "status"}}
    return {**told, "status": "stopped", "exitstatus": task.exit} if task.exit else {**told, "status": "running"}


def log(asked: Asked) -> Json:
    """Return lines of what a task said: 50 of them unless told otherwise, all with a limit of 0."""
    task = _task(asked)
    first, most = asked.given.get("start", 0), asked.given.get("limit", _LISTED)
    lines = [{"n": number, "t": line} for number, line in enumerate(task.log or ["no content"], 1)]
    return lines[first : first + most if most else None]


_OF_TASK: Final = {"node": NODE, "upid": text(needed=True)}
CALLS: Final = (
    Call("GET", "/cluster/tasks", of_cluster),
    Call(
        "GET",
        "/nodes/{node}/tasks",
        of_node,
        {
            **ON_NODE,
            "errors": flag(),
            "limit": whole(least=0),
            "since": whole(),
            "source": one_of("archive", "active", "all"),
            "start": whole(least=0),
            "statusfilter": text("pve-task-status-type-list"),
            "typefilter": text(),
            "until": whole(),
            "userfilter": text(),
            "vmid": guest_number(needed=False),
        },
        proxied=True,
    ),
    Call("GET", "/nodes/{node}/tasks/{upid}/status", status, _OF_TASK, proxied=True),
    Call(
        "GET",
        "/nodes/{node}/tasks/{upid}/log",
        log,
        {**_OF_TASK, "download": flag(), "limit": whole(least=0), "start": whole(least=0)},
        proxied=True,
    ),
)
