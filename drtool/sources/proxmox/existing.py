from __future__ import annotations

from typing import Final

from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused, Unavailable
from drtool.model.ledger import Existing, Stock
from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.facts import SYSTEM
from drtool.sources.proxmox.guests import Guest, Listed, read_guests
from drtool.sources.proxmox.hindrances import hindrances
from drtool.sources.proxmox.jobs import Jobs, read_jobs
from drtool.sources.proxmox.privileges import is_shown_every_guest, read_privileges

_MOST_SILENT: Final = 3
"""Each costs more than a minute."""
_OWN: Final = "its own configuration (users, storages, network, jobs), in no backup of a guest; protected with `system: true`"


def existing(client: ApiClient) -> Stock:
    """Return every guest of a cluster and its own configuration, guests with what their backups lack and which job takes them.

    Guests, nodes, jobs and rights come of one question each; a configuration is asked of each guest, as the platform tells none of many.
    """
    whole = is_shown_every_guest(read_privileges(client))
    listed, jobs = read_guests(client), read_jobs(client)
    if not (whole or listed.guests):
        raise Refused(
            f"{client.source} shows the token no guest, and it lacks VM.Audit on all of /vms",
            hint=f"what it needs: drtool doctor --grants {client.source}",
        )
    known = {node: "" if online else f"its node {node} is offline" for node, online in listed.nodes.items()}
    nodes = _Nodes(known)
    found = [_existing(client, guest, jobs, nodes) for guest in listed.guests]
    own = Existing(f"{client.source}:{SYSTEM}", "cluster", note=_OWN)
    return Stock((*found, own, *_untold(client, listed, whole=whole)), _told(jobs, listed, whole=whole))


class _Nodes:
    """Why the nodes of a cluster cannot be asked, empty where they can: as it lists them, and as they answer."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._silent = 0

    def problem(self, node: str) -> str:
        if node not in self._known:
            return f"its node {node} is none that the cluster lists"
        if not self._known[node] and self._silent >= _MOST_SILENT:
            return f"{_MOST_SILENT} nodes did not answer, and no other was asked"
        return self._known[node]

    def is_silent(self, node: str, words: str) -> str:
        self._known[node] = f"its node {node} does not answer: {words}"
        self._silent += 1
        return self._known[node]


def _existing(client: ApiClient, guest: Guest, jobs: Jobs, nodes: _Nodes) -> Existing:
    """Return one guest; of a node that did not answer once nothing is asked again."""
    told: tuple[str, ...] = ()
    problem = nodes.problem(guest.node)
    if not problem:
        try:
            told = hindrances(_config(client, guest), guest.vmid)
        except Interrupted:
            raise
        except Unavailable as error:
            problem = nodes.is_silent(guest.node, error.what)
        except NotFound:
            problem = "it was moved or removed while it was looked at: look again"
        except DrtoolError as error:
            problem = error.what
    lock = f"locked: {guest.lock}" if guest.lock else ""
    note = "; ".join(filter(None, (guest.words, lock, *told, jobs.words_of(guest))))
    problem = "; ".join((guest.words, f"{problem}, so what its backups lack is not known", jobs.words_of(guest))) if problem else ""
    return Existing(f"{client.source}:{guest.vmid}", guest.kind, note=note, problem=problem)


def _config(client: ApiClient, guest: Guest) -> dict[str, object]:
    path = ("nodes", guest.node, guest.type, guest.vmid, "config")
    return dict(door.mapping(client.get(*path), "/".join(map(str, ("", *path))), client.source))


def _untold(client: ApiClient, listed: Listed, *, whole: bool) -> list[Existing]:
    """Return a line for what may be there and was not told: no silence is taken for nothing."""
    why = []
    if not whole:
        why.append("whether there are more guests was not told: the token lacks VM.Audit on all of /vms")
    if listed.unreadable:
        why.append(f"unreadable in its listing, or there twice: {listed.unreadable}")
    return [Existing(f"{client.source}:guests", "guests", problem="; ".join(why), may_hide=True)] if why else []


def _told(jobs: Jobs, listed: Listed, *, whole: bool) -> tuple[str, ...]:
    known = {guest.vmid for guest in listed.guests}
    hidden = jobs.strangers(known)
    unlisted = sorted(jobs.in_none - known - {0})
    if unlisted and whole:
        hidden += (f"guests that it does not list are in no backup job of Proxmox: {', '.join(map(str, unlisted[:4]))}",)
    return (*filter(None, (jobs.untold,)), *hidden)
