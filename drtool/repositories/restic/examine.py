"""What `doctor` asks of a repository."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Locked, Unavailable
from drtool.model.quantity import spell_bytes
from drtool.ports import Finding, Owner, WorkPlace
from drtool.process import shown
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.deleting import may_delete
from drtool.repositories.restic.keyless import examine_without_key, refusal_of_ssh
from drtool.repositories.restic.output import parse_document
from drtool.repositories.restic.unmade import key_is_gone
from drtool.repositories.restic.versions import NEWEST_KNOWN, Version, losses

_LOOK_SECONDS = 60.0
_LEAST_FREE = 0.05
_LARGEST_SKEW_SECONDS = 60.0
_SLOW_SECONDS = 1.0
_SILENT = "look at what it waits for: its disk, its server, or the network between"
_DIGITS = 12
_TIMED = frozenset({"sftp", "s3", "rest"})


def examine(client: ResticClient, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
    """Ask address, key, version, locks, space and clock, and try the work; what builds on a failed answer is not asked."""
    name = client.name
    findings: list[Finding] = []
    try:
        version = client.version()
        findings.append(Finding(f"{name}: restic", good=True, text=f"version {version}"))
        findings += _losses(version)
        if key_is_gone(client.policy.address):
            return (*findings, examine_without_key(client))
        findings.append(_address(client))
        findings.append(_key(client))
        findings += _locks(client)
        findings += _space(client, coming_bytes)
        findings += _clock(client)
        findings += [*_tried(client, WorkPlace("", client.local, writes=True)), *_deleting(client)]
    except DrtoolError as error:
        told = refusal_of_ssh(client, client.policy.address) or error if isinstance(error, Unavailable) else error
        findings.append(Finding(f"{name}: {told.kind}", good=False, text=told.what, remedy=told.hint or _SILENT))
    for place in places:
        findings += _from_there(client, place)
    return tuple(findings)


def _losses(version: Version, *, at: str = "") -> list[Finding]:
    """Tell once of a version what is lost with it, whatever number of repositories it opens."""
    lost = losses(version)
    remedy = f"install restic {NEWEST_KNOWN.major}.{NEWEST_KNOWN.minor}{at}; its own builds do that by: restic self-update"
    newer = version >= Version(NEWEST_KNOWN.major, NEWEST_KNOWN.minor + 1)
    return [Finding(f"restic {version}{at}", good=None, text="; ".join(lost), remedy="" if newer else remedy)] if lost else []


def _address(client: ResticClient) -> Finding:
    """Look at the address, twice where that is slow: the first look may have waited for a name."""
    access, clock = client.access(), client.clock
    for _look in range(2):
        began = clock.monotonic()
        client.probe.look(access)
        took = clock.monotonic() - began
        if took <= _SLOW_SECONDS:
            break
    if access.scheme not in _TIMED:
        return Finding(f"{client.name}: address", good=True, text=f"{access.scheme} answers")
    if took <= _SLOW_SECONDS:
        return Finding(f"{client.name}: address", good=True, text=f"{access.scheme} answers in {took * 1000:.0f} ms")
    text = f"{access.scheme} answers in {took:.1f} s, and restic waits as long for everything that it asks"
    remedy = (
        f"look what is slow between here and there (ping, its name service); it is waited for no longer than `timeout:` of {client.name}"
    )
    return Finding(f"{client.name}: address", good=None, text=text, remedy=remedy)


def _from_there(client: ResticClient, place: WorkPlace) -> list[Finding]:
    """Ask where the work will be done: the restic there, whether the address there leads to the same repository, and what may be done."""
    subject = f"{client.name} from {place.source}"
    findings: list[Finding] = []
    try:
        version = client.version(place.runner)
        findings.append(Finding(f"{subject}: restic", good=True, text=f"version {version} on {place.runner.name}"))
        if version != client.version():
            findings += _losses(version, at=f" at {place.source}")
        there, here = client.identity_from(place.runner, place.source), client.identity()
        if there != here:
            text = f"the address there leads to another repository ({there[:8]}) than the one from here ({here[:8]})"
            remedy = f"correct seen_from: {place.source}: of {client.name}"
            return [*findings, Finding(f"{subject}: address", good=False, text=text, remedy=remedy)]
        findings.append(Finding(f"{subject}: address", good=True, text=f"leads to the same repository {there[:8]}"))
        findings += _tried(client, place)
    except DrtoolError as error:
        # What is only a copy there need not be read from there, unless a drill does: then a restore has one copy less to fall back on.
        whose = f"the drill {place.drill}" if place.drill else "a restore"
        text = error.what if place.writes else f"{whose} at {place.source} cannot read this copy: {error.what}"
        good = False if place.writes or place.drill else None
        remedy = error.hint if place.writes else f"say how it is reached from there: seen_from: {{{place.source}: …}} of {client.name}"
        findings.append(Finding(f"{subject}: {error.kind}", good=good, text=text, remedy=remedy))
    return findings


def _tried(client: ResticClient, place: WorkPlace) -> list[Finding]:
    """List it once; who will write does so under a lock, which is written and removed as by a backup."""
    subject = f"{client.name} from {place.source}" if place.source else client.name
    arguments = commands.LIST_UNDER_A_LOCK if place.writes else commands.LIST
    try:
        completed = client.run(Call(arguments, "list what it holds", runner=place.runner, source=place.source))
    except Locked as error:
        return [Finding(f"{subject}: writing", good=None, text=f"not tried: {error.what}", remedy=error.hint)]
    try:
        listed = parse_document(completed.standard_output)
    except ValueError:
        listed = ()
    if listed is not None and not isinstance(listed, list):
        text, remedy = "what it lists cannot be read", f"run restic by hand there: {place.runner.name}"
        return [Finding(f"{subject}: listing", good=False, text=text, remedy=remedy)]
    findings = [Finding(f"{subject}: listing", good=True, text=f"{len(listed or ())} snapshots")]
    if place.writes:
        findings.append(_writing(client, place, subject))
    return findings


def _writing(client: ResticClient, place: WorkPlace, subject: str) -> Finding:
    access = client.access(place.runner, place.source)
    if access.scheme == "path":  # a lock was written; packs go into folders of their own
        argv = ("find", access.path, "-maxdepth", "2", "-type", "d", "!", "-writable", "-print", "-quit")
        barred = place.runner.run(Command(argv, timeout_seconds=_LOOK_SECONDS)).standard_output
        if barred:
            text = f"this user may not write {shown(barred)}"
            return Finding(f"{subject}: writing", good=False, text=text, remedy="correct its owner or its mode")
    return Finding(f"{subject}: writing", good=True, text="tried: a lock was written and removed")


def _deleting(client: ResticClient) -> list[Finding]:
    """Tell of a store that only takes, which nobody has to have meant."""
    subject, access = f"{client.name}: deleting", client.access()
    allowed = may_delete(access)
    if allowed is None and access.scheme != "path":  # the lock that was tried is gone again where it could be removed
        own = [each for each in client.locks() if each.host == client.local.host_name()]
        allowed = not any(client.local.owner(str(each.pid)) is Owner.GONE for each in own)
    if allowed is not False:
        return []
    text = "it is append-only for this user: what is there stays, and a run that has something to forget there ends refused"
    remedy = (
        f"take `prune:` out of {client.name}, and let nothing be forgotten there: copies: [{{{client.name}: {{keep: {{within: 520w}}}}}}]"
    )
    return [Finding(subject, good=None if client.policy.prune else True, text=text, remedy=remedy if client.policy.prune else "")]


def _key(client: ResticClient) -> Finding:
    subject, identity = f"{client.name}: key", client.identity()[:8]
    if not client.access().needs_white_space:
        return Finding(subject, good=True, text=f"opens the repository {identity}")
    reference = client.policy.address.password
    return Finding(
        subject,
        good=False,
        text=f"{reference} opens the repository {identity} only with the white space around the passphrase, which restic cuts off: "
        "restic alone does not open it with that file",
        remedy=f"drtool key rotate {client.name}",
    )


def _locks(client: ResticClient) -> list[Finding]:
    subject = f"{client.name}: locks"
    found = client.locks()
    if not found:
        return [Finding(subject, good=True, text="none")]
    findings = []
    for lock in found:
        age = (client.clock.now() - lock.since).total_seconds()
        told = f"{lock}, {age / 60:.0f} min ago"
        if client.dead(lock):
            text = f"left behind {told}: its process is gone; the next command that it hinders removes it"
            findings.append(Finding(subject, good=None, text=text, remedy=_by_hand(client, "unlock")))
        elif lock.host == client.local.host_name() and client.local.owner(str(lock.pid)) is Owner.GONE:
            text = f"held {told}: no process of this machine has that number, so it is left behind, unless a container bears its name"
            findings.append(Finding(subject, good=None, text=text, remedy=_by_hand(client, "unlock")))
        else:
            remedy = f"wait for that run; if {lock.host} is gone for good: {_by_hand(client, 'unlock')}"
            findings.append(Finding(subject, good=None, text=f"held {told}", remedy=remedy))
    return findings


def _by_hand(client: ResticClient, verb: str) -> str:
    """Return a command of restic to be typed, as far as that can be done without a secret in it."""
    address = client.policy.address
    if address.password.scheme != "file" or address.environment or client.access().scheme not in ("path", "sftp"):
        return f"restic {verb}, with the address, the password and the environment of {client.name}"
    words = (
        client.binary,
        "-r",
        address.location,
        "--password-file",
        os.path.expanduser(address.password.value),
        *client.access().options,
        verb,
    )
    return shlex.join(words)


def _space(client: ResticClient, coming_bytes: int) -> list[Finding]:
    access, subject = client.access(), f"{client.name}: space"
    if access.scheme != "path":
        return []
    try:
        disk = os.statvfs(access.path)
    except OSError as error:
        return [Finding(subject, good=False, text=f"{access.path}: {error.strerror}", remedy="check the disk")]
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    text = f"{spell_bytes(free)} of {spell_bytes(total)} are free"
    if coming_bytes > free:
        text += f", and at least {spell_bytes(coming_bytes)} are to be stored that no point there holds (counted before restic compresses)"
        return [Finding(subject, good=False, text=text, remedy="make room, or take a larger disk; or leave something out: exclude:")]
    good = free > total * _LEAST_FREE
    return [Finding(subject, good=good, text=text, remedy="" if good else f"make room, or: drtool prune {client.name}")]


def _clock(client: ResticClient) -> list[Finding]:
    there = _date_there(client)
    if there is None:
        return []
    skew = (there - client.clock.now()).total_seconds()
    good = abs(skew) <= _LARGEST_SKEW_SECONDS
    text = f"the server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours" if abs(skew) >= 1 else "agrees with ours"
    remedy = "" if good else "let both machines keep time by NTP: timedatectl set-ntp true"
    return [Finding(f"{client.name}: clock", good=good, text=text, remedy=remedy)]


def _date_there(client: ResticClient) -> datetime | None:
    """Return the clock of a repository's server; None where it tells none, as an account for SFTP alone does not."""
    access = client.access()
    if access.scheme in ("s3", "rest"):
        return client.probe.date(access)
    if access.scheme != "sftp":
        return None
    argv = shlex.split(access.options[1].partition("=")[2])[:-2]
    completed = client.local.run(Command((*argv, "date", "+%s"), standard_input=b"", timeout_seconds=_LOOK_SECONDS))
    told = completed.standard_output.strip()
    return datetime.fromtimestamp(int(told), UTC) if completed.exit_code == 0 and told.isdigit() and len(told) < _DIGITS else None
