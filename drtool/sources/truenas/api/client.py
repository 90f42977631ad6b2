from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from secrets import token_hex
from typing import Any, Final

from drtool import process
from drtool.model.errors import Bug, Conflict, NotFound, Refused, TimedOut, Unavailable
from drtool.model.secret import SecretReference
from drtool.ports import Clock, SecretStore
from drtool.sources.truenas.api.connection import Link, encode_request, pump
from drtool.sources.truenas.api.jobs import Begun
from drtool.sources.truenas.api.login import log_in
from drtool.sources.truenas.api.tls import Endpoint
from drtool.sources.truenas.api.translate import METHOD_MISSING, translate

CALL_SECONDS: Final = 60.0
JOB_SECONDS: Final = 3600.0
_AT_ONCE: Final = 8
"""The NAS runs ten calls of a connection at once."""
_WAITS: Final = (0.5, 1.0, 2.0)
_TICK: Final = 0.1
_CLOSES_WITHIN: Final = 5.0
_FIRST_POLL: Final = 0.1
_LONGEST_POLL: Final = 5.0
_OLD_NAMES: Final = (("pool.snapshot.", "zfs.snapshot."),)
"""What TrueNAS 25.04 called it."""
_JOBS_THAT_LOOK: Final = ("pool.dataset.encryption_summary", "pool.dataset.export_key", "pool.dataset.export_keys")
_OF_DATASETS: Final = ("pool.dataset.", "pool.snapshot.clone", "pool.snapshot.rollback")

Look = Callable[[], bool]


class _Waiter:
    """One request on its way: its answer, or that the connection was lost."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.message: dict[str, Any] | None = None


class _Session:
    """One logged-in connection and its reader thread. The ids of what it asks begin with `asker`."""

    def __init__(self, endpoint: Endpoint, nudge: threading.Event, *, asker: str) -> None:
        self.link = Link(endpoint, threading.Lock())
        self.lost = ""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, _Waiter] = {}
        self._asker = asker
        self._nudge = nudge
        self._reader = threading.Thread(target=self._read, name="truenas-reader", daemon=True)
        self._reader.start()

    def ask(self, method: str, params: tuple[Any, ...], *, source: str, watch: Callable[[], None]) -> dict[str, Any]:
        """Send a request and return the whole answer; Unavailable when the connection was lost before it came."""
        waiter = _Waiter()
        with self._lock:
            identity = f"{self._asker}-{next(self._numbers)}"
            self._waiting[identity] = waiter
        try:
            self.link.send(encode_request(identity, method, params))
            while not waiter.ended.wait(_TICK):
                watch()
                if self.lost:
                    break
        finally:
            with self._lock:
                self._waiting.pop(identity, None)
        if waiter.message is None:
            raise Unavailable(f"{source} did not answer {method}: {self.lost}", hint="look whether the NAS restarts")
        return waiter.message

    def close(self) -> None:
        """Hang up."""
        self.link.hang_up()
        self._reader.join(_CLOSES_WITHIN)
        self.link.end()

    def _read(self) -> None:
        why = "what came could not be read"
        try:
            why = pump(self.link, self._take)
        finally:
            self.lost = why
            with self._lock:
                waiting = tuple(self._waiting.values())
            for waiter in waiting:
                waiter.ended.set()
            self._nudge.set()

    def _take(self, message: dict[str, Any]) -> None:
        identity = message.get("id")
        if isinstance(identity, str):
            with self._lock:
                waiter = self._waiting.get(identity)
            if waiter is not None:
                waiter.message = message
                waiter.ended.set()
        elif "method" in message:  # an event may be lost, doubled or early: it only says that asking is worthwhile
            self._nudge.set()


class ApiClient:
    """Asks one NAS. A read is repeated over a new connection; what changes something is looked for before it is asked again.

    Args:
        endpoint: where it is and whom to trust.
        user: whose API key it is.
        key: resolved when a connection is opened, and kept nowhere.
        secrets: resolves it.
        clock: waits between attempts.
    """

    def __init__(self, *, endpoint: Endpoint, user: str, key: SecretReference, secrets: SecretStore, clock: Clock) -> None:
        self.source = endpoint.source
        self.endpoint = endpoint
        self.calls = 0
        self.version: str | None = None
        """The release as the NAS spells it, None while it was not asked."""
        self.changes = 0
        """How often datasets were changed by us, as far as a listing of them may tell."""
        self._user = user
        self._key = key
        self._secrets = secrets
        self._clock = clock
        self.asker = token_hex(8)
        """What the ids of our calls begin with."""
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._opening = threading.Lock()
        self._alone = threading.Lock()
        self.once = threading.Lock()
        """Held while something is asked once for all who want it."""
        self._nudge = threading.Event()
        self._session: _Session | None = None
        self._refused: Refused | None = None
        self._old_names: set[str] = set()
        self._methods: dict[str, frozenset[str]] = {}

    def read(self, method: str, *params: Any, timeout_seconds: float = CALL_SECONDS) -> Any:  # noqa: ANN401 - JSON
        """Ask something that changes nothing; repeated when the connection is lost."""
        for wait in _WAITS:
            try:
                return self._call(method, params, timeout_seconds)
            except TimedOut:
                raise
            except Unavailable:
                self._clock.sleep(wait)
        return self._call(method, params, timeout_seconds)

    def change(self, method: str, *params: Any, look: Look, timeout_seconds: float = CALL_SECONDS, listed: bool = True) -> Any:  # noqa: ANN401 - JSON
        """Ask for a change; when its answer was lost, `look` tells whether it is done before it is asked for again.

        Returns the answer, or None where only `look` told. What was told of datasets before is worth nothing after it, unless nobody would
        look for this one there (`listed`).
        """
        try:
            return self._change(method, params, look, timeout_seconds)
        finally:
            if listed and method.startswith(_OF_DATASETS):
                self.changes += 1

    def _change(self, method: str, params: tuple[Any, ...], look: Look, timeout_seconds: float) -> Any:  # noqa: ANN401 - JSON
        doubt = False
        for wait in (*_WAITS, None):
            try:
                return self._call(method, params, timeout_seconds)
            except TimedOut:
                if look():
                    return None
                raise
            except Unavailable:
                if wait is None:
                    raise
                self._clock.sleep(wait)
                doubt = True
                if look():
                    return None
            except (Conflict, NotFound, Refused):
                if doubt and look():  # the lost request was carried out after we looked
                    return None
                raise
        raise Bug(f"{method} was neither answered nor refused")

    def wait_for_job(self, job: int, method: str, *params: Any, what: str, timeout_seconds: float = JOB_SECONDS, raw: bool = False) -> Any:  # noqa: ANN401 - JSON
        """Return what a job of that call ended with; raises Refused when it failed, Unavailable when the NAS no longer knows it.

        Its state is asked for; events only make that sooner. A result that is secret comes only `raw`. Another job of its number is not it.
        """
        watch = process.stopwatch(timeout_seconds, f"{what} on {self.source}")
        begun = Begun(job, self.asker, method, params, what, self.source)
        found: Mapping[str, Any] = {}
        pause = _FIRST_POLL
        options = ({"extra": {"raw_result": True}},) if raw else ()
        while True:
            self._nudge.clear()
            found = begun.find(self.read("core.get_jobs", [["id", "=", job]], *options), earlier=found)
            if begun.has_ended(found):
                if method.startswith(_OF_DATASETS) and method not in _JOBS_THAT_LOOK:
                    self.changes += 1  # it was changed since it was asked for
                return found.get("result")
            watch()
            self._nudge.wait(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)

    def own_address(self) -> str:
        """Return the address by which the NAS sees this machine."""
        session = self._session
        if session is None or session.lost:
            self.read("core.ping")
            session = self._session
        if session is None:
            raise Unavailable(f"the connection to {self.source} was cut")
        return session.link.own_address

    def knows(self, method: str, *, untold: bool = True) -> bool:
        """Tell whether this release has a method; asked once. `untold` is the answer where the NAS tells nothing of such a service."""
        service = method.rpartition(".")[0]
        if service not in self._methods:
            try:
                self._methods[service] = frozenset(self.read("core.get_methods", service))
            except (NotFound, Refused):
                self._methods[service] = frozenset()
        return method in self._methods[service] or (untold and not self._methods[service])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody else who asks for this away meanwhile: for what takes several calls and must not be mixed with its like."""
        watch = process.stopwatch(JOB_SECONDS, f"waiting for another step on {self.source}")
        while not self._alone.acquire(timeout=_TICK):
            watch()
        try:
            yield
        finally:
            self._alone.release()

    def close(self) -> None:
        """Hang up; the next call opens a connection again."""
        with self._opening:
            session, self._session = self._session, None
            self._refused = None
        if session is not None:
            session.close()

    def _call(self, method: str, params: tuple[Any, ...], timeout_seconds: float) -> Any:  # noqa: ANN401 - JSON
        watch = process.stopwatch(timeout_seconds, f"{method} on {self.source}")
        with self._place(watch):
            session = self._connected()
            self.calls += 1
            name = self._name_of(method)
            message = session.ask(name, params, source=self.source, watch=watch)
            older = self._older(method)
            if name == method and older and _is_missing(message):
                message = session.ask(older, params, source=self.source, watch=watch)
                if not _is_missing(message):
                    self._old_names.add(method.rpartition(".")[0])
        error = message.get("error")
        if error is not None:
            raise translate(error if isinstance(error, dict) else {}, method=method, source=self.source)
        if "result" not in message:
            raise Unavailable(f"{self.source} answered {method} with neither a result nor an error", hint="look whether the NAS restarts")
        return message["result"]

    def _name_of(self, method: str) -> str:
        return self._older(method) if method.rpartition(".")[0] in self._old_names else method

    def _older(self, method: str) -> str:
        return next((old + method.removeprefix(new) for new, old in _OLD_NAMES if method.startswith(new)), "")

    @contextlib.contextmanager
    def _place(self, watch: Callable[[], None]) -> Iterator[None]:
        while not self._places.acquire(timeout=_TICK):
            watch()
        try:
            yield
        finally:
            self._places.release()

    def _connected(self) -> _Session:
        with self._opening:
            if self._refused is not None:  # each try would count against the limit, and in the end hide the cause
                raise type(self._refused)(self._refused.what, hint=self._refused.hint, safe=self._refused.safe)
            if self._session is not None and not self._session.lost:
                return self._session
            if self._session is not None:
                self._session.close()
                self._session = None
            key = self._secrets.resolve(self._key)
            session = _Session(self.endpoint, self._nudge, asker=self.asker)
            watch = process.stopwatch(CALL_SECONDS, f"logging in to {self.source}")
            try:
                log_in(session.ask, self.source, self._user, key, watch=watch)
                session.ask("core.subscribe", ("core.get_jobs",), source=self.source, watch=watch)
            except BaseException as error:
                session.close()
                if isinstance(error, Refused):
                    self._refused = error
                raise
            self._session = session
            return session


def _is_missing(message: dict[str, Any]) -> bool:
    error = message.get("error")
    return isinstance(error, dict) and error.get("code") == METHOD_MISSING
