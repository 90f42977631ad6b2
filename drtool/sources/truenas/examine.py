from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from drtool.model.errors import DrtoolError, Interrupted
from drtool.ports import Finding
from drtool.sources.truenas.datasets import read_datasets
from drtool.sources.truenas.examine_shell import examine_shell
from drtool.sources.truenas.parts import Parts

_OLDEST: Final = (25, 4)
_NEEDED: Final = (
    *("DATASET_READ", "DATASET_WRITE", "DATASET_DELETE", "SNAPSHOT_READ", "SNAPSHOT_WRITE", "SNAPSHOT_DELETE"),
    *("POOL_READ", "FILESYSTEM_ATTRS_READ"),
)
_SHARING: Final = "SHARING_NFS_WRITE"
_ALL: Final = "FULL_ADMIN"


def examine(parts: Parts) -> tuple[Finding, ...]:
    """Answer `doctor`: the version, the roles of the key, the pools, how the data is reached, the clock."""
    subject = f"source {parts.name}"
    try:
        info = parts.client.read("system.info")
    except Interrupted:
        raise
    except DrtoolError as error:
        return (Finding(subject, good=False, text=error.what, remedy=error.hint),)
    found = [_version(subject, str(info.get("version") or "")), *_clock(parts, subject, info)]
    for part in (_roles, _pools, _data, examine_shell):
        try:
            found += part(parts, subject)
        except Interrupted:
            raise
        except DrtoolError as error:
            found.append(Finding(subject, good=False, text=error.what, remedy=error.hint))
    return tuple(found)


def _version(subject: str, text: str) -> Finding:
    digits = text.rpartition("-")[2] if "-" in text and not text.upper().endswith(("BETA", "RC")) else text
    numbers = [int(part) for part in digits.replace("-", ".").split(".")[:2] if part.isdigit()]
    if len(numbers) == len(_OLDEST) and tuple(numbers) < _OLDEST:
        return Finding(subject, good=False, text=f"TrueNAS {text} is too old", remedy="update it to 25.04 or later")
    return Finding(subject, good=True, text=f"TrueNAS {text} answers")


def _clock(parts: Parts, subject: str, info: dict[str, Any]) -> list[Finding]:
    theirs = info.get("datetime")
    if not isinstance(theirs, datetime):
        return []
    skew = abs(parts.clock.now().timestamp() - theirs.timestamp())
    if skew > 300:  # noqa: PLR2004 - seconds
        return [Finding(subject, good=None, text=f"its clock differs from ours by {skew:.0f} s", remedy="set both by NTP")]
    return []


def _roles(parts: Parts, subject: str) -> list[Finding]:
    """Tell what the key may do, from what the NAS says of its own session."""
    me = parts.client.read("auth.me")
    privilege = me.get("privilege") or {}
    roles = privilege.get("roles") or {}
    held = {str(role) for role in (roles.get("$set", roles) if isinstance(roles, dict) else roles)}
    reach = parts.reach()
    needed = (*_NEEDED, *((_SHARING,) if reach.shares else ()))
    if _ALL in held:
        return [
            Finding(
                subject,
                good=None,
                text="its key belongs to a full administrator, which only `system: true` needs",
                remedy=f"use a key with {', '.join(needed)} for datasets, and a source of its own for the configuration",
            )
        ]
    missing = [role for role in needed if role not in held and role.replace("_READ", "_WRITE") not in held]
    if missing:
        return [
            Finding(subject, good=False, text=f"its key lacks {', '.join(missing)}", remedy="add these roles to the privilege of its group")
        ]
    return [Finding(subject, good=True, text="its key has the roles that are needed, and not all of them")]


def _pools(parts: Parts, subject: str) -> list[Finding]:
    found = []
    for pool in parts.client.read("pool.query"):
        good = bool(pool.get("healthy")) and pool.get("status") == "ONLINE"
        text = f"pool {pool.get('name')} is {pool.get('status')}{'' if good else ' and not healthy'}"
        found.append(
            Finding(subject, good=good, text=text, remedy="" if good else "look at the pool on the NAS before you restore into it")
        )
    return found


def _data(parts: Parts, subject: str) -> list[Finding]:
    reach = parts.reach()
    locked = [dataset.id for dataset in read_datasets(parts.client) if dataset.locked]
    found = [Finding(subject, good=None, text=f"{name} is locked and cannot be read", remedy="unlock it on the NAS") for name in locked]
    if not reach.shares:
        return [*found, Finding(subject, good=True, text=f"its files are read {reach.words}")]
    root = reach.files.run("id", "-u").standard_output.strip() == b"0"
    program = reach.files.run("sh", "-c", "command -v mount.nfs").exit_code == 0
    service = parts.client.read("service.query", [["service", "=", "nfs"]])
    running = bool(service) and service[0].get("state") == "RUNNING"
    wrong = [
        words
        for good, words in (
            (root, "run drtool as root here: it mounts"),
            (program, "install nfs-common here"),
            (running, "start the NFS service on the NAS"),
        )
        if not good
    ]
    text = "its datasets are read over temporary NFS shares" + (", which cannot be mounted here yet" if wrong else "")
    return [*found, Finding(subject, good=not wrong, text=text, remedy="; ".join(wrong))]
