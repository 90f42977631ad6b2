"""What a source gathered by asking, laid into a private directory of this machine for as long as it is stored."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from drtool import process
from drtool.model.errors import Bug, DrtoolError, Locked
from drtool.model.point import Census
from drtool.model.workload import Snapshot
from drtool.ports import ArtifactRequest, PutResult, Runner
from drtool.staging.marker import STAGING_PREFIX, Marker, Owner, read_marker, write_marker
from drtool.trees.census import SAMPLE, Look, look_after, look_before
from drtool.trees.filesystem import FileSystem

LIFETIME: Final = timedelta(hours=48)
"""How long such a directory is left alone when its run is not known to be over."""
_FOLDER: Final = f"{STAGING_PREFIX}system"


@dataclass(slots=True)
class GatheredExport:
    """Files that a source gathered, in a private directory of this machine."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    files: FileSystem
    before: Look

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return the files with the digests of some."""
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
def lay_down(
    owner: Owner,
    snapshot: Snapshot,
    content: Mapping[str, bytes],
    *,
    directory: str,
    lacks: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
    hint: str = "",
) -> Iterator[GatheredExport]:
    """Write files, by their names below it, into a labelled directory in `directory` and offer that; it goes when this is closed.

    What `lacks` of it and what is `told` goes into the point; `hint` says what to do where nothing can be made there. Locked where another
    run has its own there.
    """
    files, place, run = owner.file_system, f"{directory}/{_FOLDER}", _run_of(snapshot.label)
    _clear(owner, place, run=run)
    files.require(f"making {directory}", "mkdir", "-p", "--", directory, hint=hint)
    expires = owner.clock.now() + LIFETIME
    write_marker(
        owner, f"{place}.json", Marker("staging", owner.by, owner.source, run, snapshot.workload.name, expires=expires, state="landing")
    )
    try:
        files.make_directory(place, private=True)
        unpack = ("tar", "--extract", "--file=-", "--no-same-owner", "--touch", "--preserve-permissions", f"--directory={place}")
        files.require(f"writing {place}", *unpack, standard_input=_packed(content))
        artifact = ArtifactRequest(name=snapshot.workload.name, form="tree", path=place, lacks=lacks, told=told)
        yield GatheredExport((artifact,), files.runner, files, look_before(files, artifact, limit=SAMPLE))
    finally:
        with process.scope(replace(process.current_scope(), shielded=True, deadline=None)), contextlib.suppress(DrtoolError):
            files.remove_tree(place)
            files.remove_file(f"{place}.json")


def _packed(content: Mapping[str, bytes]) -> bytes:
    """Return all files in one archive, which one command unpacks however many they are; for their owner's eyes only."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        folders = {name.rpartition("/")[0] for name in content}
        above = {folder[:place] for folder in folders for place, each in enumerate(f"{folder}/") if each == "/"}
        for folder in sorted(above - {""}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700
            archive.addfile(entry)
        for name, body in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(body), 0o600
            archive.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def _run_of(label: str) -> str:
    """Return the run that works now; outside of one, what the label begins with."""
    return process.current_scope().label.partition("/")[0] or label.partition("/")[0]


def _clear(owner: Owner, place: str, *, run: str) -> None:
    marker = read_marker(owner, f"{place}.json") if owner.file_system.exists(place.rpartition("/")[0]) else None
    if marker is None:
        return
    over = marker.expires is None or marker.expires <= owner.clock.now()
    if marker.run != run and not over:
        raise Locked(f"{place} is in use by run {marker.run}", hint="wait for that run; if it is over: drtool sweep")
    owner.file_system.remove_tree(place)
    owner.file_system.remove_file(f"{place}.json")
