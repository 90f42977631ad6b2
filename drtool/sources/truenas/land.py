from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.plan import Landed
from drtool.model.quantity import spell_bytes
from drtool.ports import Landing, LandRequest
from drtool.sources.places.filesystem import FileSystem
from drtool.sources.places.land import Site, land, site_inside, wanted_paths
from drtool.sources.truenas.create import create_dataset, mark_dataset
from drtool.sources.truenas.datasets import Dataset, find_dataset, free_bytes, require_dataset
from drtool.sources.truenas.destroy import destroy_tree
from drtool.sources.truenas.discover import KIND
from drtool.sources.truenas.labels import Label
from drtool.sources.truenas.parts import Parts
from drtool.sources.truenas.shares import remove_shares

_LIFT: Final = (
    'set -eu; cd "$1"; root="./$2$3"; changed=$(stat -c %y -- "$root"); '
    'find "$root" -mindepth 1 -maxdepth 1 -exec mv -n -t . -- "{}" +; '
    'cp -a --attributes-only -T -- "$root" .; rm -rf --one-file-system -- "./$2"; touch -m -d "$changed" .; stat -c %.9Y .'
)


@contextlib.contextmanager
def open_landing(parts: Parts, request: LandRequest) -> Iterator[Landing]:
    """Open a place to pour into: a new dataset for a whole one, else a directory.

    A whole dataset becomes a dataset of its own, made as the old one was recorded, in its pool or in the sandbox. Single paths go beside
    what they replace. `directory` destinations are directories of this host.
    """
    path, form = request.member.artifacts[0].path, request.destination.form
    if form == "directory":
        with land(parts.owner, request=request, site=site_inside(parts.owner, request, path), kind=KIND) as landing:
            yield landing
    elif request.member.selector.get("system") and form == "original":
        raise Refused(
            "the configuration of an appliance is put back by a person, on its own screen",
            hint="restore it with: --to directory PATH, then follow runbooks/truenas-lost.md",
            safe="nothing was changed",
        )
    elif form == "original" and request.paths:
        with land(parts.owner, request=request, site=_site_of_paths(parts, request, path), kind=KIND) as landing:
            yield landing
    elif form in ("original", "sandbox"):
        with _land_dataset(parts, request, path) as landing:
            yield landing
    else:
        raise Refused(f"{parts.name} cannot restore to {form!r}", hint="restore with: --to directory PATH")


def _site_of_paths(parts: Parts, request: LandRequest, path: str) -> Site:
    reach = parts.reach()
    name = str(request.member.selector["dataset"])
    if reach.shares:
        raise Refused(
            f"single paths cannot be put into {name} from another machine",
            hint="restore them with: --to directory PATH, or the whole dataset without --path",
            safe="nothing was changed",
        )
    live = reach.keep(require_dataset(parts.client, name), run=request.run, expires=request.expires.isoformat())
    pairs = tuple((item, live + item[len(path) :]) for item in wanted_paths(path, request.paths))
    for _, target in pairs:
        reach.files.require_real_directories(live, target, all_present=False)
    return Site(live, live, live, pairs)


@contextlib.contextmanager
def _land_dataset(parts: Parts, request: LandRequest, path: str) -> Iterator[Landing]:
    recorded: Mapping[str, Any] = request.member.selector
    target, above = _where(parts, request)
    _require_room(parts, above, request.bytes)
    name = f"{above}/drtool-stage-{request.run}-{parts.clock.fresh_id()}"
    label = Label(
        "staging",
        parts.by,
        parts.name,
        request.run,
        request.expires.isoformat(),
        {"state": "landing", "target": target, "point": request.point, "form": request.destination.form},
    )
    properties = dict(recorded.get("properties", {})) if request.destination.form == "original" else _within_quota(recorded)
    if recorded.get("encrypted"):
        properties |= _encryption(require_dataset(parts.client, above))
    create_dataset(parts.client, name, {**recorded.get("users", {}), **label.properties()}, properties)
    try:
        reach = parts.reach()
        with reach.open(require_dataset(parts.client, name), run=request.run, expires=label.expires, write=True) as place:
            folder = f".drtool-{name.rpartition('-')[2]}"
            staging = f"{place}/{folder}"
            reach.files.make_directory(staging, private=True)
            here = request.destination.form == "sandbox"  # there every place is one inside the sandbox, as it is seen here
            waits = reach.path_of(name) if here else name
            landed = Landed(
                workload=request.member.workload,
                source=parts.name,
                destination=request.destination,
                staging=waits,
                content=waits,
                target=reach.path_of(target) if here else reach.shown_at(target, request.run),
                marker=waits,
                kind=KIND,
            )
            yield Landing(staging, reach.files.runner, landed)
            changed = _lift(reach.files, place, folder, path)
        mark_dataset(parts.client, name, {"drtool:state": "landed", "drtool:changed": changed})
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            remove_staging(parts, name)
        raise


def remove_staging(parts: Parts, name: str) -> None:
    """Destroy a staging dataset with what was poured into it; already gone is success."""
    found = find_dataset(parts.client, name)
    if found is not None:
        remove_shares(parts, found)
        destroy_tree(parts.client, found, clock=parts.clock)


def sandbox_of(parts: Parts, locator: str) -> Dataset | None:
    """Return the sandbox dataset of ours at a path, None when there is none."""
    name = parts.reach().dataset_of(locator) if locator else ""
    found = find_dataset(parts.client, name) if name else None
    label = found.label if found is not None else None
    return found if label is not None and (label.what, label.by, label.source) == ("sandbox", parts.by, parts.name) else None


def _where(parts: Parts, request: LandRequest) -> tuple[str, str]:
    """Return the dataset that shall be, and the one below which it waits for that."""
    dataset = str(request.member.selector.get("dataset", "system"))
    if request.destination.form == "original":
        if "/" not in dataset:
            raise Refused(
                f"{dataset} is the root of a pool, which cannot be renamed",
                hint="restore with: --to directory PATH, or single paths with: --path PATH",
                safe=f"{dataset} is untouched",
            )
        return dataset, dataset.partition("/")[0]
    sandbox = sandbox_of(parts, request.reserved)
    if sandbox is None:
        raise Refused(
            f"{request.reserved or 'no place'} was not reserved as a sandbox of {parts.name}",
            hint="drill again; a sweep may have ended its lease",
        )
    digest = hashlib.sha256(dataset.encode()).hexdigest()[:8]
    return f"{sandbox.id}/{re.sub(r'[^A-Za-z0-9_.-]', '-', dataset)[-60:]}-{digest}", sandbox.id


def _require_room(parts: Parts, above: str, needed: int) -> None:
    found = find_dataset(parts.client, above)
    if found is None:
        raise NotFound(f"{above} does not exist on {parts.name}", hint="make the pool first: runbooks/truenas-lost.md")
    free = free_bytes(parts.client, above)
    if free < needed:
        raise Refused(
            f"{above} has {spell_bytes(free)} free and {spell_bytes(needed)} are needed",
            hint="free space there, or restore with: --to directory PATH",
            safe="nothing was written",
        )


def _within_quota(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A sandbox has its own quota; a larger one inside would promise what is not there."""
    return {name: value for name, value in recorded.get("properties", {}).items() if name not in ("quota", "refquota")}


def _encryption(above: Dataset) -> dict[str, Any]:
    """What was encrypted is not laid down in clear: where the parent is not encrypted, the NAS makes a key of its own."""
    return {} if above.encrypted else {"inherit_encryption": False, "encryption": True, "encryption_options": {"generate_key": True}}


def _lift(files: FileSystem, place: str, folder: str, path: str) -> str:
    """Move what was poured under its full path up to the root of the dataset, with the attributes of the root; return the root's time."""
    if files.run("test", "-d", f"{place}/{folder}{path}").exit_code != 0:
        raise NotFound(f"nothing was poured for {path}", hint="restore again", safe="what is in service was not touched")
    said = files.require(f"putting what was restored into {place}", "sh", "-c", _LIFT, "drtool", place, folder, path)
    return said.decode("ascii").strip()
