"""Which of the platform's own backup jobs take which guest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from drtool.model.errors import NotFound, Refused
from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.guests import Guest


@dataclass(frozen=True, slots=True)
class BackupJob:
    """One job: of `all` but `ids`, of the `pool`, or of `ids`; `node` where it only runs there."""

    id: str
    when: str
    storage: str
    enabled: bool
    every: bool
    pool: str
    node: str
    ids: frozenset[int]

    def takes(self, guest: Guest) -> bool:
        """Tell whether it takes a guest."""
        if self.node and self.node != guest.node:
            return False
        if self.every:
            return guest.vmid not in self.ids
        return self.pool == guest.pool if self.pool else guest.vmid in self.ids

    @property
    def words(self) -> str:
        """It, when it runs and where to, in words."""
        return f"{self.id} ({', '.join(filter(None, (self.when, self.storage and f'to {self.storage}')))})"


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs, and the guests that the platform itself says are in none; `untold` is why they are not known, empty: they are."""

    jobs: tuple[BackupJob, ...] = ()
    in_none: frozenset[int] = frozenset()
    untold: str = ""

    def words_of(self, guest: Guest) -> str:
        """Say which jobs take a guest; what the platform itself says goes before what its jobs read like."""
        if self.untold:
            return ""
        taking = [job for job in self.jobs if job.takes(guest)]
        running = [job for job in taking if job.enabled]
        if guest.vmid in self.in_none or not taking:
            return "in no backup job of Proxmox" if guest.vmid in self.in_none else "in no backup job of Proxmox that can be told"
        if not running:
            return f"only in backup jobs of Proxmox that are switched off: {', '.join(job.words for job in taking)}"
        return f"in backup jobs of Proxmox: {', '.join(job.words for job in running)}"

    def strangers(self, known: Collection[int]) -> tuple[str, ...]:
        """Say which jobs name guests that were not listed: removed, or hidden from the token."""
        gone = {job.id: sorted(job.ids - frozenset(known)) for job in self.jobs if not job.every}
        return tuple(
            f"the backup job {name} names {', '.join(map(str, ids[:4]))}, which are not there, or hidden from the token"
            for name, ids in gone.items()
            if ids
        )


def read_jobs(client: ApiClient) -> Jobs:
    """Return the backup jobs of a cluster, by two questions; of a token that may not ask, that it was not told."""
    try:
        asked = "/cluster/backup"
        jobs = tuple(_job(row) for row in door.mappings(client.get("cluster", "backup"), asked, client.source))
        asked = "/cluster/backup-info/not-backed-up"
        none = door.mappings(client.get("cluster", "backup-info", "not-backed-up"), asked, client.source)
        return Jobs(jobs, frozenset(door.guest_id(row.get("vmid")) for row in none))
    except (Refused, NotFound) as error:
        return Jobs(untold=f"which guests are in backup jobs of Proxmox was not told: {error.what}")


def _job(row: Mapping[str, Any]) -> BackupJob:
    every, pool = door.is_on(row.get("all")), door.line(row.get("pool"))
    listed = row.get("exclude") if every else "" if pool else row.get("vmid")
    return BackupJob(
        id=door.line(row.get("id")),
        when=door.line(row.get("schedule") or row.get("starttime")),
        storage=door.line(row.get("storage")),
        enabled=door.is_on(row.get("enabled", 1)),
        every=every,
        pool=pool,
        node=door.node(row.get("node")),
        ids=frozenset(filter(None, map(door.guest_id, str(listed or "").replace(";", ",").replace(" ", ",").split(",")))),
    )
