"""What is inside a point: listed, opened folder by folder, taken out, compared."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drtool.app.listings import found_with_manifest
from drtool.app.runtime import Runtime
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.point import Artifact, Manifest, Member, RecoveryPoint
from drtool.model.view import PointView
from drtool.ports import Entry, GetRequest, GetResult

_SHOWN = 10
_RESTORE = "restore all of it: drtool restore SET --workload WORKLOAD"


@dataclass(frozen=True, slots=True)
class Browse:
    """A point opened for looking: `folder` lists a directory, `take_out` copies a file or directory to a new place here."""

    point: RecoveryPoint
    folder: Callable[[str], tuple[Entry, ...]]
    take_out: Callable[[str, str], GetResult]
    unlisted: tuple[str, ...] = ()
    """What may be newer, in words, where a repository could not be listed."""


@dataclass(frozen=True, slots=True)
class PointFiles:
    """What is inside a point, to be gone through once, and in words what may be newer where a repository could not be listed."""

    entries: Iterator[Entry]
    unlisted: tuple[str, ...]

    def __iter__(self) -> Iterator[Entry]:
        return self.entries


def browse(runtime: Runtime, point: str) -> Browse:
    """Open a point for many looks inside; its manifest is read once."""
    found = found_with_manifest(runtime, point, refresh=True)
    view, manifest = found.view, found.manifest
    return Browse(
        view.point,
        lambda path: _folder(runtime, view, manifest, path),
        lambda path, target: _take_out(runtime, view, manifest, path, target),
        found.unlisted,
    )


def list_files(runtime: Runtime, name: str, path: str = "", workload: str | None = None) -> PointFiles:
    """Return what is inside a point, below `path`."""
    found = found_with_manifest(runtime, name, refresh=True)
    manifest = found.manifest
    wanted = _looked_for(path)
    chosen = [
        (member, artifact)
        for member in manifest.members
        for artifact in member.artifacts
        if workload in (None, member.workload) and (not wanted or _related(wanted, artifact.path))
    ]
    if workload is not None and workload not in {member.workload for member in manifest.members}:
        raise NotFound(f"the point holds no {workload}", hint=_holds(manifest))
    if wanted and not chosen:
        raise NotFound(f"{path} is not in this point", hint=_holds(manifest))
    listed = (_browse(runtime, found.view, artifact, member.workload, wanted) for member, artifact in chosen)
    return PointFiles(itertools.chain.from_iterable(listed), found.unlisted)


def _folder(runtime: Runtime, view: PointView, manifest: Manifest, path: str) -> tuple[Entry, ...]:
    """Return what lies directly in a directory of a point, of all its members together; NotFound when there is none such."""
    found: dict[str, Entry] = {}
    last: NotFound | None = None
    for member in manifest.members:
        for artifact in member.artifacts:
            if _related(path, artifact.path):
                try:
                    entries = _browse(runtime, view, artifact, member.workload, path, deep=False)
                    found.update({entry.path: entry for entry in entries})
                except NotFound as error:
                    last = error
    if not found:
        raise last or NotFound(f"{path} is not in this point", hint="ls shows what is")
    return tuple(found[name] for name in sorted(found) if name != path or found[name].type != "dir")


def _take_out(runtime: Runtime, view: PointView, manifest: Manifest, path: str, target: str) -> GetResult:
    """Copy a file or directory of a point to `target` on this machine, which must not exist yet."""
    chosen = [(member, artifact) for member in manifest.members for artifact in member.artifacts if _inside(path, artifact.path)]
    if not chosen:
        raise NotFound(f"{path} is not in this point", hint="ls shows what is")
    if os.path.lexists(target):
        raise Refused(f"{target} exists already", hint="name another place: get FILE TARGET", safe="it was not touched")
    try:
        return _taken_out(runtime, view, chosen[0], path, target)
    except OSError as error:
        raise Refused(
            f"{target} cannot be written: {error.strerror or error}",
            hint="name another place, in a folder of this machine that is there and that you may write: get FILE TARGET",
            safe="nothing was changed",
        ) from None


def _taken_out(runtime: Runtime, view: PointView, chosen: tuple[Member, Artifact], path: str, target: str) -> GetResult:
    member, artifact = chosen
    if artifact.native:
        raise Refused(f"{artifact.path} is kept by its platform, and not taken out of it", hint=_RESTORE, safe="nothing was written")
    whole = path.rstrip("/") == artifact.path.rstrip("/")
    last: DrtoolError | None = None
    for name in view.listed:
        with tempfile.TemporaryDirectory(prefix=".drtool-", dir=os.path.dirname(os.path.abspath(target))) as staging:
            request = GetRequest(
                artifact=artifact,
                point=view.point.point,
                workload=member.workload,
                source=member.source,
                directory=staging,
                runner=runtime.adapters.local,
                paths=() if whole or artifact.form == "stream" else (path,),
            )
            try:
                result = runtime.adapters.repositories[name].get(request)
            except DrtoolError as error:
                last = error
                continue
            place = staging + (artifact.path if whole else path)
            if not _lies_in(staging, place):  # a path out of a manifest, or a link on the way, leads out
                last = NotFound(f"{path} leads out of this point", hint="ls shows what is in it", safe="nothing was taken")
                continue
            os.rename(place, target)
            return result
    raise last or NotFound(f"no repository holds the point {view.point.point}")


def _browse(runtime: Runtime, view: PointView, artifact: Artifact, workload: str, path: str, *, deep: bool = True) -> Iterator[Entry]:
    """List an artifact; where one copy breaks off, the next goes on: the same tree is listed in the same order.

    What a platform keeps is one thing, and nothing of it is looked into.
    """
    if artifact.native:
        if path and not _inside(artifact.path, path):
            raise NotFound(f"{path} lies in what a platform keeps of {workload}: nobody looks into that", hint=_RESTORE)
        yield Entry(artifact.path, "native", artifact.census.bytes, 0, "")
        return
    given = 0
    for name in view.listed:
        try:
            entries = runtime.adapters.repositories[name].browse(artifact, view.point.point, workload, path, deep=deep)
            for entry in itertools.islice(entries, given, None):
                given += 1
                yield entry
        except Interrupted:
            raise
        except DrtoolError:
            if name == view.listed[-1]:
                raise
        else:
            return


def diff(runtime: Runtime, older: str, newer: str) -> tuple[str, ...]:
    """Return what differs between two points, a line each: `+` added, `-` removed, `M` changed."""
    before = {entry.path: entry for entry in list_files(runtime, older)}
    after = {entry.path: entry for entry in list_files(runtime, newer)}
    return tuple(
        f"{'+' if path not in before else '-' if path not in after else 'M'} {path}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _looked_for(path: str) -> str:
    """Return an absolute path without what a shell leaves at its end, `` for everything; Refused for one that climbs or begins nowhere."""
    if path.strip("/") in ("", "."):
        return ""
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise Refused(f"`{path}` is no path inside a point", hint="write it from / on, without `..`, as `drtool ls POINT` shows it")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _holds(manifest: Manifest) -> str:
    shown = [f"{member.workload} at {artifact.path}" for member in manifest.members for artifact in member.artifacts]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"the point holds {', '.join(shown[:_SHOWN]) or 'nothing'}{more}: drtool ls {manifest.point}"


def _lies_in(directory: str, place: str) -> bool:
    above = os.path.realpath(os.path.dirname(place))
    return os.path.lexists(place) and f"{above}/".startswith(f"{os.path.realpath(directory)}/")


def _inside(path: str, artifact_path: str) -> bool:
    return (path.rstrip("/") + "/").startswith(artifact_path.rstrip("/") + "/")


def _related(path: str, artifact_path: str) -> bool:
    inside, outside = path.rstrip("/") + "/", artifact_path.rstrip("/") + "/"
    return inside.startswith(outside) or outside.startswith(inside)
