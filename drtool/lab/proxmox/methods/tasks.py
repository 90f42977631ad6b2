"""Tasks: what nodes did and do, and what they said meanwhile."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import Json, died, wrong
from drtool.lab.proxmox.calls import Call
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import NODE, ON_NODE, flag, guest_number, one_of, split, text, whole
from drtool.lab.proxmox.privileges import may, require
from drtool.lab.proxmox.state import Task
from drtool.lab.proxmox.upid import task_of

_LISTED: Final = 50
_OF_CLUSTER: Final = 25


def of_cluster(asked: Asked) -> Json:
    """Return the newest tasks of all nodes to whoever audits them all, else those of the user himself, and to a token none."""
    everything = may(asked.state, asked.who, "/", "Sys.Audit")
    seen = [task for task in asked.state.tasks if everything or task.who.partition("!")[0] == asked.who]
    return [_row(task) for task in _newest(seen)[:_OF_CLUSTER]]


def of_node(asked: Asked) -> Json:
    """Return tasks of a node: without `source` only those that have ended, and with a limit of 0 none."""
    given = asked.given
    source = given.get("source", "archive")
    seen = [task for task in asked.state.tasks if task.node == given["node"] and _may(asked, task) and _fits(task, given)]
    running = [task for task in _newest(seen) if not task.exit and source != "archive"]
    ended = [task for task in _newest(seen) if task.exit and source != "active"]
    first, most = given.get("start", 0), given.get("limit", _LISTED)
    return [{**_row(task), "status": task.exit or "RUNNING"} for task in [*running, *ended][first : first + most]]


def _fits(task: Task, given: Json) -> bool:
    wanted = {each.lower() for each in split(given.get("statusfilter", ""))}
    if wanted and _sort(task) not in wanted:
        return False
    if given.get("errors") and _sort(task) == "ok":
        return False
    return (
        task.id == str(given.get("vmid", task.id))
        and given.get("typefilter") in {None, task.type}
        and given.get("userfilter", "").lower() in task.who.partition("!")[0].lower()
        and given.get("since", 0) <= task.start <= given.get("until", task.start)
    )


def _sort(task: Task) -> str:
    """Return how a task ended, in the words of the filter; one that runs is unknown."""
    if task.exit == "OK":
        return "ok"
    if task.exit in {"", "unexpected status"}:
        return "unknown"
    return "warning" if task.exit.startswith("WARNINGS:") else "error"


def _newest(tasks: list[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: -task.start)


def _may(asked: Asked, task: Task) -> bool:
    """Tell whether somebody may see a task: his own, those of his tokens, and whoever audits the node."""
    return _owns(asked, task.who) or may(asked.state, asked.who, f"/nodes/{task.node}", "Sys.Audit")


def _owns(asked: Asked, who: str) -> bool:
    return asked.who in {who, who.partition("!")[0]}


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


def status(asked: Asked) -> Json:
    """Return whether a task runs, and how it ended."""
    task = task_of(asked.state, asked.given["node"], asked.given["upid"])
    if task is None:
        raise wrong({"upid": "no such task"})
    _require_sight(asked)
    told = {key: value for key, value in _row(task).items() if key not in {"endtime", "status"}}
    return {**told, "status": "stopped", "exitstatus": task.exit} if task.exit else {**told, "status": "running"}


def log(asked: Asked) -> Json:
    """Return lines of what a task said: 50 of them unless told otherwise, all with a limit of 0; or all of it as bytes."""
    task = task_of(asked.state, asked.given["node"], asked.given["upid"])
    _require_sight(asked)
    if asked.given.get("download"):
        if {"start", "limit"} & asked.given.keys():
            raise died("'download' cannot be used together with 'start' or 'limit' parameters")
        return "".join(f"{line}\n" for line in (task.log if task is not None else ())).encode()
    if task is None:
        return [{"n": 1, "t": "unable to open file - No such file or directory"}]
    first, most = asked.given.get("start", 0), asked.given.get("limit", _LISTED)
    lines = [{"n": number, "t": line} for number, line in enumerate(task.log or ["no content"], 1)]
    return lines[first : first + most if most else None]


def _require_sight(asked: Asked) -> None:
    if not _owns(asked, asked.given["upid"].split(":")[-2]):
        require(asked.state, asked.who, f"/nodes/{asked.given['node']}", "Sys.Audit")


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
