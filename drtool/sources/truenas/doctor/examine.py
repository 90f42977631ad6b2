from __future__ import annotations

from datetime import datetime
from typing import Any

from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.ports import Finding
from drtool.sources.truenas.api.roles import FULL, ROLES, STOPPING, WHERE, lacking, read_roles
from drtool.sources.truenas.api.supported import examine_release
from drtool.sources.truenas.configuration.appliance import pools_without_datasets
from drtool.sources.truenas.doctor.examine_keys import examine_keys
from drtool.sources.truenas.doctor.examine_shell import examine_shell
from drtool.sources.truenas.inventory.discover import uncovered
from drtool.sources.truenas.inventory.parts import Parts


def examine(parts: Parts) -> tuple[Finding, ...]:
    """Answer `doctor`: the version, the roles of the key, the pools, how the data is reached, the clock."""
    subject = f"source {parts.name}"
    try:
        info = _information(parts)
    except Interrupted:
        raise
    except DrtoolError as error:
        return (Finding(subject, good=False, text=error.what, remedy=error.hint),)
    found = [examine_release(subject, str(info.get("version") or "")), *_clock(parts, subject, info)]
    for part in (_roles, _pools, _keys, _data, examine_shell):
        try:
            found += part(parts, subject)
        except Interrupted:
            raise
        except DrtoolError as error:
            found.append(Finding(subject, good=False, text=error.what, remedy=error.hint))
    return tuple(found)


def _information(parts: Parts) -> dict[str, Any]:
    try:
        told: dict[str, Any] = parts.client.read("system.info") or {}
    except Refused:  # a key that may not ask that may ask for the version
        told = {}
    return told if told.get("version") else {**told, "version": parts.client.read("system.version")}


def _clock(parts: Parts, subject: str, info: dict[str, Any]) -> list[Finding]:
    theirs = info.get("datetime")
    if not isinstance(theirs, datetime):
        remedy = f"{WHERE}: add READONLY_ADMIN, or compare it yourself"
        return [Finding(subject, good=None, text="its clock was not told, so it is not compared with ours", remedy=remedy)]
    skew = abs(parts.clock.now().timestamp() - theirs.timestamp())
    if skew > 300:  # noqa: PLR2004 - seconds
        return [Finding(subject, good=None, text=f"its clock differs from ours by {skew:.0f} s", remedy="set both by NTP")]
    return []


def _roles(parts: Parts, subject: str) -> list[Finding]:
    """Tell what the key may do, from what the NAS says of its own session."""
    held = read_roles(parts.client)
    if FULL in held:
        return _too_much(parts, subject)
    found = []
    if parts.wants.system:
        remedy = f"name another user and key for it, in a source of its own; {WHERE}: {FULL}"
        found.append(Finding(subject, good=False, text=f"its key cannot save the configuration: {FULL} is missing", remedy=remedy))
    if parts.wants.system and not parts.wants.datasets:
        return found
    missing = lacking(held, shares=parts.file_access().shares, stop=parts.stop)
    for role, verbs in missing.items():
        told = "version and clock cannot be asked" if verbs == ("doctor",) else f"it cannot do {', '.join(verbs)}"
        text = f"its key lacks {role}: {told}"
        found.append(Finding(subject, good=None if verbs == ("doctor",) else False, text=text, remedy=f"{WHERE}: add {role}"))
    enough = f"its key has every role that {', '.join(ROLES)} need, and not {FULL}, which only `system: true` needs"
    return found or [Finding(subject, good=True, text=enough)]


def _too_much(parts: Parts, subject: str) -> list[Finding]:
    if parts.wants.system and not parts.wants.datasets:
        return [Finding(subject, good=True, text="its key belongs to a full administrator, as `system: true` needs")]
    needed = sorted({role for roles in ROLES.values() for role in roles} | {STOPPING[kind] for kind in parts.stop})
    return [
        Finding(
            subject,
            good=None,
            text="its key belongs to a full administrator, which is too much: only `system: true` needs that",
            remedy=f"use a key with {', '.join(needed)} for datasets, and a source of its own for the configuration",
        )
    ]


def _pools(parts: Parts, subject: str) -> list[Finding]:
    found = []
    pools = parts.client.read("pool.query")
    if not pools:
        return [Finding(subject, good=False, text="it tells of no pool", remedy="import its pools on the NAS: runbooks/truenas-lost.md")]
    for name in pools_without_datasets(pools, [dataset.id for dataset in parts.listing.recent()]):
        text = f"it tells of no dataset of the pool {name}"
        found.append(Finding(subject, good=False, text=text, remedy="look at that pool on the NAS, and at the roles of the key"))
    for pool in pools:
        good = bool(pool.get("healthy")) and pool.get("status") == "ONLINE"
        text = f"pool {pool.get('name')} is {pool.get('status')}{'' if good else ' and not healthy'}"
        found.append(
            Finding(subject, good=good, text=text, remedy="" if good else "look at the pool on the NAS before you restore into it")
        )
    return found


def _keys(parts: Parts, subject: str) -> list[Finding]:
    return examine_keys(parts, subject, tuple(dataset for dataset in parts.listing.recent() if dataset.encrypted))


def _data(parts: Parts, subject: str) -> list[Finding]:
    if parts.wants.system and not parts.wants.datasets:
        return []
    file_access = parts.file_access()
    locked = [dataset.id for dataset in parts.listing.recent() if dataset.locked]
    hidden = uncovered(parts.listing)
    apps = [Finding(subject, good=None, text=hidden, remedy="give apps datasets of their own, and dump their databases")] if hidden else []
    found = [Finding(subject, good=None, text=f"{name} is locked and cannot be read", remedy="unlock it on the NAS") for name in locked]
    found += apps
    if not file_access.shares:
        return [*found, Finding(subject, good=True, text=f"its files are read {file_access.words}")]
    root = file_access.files.run("id", "-u").standard_output.strip() == b"0"
    program = file_access.files.run("sh", "-c", "command -v mount.nfs").exit_code == 0
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
