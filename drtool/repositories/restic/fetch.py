"""Getting back: a tree, a stream, or one of our records."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from drtool.model.bounds import is_plain, shown
from drtool.model.command import Command, whole_number
from drtool.model.errors import Corrupt, DrtoolError, NotFound, Refused
from drtool.model.point import Artifact
from drtool.ports import GetRequest, GetResult, ProgressListener, Runner
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import translate
from drtool.repositories.restic.grown import Grown, find_grown, shorten
from drtool.repositories.restic.output import Message, OutputReader, number
from drtool.repositories.restic.rows import Row
from drtool.staging.scratch import scratch_on

_BY_SIGNAL = 128
LISTING_GOOD_SECONDS = 600.0
"""Ids are names of contents: a listing can miss a newer snapshot, but not tell a wrong one."""


def find_data(client: ResticClient, artifact: Artifact, *, point: str, workload: str) -> Row:
    """Return the snapshot that holds an artifact; NotFound when this repository has none, Corrupt when its path leads elsewhere."""
    if not is_plain(artifact.path):
        raise Corrupt(
            f"{workload} of the point {point} is said to lie at {shown(artifact.path)}, which is no plain path",
            hint="somebody with the key of the repository wrote that: do not restore from this point",
            safe="nothing was written",
        )
    for age in (LISTING_GOOD_SECONDS, 0.0):
        for row in client.read(maximum_age_seconds=age).of_member(point, workload):
            if row.tree == artifact.tree:
                return row
    raise NotFound(
        f"the repository {client.name} does not hold {workload} of the point {point}",
        hint="drtool points --refresh; another copy may have it",
    )


def get_tree(client: ResticClient, request: GetRequest, on_progress: ProgressListener | None) -> GetResult:
    """Pour a directory and count on the disk what came."""
    row = find_data(client, request.artifact, point=request.point, workload=request.workload)
    reader = OutputReader(on_progress)
    runner = request.runner
    arguments = commands.restore(row.id, request.directory, version=client.version(runner), paths=request.paths)
    with _cache(runner, fresh=request.fresh_cache) as cache:
        client.run(_call(request, arguments, cache), on_output=reader.take, on_error=reader.take)
        if reader.unreadable or reader.vanished:
            items = "; ".join((*reader.unreadable, *reader.vanished)[:3])
            raise Refused(f"{request.workload} was not restored whole: {items}", hint="look at the named items")
        grown = _grown(client, request, row, reader.summary, cache)
    _require_counts(client, reader.summary, request.workload, grown)
    for each in grown:
        shorten(runner, each)
    for path in request.paths:
        if runner.run(Command(("find", request.directory + path, "-maxdepth", "0", "-printf", "x"))).exit_code != 0:
            raise NotFound(f"{path} is not in {request.workload} of this point", hint="drtool ls shows what is in it")
    root = posixpath.join(request.directory, request.artifact.path.lstrip("/"))
    result = _count(runner, root)
    if result is None or (not result.files and request.artifact.census.files and not request.paths):
        raise Corrupt(
            f"restic said that it restored {request.workload} from {client.name}, but nothing came",
            hint=f"drtool verify {client.name}; use another copy for this restore",
        )
    return replace(
        result,
        warnings=tuple(each.words(request.directory) for each in grown),
        never_stored=sum(each.never_read * each.names for each in grown),
    )


def _grown(client: ResticClient, request: GetRequest, row: Row, summary: Message | None, cache: str | None) -> tuple[Grown, ...]:
    """Return which files are longer than what was stored of them, where restic did not count all as restored."""
    if summary is None or not lacks_something(summary):
        return ()
    folder = request.directory.rstrip("/")

    def stored(path: str) -> int:
        call = _call(request, commands.dump(row.id, path[len(folder) :]), cache)
        piped = client.pipe(call, consume=lambda _data: None)
        if piped.command.exit_code != 0:
            raise translate(piped.command, repository=client.name, verb=call.verb)
        return piped.bytes

    root = posixpath.join(folder, request.artifact.path.lstrip("/"))
    return find_grown(request.runner, root, stored, since=row.stored, lacking=_lacking(summary, "bytes"))


def get_stream(client: ResticClient, request: GetRequest, on_progress: ProgressListener | None) -> GetResult:
    """Pour one file; its bytes and SHA-256 must be those counted when it was stored."""
    row = find_data(client, request.artifact, point=request.point, workload=request.workload)
    target = posixpath.join(request.directory, (request.artifact.path or row.path).lstrip("/"))
    with _cache(client.local if request.into else request.runner, fresh=request.fresh_cache) as cache:
        if request.into is not None:
            count, digest = _pour(client, request, _call(request, commands.dump(row.id, row.path), cache), request.into)
        elif client.is_local(request.runner):
            count, digest = _dump(client, _call(request, commands.dump(row.id, row.path), cache), target)
        else:
            version = client.version(request.runner)
            arguments = commands.restore(row.id, request.directory, version=version, paths=(row.path,))
            reader = OutputReader(on_progress)
            client.run(_call(request, arguments, cache), on_output=reader.take, on_error=reader.take)
            if (came := posixpath.join(request.directory, row.path.lstrip("/"))) != target:
                _move(request.runner, came, target)
            count, digest = _remote_digest(request.runner, target)
    census = request.artifact.census
    if count != census.bytes or digest != census.sha256:
        if request.into is None:
            request.runner.run(Command(("rm", "-f", "--", target)))
        raise Corrupt(
            f"{request.workload} from {client.name} is not what was stored: {count} of {census.bytes} bytes"
            + ("" if count != census.bytes else ", and its SHA-256 differs"),
            hint="use another copy for this restore",
            safe="what is in service was not touched",
            repository=client.name,
        )
    return GetResult(bytes=count, files=1)


def read_record(client: ResticClient, snapshot: str) -> bytes:
    """Return the bytes of a record; a manifest's must have the digest in its tags, and anything else under that digest hides none."""
    for age in (LISTING_GOOD_SECONDS, 0.0):
        reading = client.read(maximum_age_seconds=age)
        row = reading.find(snapshot)
        if row is not None:
            break
    if row is None or row.role == "data":
        raise NotFound(f"{snapshot} is no record of drtool in the repository {client.name}", hint="drtool points --refresh")
    digest = row.labels.get("digest")
    failed: DrtoolError | None = None
    for each in (row, *reading.alike(row)):
        try:
            data = client.run(Call(commands.dump(each.id, each.paths[0]), "read a record")).standard_output
        except (Corrupt, NotFound, Refused) as error:
            failed = failed or error
            continue
        if digest is None or hashlib.sha256(data).hexdigest() == digest:
            return data
    what = f"the record {snapshot} in {client.name} differs from the digest it was written with"
    raise failed or Corrupt(what, hint="use another copy", repository=client.name)


def _call(request: GetRequest, arguments: commands.Arguments, cache: str | None) -> Call:
    return Call(
        arguments,
        f"restore {request.workload}",
        runner=request.runner,
        source=request.source,
        cache_directory=cache,
        nice=request.nice,
    )


def _require_counts(client: ResticClient, summary: Message | None, workload: str, grown: tuple[Grown, ...] = ()) -> None:
    """Refuse what restic did not restore whole by its own counts; what was never stored of files that grew is not lacking."""
    if summary is None:
        return
    explained = {"files": len(grown), "bytes": sum(each.never_read for each in grown)}
    for what, number_of in explained.items():
        if _lacking(summary, what) > number_of:
            done, total = number(summary, f"{what}_restored"), number(summary, f"total_{what}")
            raise Corrupt(
                f"{workload} was not restored whole from {client.name}: {done} of {total} ({what}_restored)",
                hint=f"use another copy for this restore; drtool verify {client.name} names what is damaged, and --path restores the rest",
            )


def lacks_something(summary: Message) -> bool:
    """Tell whether restic did not restore all that it counted: by bytes, as of files the folders above a chosen path count, too."""
    return _lacking(summary, "bytes") > 0


def _lacking(summary: Message, what: str) -> int:
    """Return of how many files or bytes restic says that it did not restore them; negative: the folders above a chosen path count."""
    return number(summary, f"total_{what}") - number(summary, f"{what}_restored")


@contextlib.contextmanager
def _cache(runner: Runner, *, fresh: bool) -> Iterator[str | None]:
    if not fresh:
        yield None
        return
    with scratch_on(runner) as path:
        yield path


def _count(runner: Runner, root: str) -> GetResult | None:
    sizes = files = 0

    def take(line: bytes) -> None:
        nonlocal sizes, files
        sizes += whole_number(line, f"the size of a file in {root}")
        files += 1

    completed = runner.run(Command(("find", root, "-type", "f", "-printf", "%s\\n")), on_output=take)
    return GetResult(bytes=sizes, files=files) if completed.exit_code == 0 else None


def _dump(client: ResticClient, call: Call, target: str) -> tuple[int, str]:
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused(f"{target} cannot be written: {error.strerror}", hint="choose an empty directory with room") from None
    try:
        return _write(client, call, descriptor)
    except OSError as error:
        os.unlink(target)
        raise Refused(f"{target} cannot be written: {error.strerror}", hint="make room there") from None
    except BaseException:  # also of whoever watches restic and ends it: half a stream looks like a whole one
        os.unlink(target)
        raise


def _write(client: ResticClient, call: Call, descriptor: int) -> tuple[int, str]:
    with open(descriptor, "wb") as file:
        piped = client.pipe(call, consume=file.write)
        file.flush()
        os.fsync(descriptor)
    if piped.command.exit_code != 0:
        raise translate(piped.command, repository=client.name, verb=call.verb)
    return piped.bytes, piped.sha256


def _pour(client: ResticClient, request: GetRequest, call: Call, into: Command) -> tuple[int, str]:
    """Let a stream flow from here into a command of the runner; Refused when that does not take it."""
    piped = client.pour(replace(call, runner=None), runner=request.runner, into=into)
    # Who fails first ends the other: a code of its own tells the one from the signal that ended the other.
    if piped.producer is not None and piped.producer.exit_code != 0 and not 0 < piped.command.exit_code < _BY_SIGNAL:
        raise translate(piped.producer, repository=client.name, verb=call.verb)
    if piped.command.exit_code != 0:
        raise Refused(
            f"{into.argv[0]}, which takes {request.workload}, ended with {piped.command.exit_code}: {piped.command.said(300)}",
            hint="look there for room and rights",
            safe="what is in service was not touched",
        )
    return piped.bytes, piped.sha256


def _move(runner: Runner, path: str, target: str) -> None:
    """Give a stream the name that its artifact has, where restic stored it under another."""
    moved = runner.run(Command(("sh", "-c", 'mkdir -p -- "$1" && mv -T -- "$2" "$3"', "drtool", posixpath.dirname(target), path, target)))
    if moved.exit_code != 0:
        raise Refused(f"{target} cannot be written on {runner.name}: {moved.said(200)}", hint="choose an empty directory with room")


def _remote_digest(runner: Runner, path: str) -> tuple[int, str]:
    size = runner.run(Command(("stat", "-c", "%s", "--", path)))
    digest = runner.run(Command(("sha256sum", "--zero", "--", path)))
    if size.exit_code != 0 or digest.exit_code != 0:
        raise Corrupt(f"restic said that it restored {path}, but it cannot be read: {size.said(200)}", hint="use another copy")
    return size.number(f"the size of {path}"), digest.standard_output[:64].decode("ascii", "replace")
