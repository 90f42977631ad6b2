"""What `doctor` asks of a cluster: the nodes that the policy names, the token and its rights, quorum, clocks, and locks nobody holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from drtool.model.errors import DrtoolError, Interrupted, Unavailable
from drtool.ports import Clock, Finding
from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.guests import Guest, read_guests
from drtool.sources.proxmox.privileges import HARMLESS, NEEDS, Need, needs_of, read_privileges

_OLDEST: Final = (8, 4)
_SKEW_SECONDS: Final = 60.0
_RELEASE: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")
_SHOWN: Final = 6
_LAST_SECOND: Final = 1 << 40


def examine(client: ApiClient, clock: Clock, *, stores: bool) -> tuple[Finding, ...]:
    """Answer `doctor`; where nobody answers, only that is told. `stores`: the configuration is protected, which needs more rights."""
    subject = f"source {client.source}"
    releases: list[tuple[int, int]] = []
    nodes = [_node(client, subject, url, releases) for url in client.urls]
    if not releases:
        return tuple(nodes)
    found = [_beside_others(each) for each in nodes]
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (
        partial(_release, subject, min(releases)),
        partial(_rights, client, subject, needs_of(min(releases)[0], stores=stores), stores=stores),
        partial(_quorum, client, subject),
        partial(_guests, client, subject, clock),
    )
    for part in parts:
        found += _asked(part, subject)
    return tuple(found)


def _asked(part: Callable[[], Iterator[Finding]], subject: str) -> list[Finding]:
    """Return what one question finds; that it cannot be answered is a finding, and stops no other."""
    found = []
    try:
        for each in part():
            found.append(each)  # noqa: PERF402 - what was found before it stopped counts
    except Interrupted:
        raise
    except DrtoolError as error:
        found.append(Finding(subject, good=False, text=error.what, remedy=error.hint))
    return found


def _node(client: ApiClient, subject: str, url: str, releases: list[tuple[int, int]]) -> Finding:
    """Ask one node for its release, and note that."""
    try:
        told = door.mapping(client.get_at(url, "version"), "/version", client.source)
    except Interrupted:
        raise
    except DrtoolError as error:
        return Finding(subject, good=False, text=error.what, remedy=error.hint)
    text = door.line(told.get("version") or told.get("release"))
    match = _RELEASE.match(text)
    releases.append((int(match[1]), int(match[2])) if match else (0, 0))
    return Finding(subject, good=True, text=f"{url} answers with Proxmox VE {text}; its certificate is trusted {client.trust.words}")


def _beside_others(finding: Finding) -> Finding:
    """A node that does not answer stops nothing while another does."""
    return finding if finding.good else Finding(finding.subject, good=None, text=finding.text, remedy=finding.remedy)


def _release(subject: str, release: tuple[int, int]) -> Iterator[Finding]:
    if release[0] > max(NEEDS) or not any(release):
        text = "it is of a release that nothing of drtool was tried against"
        yield Finding(subject, good=None, text=text, remedy="look for a newer drtool; docs/platforms/proxmox.md lists the releases")
    elif release < _OLDEST:
        text = f"it is of a release before {_OLDEST[0]}.{_OLDEST[1]}, with which nothing of drtool was compared"
        yield Finding(subject, good=None, text=text, remedy="update it")


def _rights(client: ApiClient, subject: str, needs: Iterable[Need], *, stores: bool) -> Iterator[Finding]:
    held = read_privileges(client, stores=stores)
    remedy = f"drtool doctor --grants {client.source}"
    missing = [need for need in needs if not need.is_met(held)]
    for need in missing:
        verbs = ", ".join(verb for verb in need.verbs if stores or verb != "run")
        partly = "; the point is partial without it" if "run" in need.verbs and stores else ""
        yield Finding(subject, good=False, text=f"its token lacks {need.words}, for {verbs}{partly}", remedy=remedy)
    more = sorted({name for rights in held.values() for name in rights} - HARMLESS)
    if more:
        names = ", ".join(map(door.line, more[:_SHOWN])) + (f" and {len(more) - _SHOWN} more" if len(more) > _SHOWN else "")
        yield Finding(subject, good=None, text=f"its token may do more than is needed: {names}", remedy=remedy)
    if not missing:
        verbs = "inventory, doctor and run" if stores else "inventory and doctor"
        yield Finding(subject, good=True, text=f"its token {client.token.full_name} has every privilege that {verbs} need")


def _quorum(client: ApiClient, subject: str) -> Iterator[Finding]:
    rows = list(door.mappings(client.get("cluster", "status"), "/cluster/status", client.source))
    for row in rows:
        if row.get("type") == "cluster":
            quorate = door.is_on(row.get("quorate"))
            text = f"the cluster {door.line(row.get('name'))} {'has quorum' if quorate else 'has no quorum: nothing can be changed there'}"
            yield Finding(subject, good=quorate, text=text, remedy="" if quorate else "bring its other nodes back: pvecm status, on a node")
        elif row.get("type") == "node" and not door.is_on(row.get("online", 1)):
            text = f"its node {door.line(row.get('name'))} is offline: what its guests are made of cannot be asked"
            yield Finding(subject, good=False, text=text, remedy="bring it back, or its guests from their backups")


def _guests(client: ApiClient, subject: str, clock: Clock) -> Iterator[Finding]:
    """Tell how many guests there are, and ask each node that runs; one that does not answer is asked nothing else."""
    listed = read_guests(client)
    count = len(listed.guests)
    text = f"it lists {count} guest{'' if count == 1 else 's'}, of which nothing is stored by this release"
    yield Finding(subject, good=None, text=text, remedy="keep the backup jobs of Proxmox; drtool inventory lists the guests")
    if listed.unreadable:
        unread = f"unreadable in its listing, or there twice: {listed.unreadable}: there may be more guests"
        yield Finding(subject, good=False, text=unread, remedy="look what answers there: pvesh get /cluster/resources, on a node")
    for node in sorted(listed.nodes.keys() | {guest.node for guest in listed.guests}):
        if not listed.nodes.get(node, True):
            continue
        locked = [guest for guest in listed.guests if guest.node == node and guest.lock == "backup"]
        try:
            yield from _clock(client, subject, node, clock)
        except Interrupted:
            raise
        except DrtoolError as error:
            yield Finding(subject, good=False, text=error.what, remedy=error.hint)
            if isinstance(error, Unavailable):
                continue
        if locked and not _backup_runs(client, node):
            yield from (_dead_lock(subject, guest) for guest in locked)


def _clock(client: ApiClient, subject: str, node: str, clock: Clock) -> Iterator[Finding]:
    began, sent = clock.monotonic(), clock.now()
    told = door.mapping(client.get("nodes", node, "time"), f"/nodes/{node}/time", client.source).get("time")
    took = clock.monotonic() - began
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= _LAST_SECOND:
        yield Finding(subject, good=None, text=f"the clock of {node} was not told", remedy="timedatectl, on that node")
        return
    skew = told - sent.timestamp() - took / 2
    if abs(skew) > _SKEW_SECONDS:
        text = f"the clock of {node} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
        yield Finding(subject, good=False, text=text, remedy="let both keep time by NTP: chronyc tracking, on that node")


def _backup_runs(client: ApiClient, node: str) -> bool:
    """Tell whether a backup is under way on a node; its list has ended ones too, until they are filed."""
    tasks = client.get("nodes", node, "tasks", source="active", typefilter="vzdump")
    return any(row.get("endtime") is None for row in door.mappings(tasks, f"/nodes/{node}/tasks", client.source))


def _dead_lock(subject: str, guest: Guest) -> Finding:
    """Tell of a guest that is locked for a backup that died: nothing else will take the lock away."""
    program = "qm" if guest.type == "qemu" else "pct"
    text = f"{guest.kind} {guest.vmid} ({guest.words}) is locked by a backup, and no backup runs on its node"
    remedy = f"on {guest.node}, once its task list shows nothing that works with it: {program} unlock {guest.vmid}"
    return Finding(subject, good=False, text=text, remedy=remedy)
