"""From the name of a method to its work: who may, with which arguments, at once or as a job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, cast

from drtool.lab.truenas.answers import ENOTAUTHENTICATED, METHOD_NOT_FOUND, CallError, Json, ValidationErrors
from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.connection import Connection
from drtool.lab.truenas.faults import Fault
from drtool.lab.truenas.jobs import Job
from drtool.lab.truenas.registry import NOBODY, Arguments, Call, Method, allowed, bind
from drtool.lab.truenas.storage import Storage, StorageError

EACCES: Final = 13
_SOMEBODY: Final = "truenas_admin"
_READING: Final = frozenset({"pool", "datasets", "snapshots", "space", "start", "stop"})


Methods = Mapping[str, Method]


class Refusal(Exception):  # noqa: N818 - an answer of the protocol itself, not an error of ours
    """The protocol's own no, with its code and without data."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FailingStorage:
    """The storage of a call that a fault hits: what is read is read, what is changed fails."""

    def __init__(self, storage: Storage, reason: str) -> None:
        self._storage = storage
        self._reason = reason

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name) if name in _READING else self._fail

    def _fail(self, *_arguments: object, **_named: object) -> None:
        raise StorageError(self._reason)


class ForgetfulStorage:
    """The storage of a call that a fault hits: what is made in it has no user properties."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def create(self, name: str, properties: Mapping[str, str]) -> None:
        """Make a dataset without them."""
        self._storage.create(name, _plain(properties))

    def clone(self, snapshot: str, name: str, properties: Mapping[str, str]) -> None:
        """Make a clone without them."""
        self._storage.clone(snapshot, name, _plain(properties))

    def change(self, name: str, values: Mapping[str, str], inherit: Sequence[str] = ()) -> None:
        """Change a dataset but for them."""
        self._storage.change(name, _plain(values), inherit)

    def snapshot(self, datasets: Sequence[str], name: str, _user: Mapping[str, str]) -> None:
        """Take a snapshot without them."""
        self._storage.snapshot(datasets, name, {})


def _plain(properties: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if ":" not in name or name.startswith("drtool.lab:")}


async def perform(
    appliance: Appliance, methods: Methods, session: Connection, name: str, params: Json, *, identity: Json, faults: tuple[Fault, ...]
) -> Json:
    """Carry a call out and return its result; a job is begun and its number returned."""
    method = methods.get(name)
    if method is None or not method.is_in(session.profile):
        raise Refusal(METHOD_NOT_FOUND, "Method does not exist")
    await _admit(appliance, session, method)
    arguments = bind(method.arguments, params)
    call = call_of(appliance, methods, session, session.user, faults)
    if method.job:
        if method.pipe == "output":
            raise CallError("Pipe 'output' is not open")
        job = begin(appliance, method, call, arguments, params, message=identity, faults=faults)
        if session.options["legacy_jobs"]:
            return job.id
        await job.ended.wait()
        if job.failure:
            raise CallError(job.failure["error"].partition("] ")[2], job.failure["exc_info"]["errno"] or 14)
        return job.result
    if method.direct:
        found = method.work(call, arguments)
        return _told(await found if asyncio.iscoroutine(found) else found, faults)
    return _told(await appliance.run(lambda: method.work(call, arguments)), faults)


def _told(result: Json, faults: tuple[Fault, ...]) -> Json:
    """Return a result, or an empty one of its kind where a fault wants that."""
    silent = isinstance(result, list | dict | str) and any(fault.kind == "nothing" for fault in faults)
    return type(result)() if silent else result


async def meanwhile(appliance: Appliance, methods: Methods, session: Connection, fault: Fault) -> None:
    """Let somebody with all rights do what a fault asks for; what he is refused is his own affair."""
    for name, *params in fault.asks:
        method = methods[name]
        found = await appliance.run(lambda params=params: _resolved(appliance.storage, params))  # type: ignore[misc]
        arguments = bind(method.arguments, found)
        call = call_of(appliance, methods, session, _SOMEBODY, ())
        with contextlib.suppress(CallError, ValidationErrors):
            if method.job:
                job = begin(appliance, method, call, arguments, found, message=None, faults=())
                await job.ended.wait()
            else:
                await appliance.run(lambda: method.work(call, arguments))  # noqa: B023 - awaited before the next one
        appliance.note(name, found, _SOMEBODY, "done")


def _resolved(storage: Storage, value: Json) -> Json:
    """Return arguments with each pattern replaced by the first name that it matches."""
    if isinstance(value, dict):
        return {key: _resolved(storage, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(storage, each) for each in value]
    if isinstance(value, str) and "*" in value:
        names = [*(each.name for each in storage.datasets()), *(each.name for each in storage.snapshots())]
        return next((name for name in names if fnmatchcase(name, value)), value)
    return value


async def _admit(appliance: Appliance, session: Connection, method: Method) -> None:
    if not session.user:
        if NOBODY not in method.roles:
            raise CallError("Not authenticated", ENOTAUTHENTICATED)
        if method.limited and appliance.is_limited(method.name, session.peer):
            await asyncio.sleep(appliance.scaled(1.0))
            raise CallError("Rate Limit Exceeded", 16)
    elif not allowed(appliance.roles_of(session.user), method):
        raise CallError("Not authorized", EACCES)


def begin(
    appliance: Appliance, method: Method, call: Call, arguments: Arguments, params: Json, *, message: Json, faults: tuple[Fault, ...]
) -> Job:
    """Begin a job."""
    started = Job(
        id=0,
        method=method.name,
        arguments=params,
        user=call.user,
        message_ids=[message],
        secret=method.secret,
        abortable=method.abortable,
        faults=faults,
    )
    loop = asyncio.get_running_loop()

    def work(job: Job) -> object:
        def progress(percent: int, text: str) -> None:
            def note() -> None:
                job.percent, job.description = percent, text

            loop.call_soon_threadsafe(note)

        call.progress = progress
        result = _told(method.work(call, arguments), faults)
        if method.pipe == "output":
            appliance.downloads[job.id] = b"{}" if any(fault.kind == "nothing" for fault in faults) else call.download
        return result

    async def run(part: Callable[[], object]) -> object:
        return await appliance.run(part)

    return appliance.jobs.start(started, work, lock=method.lock(arguments), run=run)


def call_of(
    appliance: Appliance, methods: Methods, session: Connection | None, user: str, faults: tuple[Fault, ...], upload: bytes = b""
) -> Call:
    """Return a call with the storage that it will meet."""
    storage = appliance.storage
    for fault in faults:
        if fault.kind == "storage":
            storage = cast("Storage", FailingStorage(storage, fault.reason))
        elif fault.kind == "users_lost":
            storage = cast("Storage", ForgetfulStorage(storage))
    mounted = all(fault.kind != "not_mounted" for fault in faults)
    late = max((fault.seconds for fault in faults if fault.kind in ("late_device", "obeys_late")), default=0.0)
    return Call(appliance, methods, storage, session, user, upload=upload, mounted=mounted, late_seconds=late)
