"""Storing: a tree, a stream, or one of our own records."""

from __future__ import annotations

import re
from collections.abc import Callable

from drtool.model.codec import canonical
from drtool.model.command import Command, Completed
from drtool.model.errors import Corrupt, DrtoolError, Refused
from drtool.model.hold import Hold
from drtool.ports import Body, Piped, ProgressListener, PutRequest, PutResult, Runner
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import last_words, translate
from drtool.repositories.restic.labels import body_name, body_tags, data_tags
from drtool.repositories.restic.output import Message, OutputReader, number, words

_INCOMPLETE = 3
_EXPLAINED = 20
_WHY_SECONDS = 20.0
_WHY = (
    'for path do said=""; if test -d "$path"; then said=$(ls -- "$path" 2>&1 >/dev/null); '
    'elif test -f "$path"; then said=$(head -c 1 -- "$path" 2>&1 >/dev/null); fi; printf "%s\\0" "${said##*: }"; done'
)
_SNAPSHOT = re.compile(r"[0-9a-f]{8,64}")
_COUNTS = ("files_new", "files_changed", "files_unmodified")


def put_tree(client: ResticClient, request: PutRequest, on_progress: ProgressListener | None) -> PutResult:
    """Store a directory; items that could not be read are named in the result and the rest is stored."""
    reader = OutputReader(on_progress)
    labels = request.labels
    call = Call(
        commands.backup_tree(request.artifact, host=labels.source, tags=data_tags(labels)),
        f"store {labels.workload}",
        runner=request.runner,
        source=labels.source,
        accept=(0, _INCOMPLETE),
        nice=request.nice,
    )
    completed = client.run(call, on_output=reader.take, on_error=reader.take)
    summary = summary_of(client, reader, completed, labels.workload)
    files = number(summary, "total_files_processed")
    _explain(reader, request.runner or client.local)
    unreadable = reader.unreadable
    if completed.exit_code == _INCOMPLETE and not unreadable and not reader.vanished:
        unreadable = (last_words(words(completed)) or "something that restic did not name",)
    if files != sum(number(summary, key) for key in _COUNTS):
        raise Corrupt(
            f"restic's own counts of {labels.workload} disagree: {files} files in all, {[number(summary, key) for key in _COUNTS]} of them",
            hint="run again",
        )
    return PutResult(
        snapshot=str(summary["snapshot_id"]),
        files=files,
        bytes=number(summary, "total_bytes_processed"),
        stored_bytes=bytes_added(summary),
        unreadable=unreadable,
        vanished=tuple(reader.vanished),
    )


def _explain(reader: OutputReader, runner: Runner) -> None:
    """Ask the machine itself why something could not be read, where an old restic does not say."""
    paths = reader.unexplained[:_EXPLAINED]
    if not paths:
        return
    command = Command(("sh", "-c", _WHY, "drtool", *paths), environment={"LC_ALL": "C"}, timeout_seconds=_WHY_SECONDS)
    try:
        said = runner.run(command).standard_output.decode("utf-8", "replace").split("\0")
    except DrtoolError:  # that they could not be read is told all the same
        return
    for path, reason in zip(paths, said, strict=False):
        if reason:
            reader.explain(path, reason)


def put_stream(client: ResticClient, request: PutRequest, on_progress: ProgressListener | None) -> PutResult:
    """Store what a program prints; when it fails or prints nothing, nothing stays stored."""
    producer = request.artifact.producer
    labels = request.labels
    if producer is None:
        raise Refused(f"{labels.workload} names no command that prints it", hint="write `command:` of that source")
    reader = OutputReader(on_progress)
    name = stream_name(request)
    if not client.version(request.runner).streams_into_folders:
        name = "/" + name.strip("/").replace("/", "_")  # where it lies is told by the snapshot, and read from there
    call = Call(
        commands.backup_stream(name, host=labels.source, tags=data_tags(labels)),
        f"store {labels.workload}",
        runner=request.runner,
        source=labels.source,
        nice=request.nice,
    )
    where = request.artifact.producer_runner
    piped = client.pipe(call, producer=producer, producer_runner=where, on_output=reader.take, on_error=reader.take)
    try:
        summary = _whole_stream(client, reader, piped, workload=labels.workload, program=producer.argv[0])
    except (Refused, Corrupt):
        take_back(client, reader)
        raise
    return PutResult(
        snapshot=str(summary["snapshot_id"]),
        files=1,
        bytes=piped.bytes,
        stored_bytes=bytes_added(summary),
        sha256=piped.sha256,
    )


def append(client: ResticClient, body: Body) -> tuple[str, tuple[str, ...]]:
    """Write a record; returns its id, of which an old restic tells only the beginning, and its tags."""
    data = canonical(body)
    reader = OutputReader()
    tags = body_tags(body, sign=_signing(client, body))
    arguments = commands.backup_stream(body_name(body), host=body.by or "drtool", tags=tags)
    call = Call(arguments, "write a record", standard_input=data)
    completed = client.run(call, on_output=reader.take, on_error=reader.take)
    summary = summary_of(client, reader, completed, "a record")
    if number(summary, "total_bytes_processed") != len(data):
        take_back(client, reader)
        raise Corrupt("restic did not store the whole record", hint="run again", safe="earlier points are untouched")
    return str(summary["snapshot_id"]), tags


def _signing(client: ResticClient, body: Body) -> Callable[[bytes], str] | None:
    """Return what signs a record; a hold that cannot be signed is written all the same: it only keeps."""
    if client.notary is None:
        return None
    if isinstance(body, Hold):
        return lambda text: _signed_if_possible(client, text)
    return client.notary.sign


def _signed_if_possible(client: ResticClient, text: bytes) -> str:
    try:
        return client.notary.sign(text) if client.notary is not None else ""
    except Refused:
        return ""


def stream_name(request: PutRequest) -> str:
    """Return the absolute name under which a stream is stored."""
    return "/" + (request.artifact.path or request.artifact.name).lstrip("/")


def _whole_stream(client: ResticClient, reader: OutputReader, piped: Piped, *, workload: str, program: str) -> Message:
    _require_whole(client, piped, workload, program)
    summary = summary_of(client, reader, piped.command, workload)
    stored = number(summary, "total_bytes_processed")
    if stored != piped.bytes:
        raise Corrupt(
            f"{workload}: {piped.bytes} bytes were sent, restic stored {stored}",
            hint="run again",
            safe="earlier points are untouched",
        )
    return summary


def _require_whole(client: ResticClient, piped: Piped, workload: str, program: str) -> None:
    producer, restic = piped.producer, piped.command
    said = words(restic)
    # Of the two ends that are both failures, the first is the cause: restic speaks of an interruption only when it was interrupted.
    stopped = restic.exit_code < 0 or "context canceled" in said or "interrupt" in said or not said
    if restic.exit_code != 0 and not (stopped or "no data read" in said or "snapshot is empty" in said):
        raise translate(restic, repository=client.name, verb=f"store {workload}")
    if producer is None or producer.exit_code != 0:
        code = producer.exit_code if producer is not None else -1
        ended = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        raise Refused(
            f"{program}, which prints {workload}, {ended}: {last_words(producer.said() if producer else '') or 'it said nothing'}",
            hint="run that command by hand",
            safe="nothing of it was stored; earlier points are untouched",
        )
    if piped.bytes == 0:
        raise Refused(
            f"{program}, which prints {workload}, printed nothing",
            hint="run that command by hand",
            safe="nothing of it was stored; earlier points are untouched",
        )
    if restic.exit_code != 0:
        raise translate(restic, repository=client.name, verb=f"store {workload}")


def take_back(client: ResticClient, reader: OutputReader) -> None:
    """Remove a snapshot that restic stored although its input was not whole, or was not what it had to be."""
    snapshot = str((reader.summary or {}).get("snapshot_id") or "")
    if _SNAPSHOT.fullmatch(snapshot):
        client.on_remove((snapshot,))
        client.run(Call(commands.forget((snapshot,)), "remove an incomplete stream"))


def summary_of(client: ResticClient, reader: OutputReader, completed: Completed, workload: str) -> Message:
    """Return what restic says that it stored; Refused when it does not say that it did."""
    if reader.summary is None or not _SNAPSHOT.fullmatch(str(reader.summary.get("snapshot_id"))):
        raise Refused(
            f"restic ended with exit code {completed.exit_code} but did not say that it stored {workload}: {last_words(words(completed))}",
            hint=f"run again; if it stays so: drtool doctor {client.name}",
            safe="earlier points are untouched",
        )
    return reader.summary


def bytes_added(summary: Message) -> int:
    """Return what the repository grew by."""
    return number(summary, "data_added_packed") or number(summary, "data_added")
