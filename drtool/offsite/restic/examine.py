"""What `doctor` asks of a repository."""

from __future__ import annotations

import os

from drtool.model.errors import DrtoolError
from drtool.offsite.restic.client import Client
from drtool.offsite.restic.versions import losses
from drtool.ports import Finding

_LEAST_FREE = 0.05
_LARGEST_SKEW_SECONDS = 60.0
_GIB = 1 << 30


def examine(client: Client) -> tuple[Finding, ...]:
    """Ask address, key, version, locks, space and clock; what builds on a failed answer is not asked."""
    name = client.name
    findings: list[Finding] = []
    try:
        version = client.version()
        findings.append(Finding(f"{name}: restic", good=True, text=f"version {version}"))
        findings += [Finding(f"{name}: restic {version}", good=None, text=text) for text in losses(version)]
        client.probe.look(client.reach())
        findings.append(Finding(f"{name}: address", good=True, text=f"{client.reach().scheme} answers"))
        findings.append(_key(client))
        findings += _locks(client)
        findings += _space(client)
        findings += _clock(client)
    except DrtoolError as error:
        findings.append(Finding(f"{name}: {error.kind}", good=False, text=error.what, remedy=error.hint))
    return tuple(findings)


def _key(client: Client) -> Finding:
    subject, identity = f"{client.name}: key", client.identity()[:8]
    if not client.reach().needs_white_space:
        return Finding(subject, good=True, text=f"opens the repository {identity}")
    reference = client.policy.address.password
    return Finding(
        subject,
        good=False,
        text=f"{reference} opens the repository {identity} only with the white space around the passphrase, which restic cuts off: "
        "restic alone does not open it with that file",
        remedy=f"drtool key rotate {client.name}",
    )


def _locks(client: Client) -> list[Finding]:
    subject = f"{client.name}: locks"
    found = client.locks()
    if not found:
        return [Finding(subject, good=True, text="none")]
    findings = []
    for lock in found:
        if client.dead(lock):
            text = f"left behind {lock}: its process is gone; the next command that it hinders removes it"
            findings.append(Finding(subject, good=None, text=text))
        else:
            remedy = f"wait for that run; if {lock.host} is gone for good: restic unlock"
            findings.append(Finding(subject, good=None, text=f"held {lock}", remedy=remedy))
    return findings


def _space(client: Client) -> list[Finding]:
    reach = client.reach()
    if reach.scheme != "path":
        return []
    try:
        disk = os.statvfs(reach.path)
    except OSError as error:
        return [Finding(f"{client.name}: space", good=False, text=f"{reach.path}: {error.strerror}", remedy="check the disk")]
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    good = free > total * _LEAST_FREE
    text = f"{free / _GIB:.1f} GiB of {total / _GIB:.1f} GiB are free"
    return [Finding(f"{client.name}: space", good=good, text=text, remedy="" if good else f"make room, or: drtool prune {client.name}")]


def _clock(client: Client) -> list[Finding]:
    reach = client.reach()
    if reach.scheme not in ("s3", "rest"):
        return []
    there = client.probe.date(reach)
    if there is None:
        return []
    skew = (there - client.clock.now()).total_seconds()
    good = abs(skew) <= _LARGEST_SKEW_SECONDS
    text = f"the server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours" if abs(skew) >= 1 else "agrees with ours"
    return [Finding(f"{client.name}: clock", good=good, text=text, remedy="" if good else "let both machines keep time by NTP")]
