from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from drtool.model.codec import canonical
from drtool.model.errors import Corrupt, DrtoolError
from drtool.model.workload import Snapshot
from drtool.ports import Export
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.download import download
from drtool.sources.truenas.configuration.verify import ARCHIVE, FACTS, KEYS, verify
from drtool.sources.truenas.datasets.dataset import ask_datasets, read_datasets
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.keys.encryption import is_root
from drtool.staging.gathered import lay_down

_TOLD: Final = ("pool.query", "sharing.nfs.query", "sharing.smb.query", "pool.snapshottask.query")
"""Asked for the person who rebuilds; a key that may not ask one of them leaves it out."""


@contextlib.contextmanager
def export_appliance(parts: Parts, snapshot: Snapshot, *, directory: str) -> Iterator[Export]:
    """Bring the configuration with its secret seed and all dataset keys here, look at it, and offer it; it goes when this is closed.

    Raises Corrupt when what the NAS handed over is not whole.
    """
    content = _fetch(parts.client)
    looked = verify(content)
    if looked.problems:
        keyless = any(problem.startswith("the key of") for problem in looked.problems)
        lost = "the NAS keeps no key under that name, and would not open it after its next boot: drtool doctor tells what to do"
        raise Corrupt(
            f"the configuration of {parts.name} is not whole: {'; '.join(looked.problems)}",
            hint=lost if keyless else "does the key of the source belong to a full administrator? drtool doctor tells",
            safe="it was not stored",
        )
    with lay_down(parts.owner, snapshot, content, directory=directory) as export:
        yield export


def _fetch(client: ApiClient) -> dict[str, bytes]:
    archive = download(client, "config.save", [{"secretseed": True, "root_authorized_keys": True}], filename="config.tar")
    roots = _encryption_roots(client)
    keys = {
        pool: _decoded(client, download(client, "pool.dataset.export_keys", [pool], filename="keys.json"))
        for pool in sorted({root.partition("/")[0] for root, form in roots.items() if form != "PASSPHRASE"})
    }
    facts: dict[str, Any] = {"encryption_roots": roots, "system": client.read("system.info")}
    for method in _TOLD:
        with contextlib.suppress(DrtoolError):
            facts[method] = client.read(method)
    facts["pool.dataset.query"] = ask_datasets(client, [], {})
    silent = pools_without_datasets(facts.get("pool.query") or (), [str(row["id"]) for row in facts["pool.dataset.query"]])
    if silent:
        raise Corrupt(
            f"{client.source} tells of no dataset of the pool {silent[0]}, so nobody knows which keys belong to its configuration",
            hint="look at that pool on the NAS: drtool doctor",
            safe="nothing was stored",
        )
    return {
        ARCHIVE: archive,
        KEYS: canonical(keys) + b"\n",
        FACTS: json.dumps(facts, indent=1, sort_keys=True, default=str).encode() + b"\n",
    }


def _encryption_roots(client: ApiClient) -> dict[str, str]:
    """What a run of ours has under way there, a clone or a staging place, goes again and is left out."""
    datasets = read_datasets(client)
    if not datasets:
        raise Corrupt(
            f"{client.source} tells of no dataset at all, so nobody knows which keys belong to its configuration",
            hint="may the key of the source list datasets? drtool doctor tells",
            safe="nothing was stored",
        )
    return {dataset.id: dataset.key_form or "HEX" for dataset in datasets if is_root(dataset) and not dataset.is_under_way}


def pools_without_datasets(pools: Iterable[Mapping[str, Any]], datasets: Iterable[str]) -> list[str]:
    """Return the pools of which a listing has no dataset at all: each that is imported has its root."""
    known = {name.partition("/")[0] for name in datasets}
    return sorted({str(pool.get("name")) for pool in pools if pool.get("status") not in ("OFFLINE", "FAULTED")} - known)


def _decoded(client: ApiClient, content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Corrupt(
            f"what {client.source} handed over as the keys of its datasets cannot be read",
            hint="look at its jobs, and run again",
            safe="nothing was stored",
        )
    return told
