from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from drtool.model.codec import canonical
from drtool.model.errors import Bug, Corrupt, DrtoolError, Locked
from drtool.model.point import Census
from drtool.model.workload import Snapshot
from drtool.ports import ArtifactRequest, PutResult, Runner
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.download import download
from drtool.sources.truenas.configuration.verify import ARCHIVE, FACTS, KEYS, verify
from drtool.sources.truenas.datasets.dataset import ask_datasets, read_datasets
from drtool.sources.truenas.datasets.labels import LIFETIME, run_of
from drtool.sources.truenas.inventory.parts import Parts, tidying
from drtool.sources.truenas.keys.encryption import is_root
from drtool.staging.marker import STAGING_PREFIX, Marker, read_marker, write_marker
from drtool.trees.census import SAMPLE, Look, look_after, look_before
from drtool.trees.filesystem import FileSystem

FOLDER: Final = f"{STAGING_PREFIX}system"
_TOLD: Final = ("pool.query", "sharing.nfs.query", "sharing.smb.query", "pool.snapshottask.query")
"""Asked for the person who rebuilds; a key that may not ask one of them leaves it out."""


@dataclass(slots=True)
class ApplianceExport:
    """The configuration of an appliance, its keys and what is needed to rebuild, in a private directory of this host."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    files: FileSystem
    before: Look

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return the three files with their digests."""
        if artifact not in self.artifacts:
            raise Bug(f"{artifact.name} was not exported here")
        sample, attributes = look_after(self.files, artifact, self.before, whole=not put.unreadable)
        return Census(
            files=put.files,
            bytes=put.bytes,
            sample=sample,
            attributes=attributes,
            seen_files=self.before.files,
            marks=self.before.marks,
        )


@contextlib.contextmanager
def export_appliance(parts: Parts, snapshot: Snapshot, *, directory: str) -> Iterator[ApplianceExport]:
    """Bring the configuration with its secret seed and all dataset keys here, look at it, and offer it; it goes when this is closed.

    Raises Corrupt when what the NAS handed over is not whole.
    """
    files, place = parts.owner.file_system, f"{directory}/{FOLDER}"
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
    _clear(parts, place, run=run_of(snapshot.label))
    files.require(f"making {directory}", "mkdir", "-p", "--", directory)
    expires = parts.clock.now() + LIFETIME
    marker = Marker("staging", parts.by, parts.name, run_of(snapshot.label), snapshot.workload.name, expires=expires, state="landing")
    write_marker(parts.owner, f"{place}.json", marker)
    try:
        files.make_directory(place, private=True)
        for name, body in content.items():
            files.write(f"{place}/{name}", body)
        artifact = ArtifactRequest(name=snapshot.workload.name, form="tree", path=place)
        yield ApplianceExport((artifact,), files.runner, files, look_before(files, artifact, limit=SAMPLE))
    finally:
        with tidying():
            files.remove_tree(place)
            files.remove_file(f"{place}.json")


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


def _clear(parts: Parts, place: str, *, run: str) -> None:
    files = parts.owner.file_system
    if not files.exists(os.path.dirname(place)):
        return
    marker = read_marker(parts.owner, f"{place}.json")
    if marker is None:
        return
    over = marker.expires is None or marker.expires <= _now(parts)
    if marker.run != run and not over:
        raise Locked(f"{place} is in use by run {marker.run}", hint="wait for that run; if it is over: drtool sweep")
    files.remove_tree(place)
    files.remove_file(f"{place}.json")


def _now(parts: Parts) -> datetime:
    return parts.clock.now()
