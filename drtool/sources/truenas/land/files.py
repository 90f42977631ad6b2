from __future__ import annotations

import contextlib
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.plan import Landed
from drtool.model.point import Member
from drtool.model.quantity import spell_bytes
from drtool.ports import Landing, LandingWay, LandRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, free_bytes, require_dataset
from drtool.sources.truenas.inventory.access import FileAccess, require_mounted
from drtool.sources.truenas.inventory.located import Located, locator_of
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.inventory.user_quotas import set_quotas
from drtool.sources.truenas.keys.encryption import hidden
from drtool.sources.truenas.land.create import can_rename, create_dataset, mark_dataset
from drtool.sources.truenas.land.encrypt import EncryptionMethod, encrypt_as_recorded, encrypt_for_now, require_movable
from drtool.sources.truenas.land.inherit import inherited_mark, taken_of
from drtool.sources.truenas.land.item_restore import land_paths
from drtool.sources.truenas.land.put_back import refuse_to_put_back
from drtool.sources.truenas.land.reserve import is_directory
from drtool.sources.truenas.land.staging import remove_staging
from drtool.staging.land import land, site_inside
from drtool.trees.filesystem import FileSystem

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
    path, form = _root_of(request.member), request.destination.form
    if form == "directory":
        with land(parts.owner, request=request, site=site_inside(parts.owner, request, path)) as landing:
            yield landing
    elif request.member.selector.get("system") and form == "original":
        raise refuse_to_put_back(parts, str(request.member.selector.get("version") or ""))
    elif form == "sandbox" and is_directory(parts, request.reserved):
        with land(parts.owner, request=request, site=site_inside(parts.owner, request, path)) as landing:
            yield landing
    elif form == "original" and request.paths:
        if not parts.file_access().here:
            raise Refused(
                f"single paths cannot be put into {request.member.selector['dataset']} with `access: ssh`",
                hint="restore them with: --to directory PATH, or the whole dataset without --path",
                safe="nothing was changed",
            )
        with land_paths(parts, request, path) as landing:
            yield landing
    elif form in ("original", "sandbox"):
        with _land_dataset(parts, request, path) as landing:
            yield landing
    else:
        raise Refused(f"{parts.name} cannot restore to {form!r}", hint="restore with: --to directory PATH")


def _root_of(member: Member) -> str:
    """Return where a member lies: a chain of streams in a folder, which holds nothing else."""
    first = member.artifacts[0].path
    return posixpath.dirname(first) if len(member.artifacts) > 1 else first


@contextlib.contextmanager
def _land_dataset(parts: Parts, request: LandRequest, path: str) -> Iterator[Landing]:
    recorded: Mapping[str, Any] = request.member.selector
    target, above = place_of(parts, request)
    require_room(parts, above, request.bytes)
    name = waiting_name(parts, request, target, above)
    label = parts.label(
        "staging",
        request.run,
        request.expires.isoformat(),
        {"state": "landing", "target": target, "point": request.point, "form": request.destination.form},
    )
    original = request.destination.form == "original"
    free = max(0, free_bytes(parts.client, above) - request.bytes)
    properties, without = taken_of(recorded, sandbox=not original, free=free)
    way = encryption_of(parts, recorded, above=above, original=original)
    users = {**recorded.get("users", {}), **label.properties(name), **way.mark(), **inherited_mark(recorded)}
    with hidden(*way.secret.values()):
        create_dataset(parts.client, name, users, properties | way.request())
    try:
        file_access = parts.file_access()
        stage = require_dataset(parts.client, name)
        with file_access.open(stage, run=request.run, expires=label.expires, write=True) as place:
            folder = f".drtool-{name.rpartition('-')[2]}"
            staging = f"{place}/{folder}"
            file_access.files.make_directory(staging, private=True)
            here = request.destination.form == "sandbox"  # there every place is one inside the sandbox, as it is seen here
            waits = file_access.path_of(name) if here else name
            there = file_access.path_of(target) if here else file_access.shown_at(target, request.run)
            landed = Landed(
                workload=request.member.workload,
                source=parts.name,
                destination=request.destination,
                target=there,
                locator=locator_of(Located(waits, there, request.reserved if here else "")),
                note="; ".join(filter(None, (way.note, without))),
            )
            yield Landing(landed, LandingWay(file_access.files.runner, staging))
            _require_still_mounted(parts.client, file_access, stage, place, folder)
            changed = _lift(file_access.files, place, folder, path)
        if original:
            parts.notes[name] = set_quotas(parts.client, name, recorded.get("quotas"))
        mark_dataset(parts.client, name, {"drtool:state": "landed", "drtool:changed": changed})
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            remove_staging(parts, name)
        raise


def sandbox_of(parts: Parts, locator: str) -> Dataset | None:
    """Return the sandbox dataset of ours at a path, None when there is none."""
    name = parts.file_access().dataset_of(locator) if locator else ""
    found = find_dataset(parts.client, name) if name else None
    label = found.label if found is not None else None
    return found if label is not None and (label.what, label.by, label.source) == ("sandbox", parts.by, parts.name) else None


def place_of(parts: Parts, request: LandRequest) -> tuple[str, str]:
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


def waiting_name(parts: Parts, request: LandRequest, target: str, above: str) -> str:
    """Return where a dataset waits for its cutover: where it shall be, in a sandbox of a NAS that cannot rename."""
    if can_rename(parts.client):
        return f"{above}/drtool-stage-{request.run}-{parts.clock.fresh_id()}"
    if request.destination.form == "original":
        raise Refused(
            f"this release of TrueNAS cannot rename a dataset, so {target} cannot be replaced",
            hint="update the NAS to 25.10 or later, or restore with: --to directory PATH, or single paths with: --path PATH",
            safe=f"{target} is untouched",
        )
    return target


def require_room(parts: Parts, above: str, needed: int) -> None:
    """Refuse unless the NAS has the dataset `above` with so many bytes free."""
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


def encryption_of(parts: Parts, recorded: Mapping[str, Any], *, above: str, original: bool) -> EncryptionMethod:
    """Choose how what is laid down below `above` is encrypted: never in clear what was not."""
    if original:
        require_movable(parts, find_dataset(parts.client, str(recorded["dataset"])))
    if not recorded.get("encrypted"):
        return EncryptionMethod()
    waits = require_dataset(parts.client, above)
    return encrypt_as_recorded(parts, recorded, above=waits) if original else encrypt_for_now(waits)


def _require_still_mounted(client: ApiClient, file_access: FileAccess, stage: Dataset, place: str, folder: str) -> None:
    """Refuse what was poured beside the dataset because its share was unmounted meanwhile: an empty dataset must never go into service."""
    try:
        require_mounted(client, file_access.files, stage, place)
    except (Conflict, NotFound):
        file_access.files.remove_tree(f"{place}/{folder}")  # it lies on this host's own disk, under a name that only this restore has
        raise


def _lift(files: FileSystem, place: str, folder: str, path: str) -> str:
    """Move what was poured under its full path up to the root of the dataset, with the attributes of the root; return the root's time."""
    if files.run("test", "-d", f"{place}/{folder}{path}").exit_code != 0:
        raise NotFound(f"nothing was poured for {path}", hint="restore again", safe="what is in service was not touched")
    said = files.require(f"putting what was restored into {place}", "sh", "-c", _LIFT, "drtool", place, folder, path)
    return said.decode("ascii").strip()
