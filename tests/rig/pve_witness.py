"""A witness of what goes through a simulated Proxmox VE: both directions are held against the list of answers and the vendor's schemas."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.lab.proxmox.cluster import Exchange
from tests.rig.pve_calls import ANSWERS
from tests.rig.pve_schema import problems_of_answer, problems_of_request, vendor_call
from tests.rig.truenas_models import problems

OK: Final = 200
WRONG: Final = 400
BY_THE_WORK: Final = frozenset(
    {
        "/cluster/nextid",
        "/cluster/backup/{id}",
        "/cluster/backup/{id}/included_volumes",
        "/nodes/{node}/tasks/{upid}/status",
        "/nodes/{node}/tasks/{upid}/log",
        "/access/roles",
        "/access/acl",
    }
    | {"/access/users/{userid}/token/{tokenid}", "/nodes/{node}/qemu/{vmid}/config", "/nodes/{node}/lxc/{vmid}/config"}
    | {"/nodes/{node}/storage", "/nodes/{node}/storage/{storage}/status"}
)
"""Calls whose work too may find that a parameter is wrong: taken, no such task, job, storage or role, two that exclude each other."""


@dataclass
class PveWitness:
    """What was seen: how many calls and answers were compared, how many of them with the vendor's schemas, and what did not fit."""

    calls: int = 0
    answers: int = 0
    by_vendor: int = 0
    violations: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, release: str, exchange: Exchange) -> None:
        """Look at one call and its answer."""
        with self._lock:
            if exchange.path:
                self.calls += 1
                self.violations.update(f"{release} {exchange.method} {exchange.path} {each}" for each in self._wrong(release, exchange))

    def _wrong(self, release: str, exchange: Exchange) -> Iterator[str]:
        vendor = vendor_call(release, exchange.method, exchange.path)
        if vendor is not None:
            self.by_vendor += 1
            yield from self._wrong_in_request(vendor, exchange)
        if exchange.status == OK and isinstance(exchange.data, bytes):
            yield from [] if vendor is None or vendor.get("download_allowed") else ["answered: bytes"]
        elif exchange.status == OK:
            self.answers += 1
            shape = ANSWERS.get((exchange.method, exchange.path))
            yield from ["answered: it is in no list"] if shape is None else (f"answered: {each}" for each in problems(shape, exchange.data))
            if vendor is not None:
                yield from (f"answered, vendor's schema: {each}" for each in problems_of_answer(vendor, exchange.data))

    def _wrong_in_request(self, vendor: Any, exchange: Exchange) -> Iterator[str]:  # noqa: ANN401 - JSON
        found = list(problems_of_request(vendor, exchange.given))
        if exchange.status == OK:
            yield from (f"asked and done, vendor's schema: {each}" for each in found)
        elif exchange.status == WRONG and not found and exchange.path not in BY_THE_WORK:
            yield "refused, and the vendor would take it"

    def require_none(self) -> None:
        """Fail unless everything fitted."""
        with self._lock:
            assert not self.violations, "\n".join(["what went through the cluster does not fit:", *sorted(self.violations)])
