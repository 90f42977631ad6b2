"""Carries restic commands out: address, version, probe, watch, translation of failures, dead locks. Safe to use from several threads."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from drtool.model.command import Command, Completed
from drtool.model.errors import Locked, Refused, TimedOut, Unavailable, WrongKey
from drtool.model.policy import RepositoryPolicy
from drtool.ports import Clock, LineListener, Notary, Piped, Runner, SecretStore
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.added import with_record
from drtool.repositories.restic.address import Access, address_from, resolve
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.errors import as_of_disk, last_words, translate
from drtool.repositories.restic.labels import instant_text
from drtool.repositories.restic.locks import Lock, is_dead, locked, read_locks
from drtool.repositories.restic.output import parse_document, words
from drtool.repositories.restic.probe import Probe
from drtool.repositories.restic.reading import fitting_reading
from drtool.repositories.restic.rows import TranslatedListing
from drtool.repositories.restic.translate import read_judged
from drtool.repositories.restic.unmade import resolved
from drtool.repositories.restic.versions import Version, parse_version
from drtool.repositories.restic.watch import Watch, past_gone_locks, type_variable

_ID = re.compile(r"[0-9a-f]{64}")
STILL_FACTOR = 4.0
LEAST_STILL_SECONDS = 30.0
"""A restic that moves nothing for so many times the repository's `timeout:` stands still: a dead mount, a half-open connection."""
PROBE_GOOD_SECONDS = 10.0
ADDED_TO_SECONDS = 300.0
"""So old may a listing be that what was written since is added to: what it tells is still about now."""
LOOK_SECONDS = 20.0
_COLLECTED_WITHIN = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How long `version` and a look at a lock may take."""


@dataclass(slots=True)
class ResticClient:
    """One repository, seen from here and from the machines that store into it."""

    policy: RepositoryPolicy
    by: str
    secrets: SecretStore
    clock: Clock
    local: Runner
    cache_directory: str | None
    binary: str
    known_dead: Callable[[int, datetime], bool]
    notary: Notary | None = None
    was_there: Callable[[], bool] = lambda: False
    on_remove: Callable[[Sequence[str]], None] = lambda _snapshots: None
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _list_guard: threading.RLock = field(default_factory=threading.RLock)
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _runners: dict[str, Runner] = field(default_factory=dict)
    _looked: float | None = None
    _reading: TranslatedListing | None = None
    _read_at: float = 0.0
    _changes: int = 0

    @property
    def name(self) -> str:
        """The repository's name in the policy."""
        return self.policy.name

    @property
    def probe(self) -> Probe:
        """What asks the address."""
        return Probe(self.name, self.local, self.clock, self.policy.timeout, self.was_there)

    def is_local(self, runner: Runner) -> bool:
        """Tell whether a runner is this machine's."""
        return runner is self.local or runner.name == self.local.name

    def access(self, runner: Runner | None = None, source: str = "") -> Access:
        """Return the address as `runner`, at `source`, sees it."""
        if runner is None or self.is_local(runner):
            return self._once(("reach",), lambda: self._fitting(self.local, resolved(self.policy, self.secrets, was_there=self.was_there)))
        address, inherited = address_from(self.policy, source, runner=runner.name), self.policy.address.environment
        return self._once(("reach", source), lambda: self._fitting(runner, resolve(address, self.secrets, environment=inherited)))

    def _fitting(self, runner: Runner, access: Access) -> Access:
        def opens(tried: Access) -> bool:
            command = commands.Frame(self.binary).command(tried, commands.CONFIG, timeout_seconds=LOOK_SECONDS)
            try:
                completed = runner.run(command)
            except TimedOut:  # nobody answers, which the command that is meant will tell
                return True
            return completed.exit_code == 0 or not isinstance(translate(completed, repository=self.name, verb="open it"), WrongKey)

        return fitting_reading(access, opens)

    def version(self, runner: Runner | None = None) -> Version:
        """Return the version of the restic there; asked once per machine."""
        return self._once(("version", (runner or self.local).name), lambda: self._ask_version(runner or self.local))

    def identity(self) -> str:
        """Return the repository's own id, the same from wherever it is seen."""
        return self._once(("identity",), lambda: self.identity_from(self.local))

    def run(self, call: Call, *, on_output: LineListener | None = None, on_error: LineListener | None = None) -> Completed:
        """Run a command to a good end, or raise what its failure means; once more when only dead locks were in its way."""

        def once() -> Completed:
            runner, command = self._prepare(call)
            listener = call.phases.take if call.phases else on_output
            watch = self._watch(listener, on_error, on_disk=(on_disk := self._on_disk(runner, call)))
            ended = runner.run(command, on_output=watch.output if listener else None, on_error=watch.error)
            heard = call.phases.heard(ended) if call.phases else ended
            return as_of_disk(heard) if on_disk else heard

        completed = past_gone_locks(once)
        if completed.exit_code != 0 and (self._has_new_key(call, completed) or self._clear_locks(call, completed)):
            completed = past_gone_locks(once)
        if completed.exit_code not in call.accept:
            raise translate(completed, repository=self.name, verb=call.verb)
        return completed

    def pipe(
        self,
        call: Call,
        *,
        producer: Command | None = None,
        producer_runner: Runner | None = None,
        consume: Callable[[bytes], object] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        """Stream into or out of a command and return how it ended, whatever its exit code; dead locks are cleared before."""

        def once() -> Piped:
            runner, command = self._prepare(call)
            watch = self._watch(on_output, on_error, consume, on_disk=(on_disk := self._on_disk(runner, call)))
            listener, chunks = watch.output if on_output else None, watch.chunk if consume else None
            piped = runner.pipe(
                command, producer=producer, producer_runner=producer_runner, consume=chunks, on_output=listener, on_error=watch.error
            )
            return replace(piped, command=as_of_disk(piped.command)) if on_disk else piped

        piped = past_gone_locks(once)
        if piped.command.exit_code != 0 and self._clear_locks(call, piped.command):
            piped = past_gone_locks(once)
        return piped

    def pour(self, call: Call, *, runner: Runner, into: Command) -> Piped:
        """Let what a command that locks nothing prints here flow into a command of `runner`, and return how both ended."""
        return runner.pipe(into, producer=self._prepare(call)[1])

    def changed(self) -> None:
        """Remember that the repository is no longer as it was last listed."""
        with self._guard:
            self._changes += 1
            self._reading = None

    def wrote(self, snapshot: str, *, name: str, tags: tuple[str, ...]) -> None:
        """Add a record that was written just now to the last reading, where that is recent; else it is listed when it is asked for.

        Only what bears no data is added so: whether a point is whole only a listing tells.
        """
        with self._guard:
            self._changes += 1  # a listing under way may have missed it
            known, self._reading = self._reading, None
            if known is None or self.clock.monotonic() - self._read_at > ADDED_TO_SECONDS:
                return
            entry = {"id": snapshot, "tree": "", "paths": [name], "time": instant_text(self.clock.now()), "tags": list(tags)}
            self._reading = with_record(known, entry, policy=self.policy, notary=self.notary)

    def read(self, *, maximum_age_seconds: float = 0.0) -> TranslatedListing:
        """List the repository by one call, or give the last reading again when it is young enough and nothing was changed since."""
        with self._list_guard:
            with self._guard:
                known, age, changes = self._reading, self.clock.monotonic() - self._read_at, self._changes
            if known is not None and maximum_age_seconds > 0 and age <= maximum_age_seconds:
                return known
            started = self.clock.monotonic()
            completed = self.run(Call(commands.LIST, "list what it holds"))
            try:
                document = parse_document(completed.standard_output)
                reading = read_judged(document, policy=self.policy, notary=self.notary, taken=self.clock.now())
            except ValueError as error:
                raise Refused(
                    f"the list of the repository {self.name} cannot be read: {error}: {last_words(words(completed))}",
                    hint=f"drtool doctor {self.name}",
                ) from None
            with self._guard:
                if changes == self._changes:
                    self._reading, self._read_at = reading, started
            return reading

    def locks(self) -> tuple[Lock, ...]:
        """Return the locks that lie in the repository now."""
        return read_locks(self._look)

    def dead(self, lock: Lock) -> bool:
        """Tell whether a lock's owner is provably gone."""
        with self._guard:
            runners = {self.local.name: self.local, **self._runners}
        hosts = tuple((runner.host_name(), runner) for runner in runners.values())
        return is_dead(lock, runners=hosts, known_dead=self.known_dead, now=self.clock.now())

    def clear_dead_locks(self) -> None:
        """Remove the locks when every one is provably dead; raises Locked that names who lives.

        restic asks for the owner by a signal, which a process takes that is dead and not yet collected by its parent (an idle init of
        a container): it is told again for half a minute.
        """
        for wait in _COLLECTED_WITHIN:
            found = self.locks()
            living = tuple(lock for lock in found if not self.dead(lock))
            if living:
                raise locked(living, repository=self.name)
            if not found:
                return
            completed = self._look(commands.UNLOCK)
            if completed.exit_code != 0:
                raise translate(completed, repository=self.name, verb="remove a dead lock")
            self.clock.sleep(wait)

    def _has_new_key(self, call: Call, completed: Completed) -> bool:
        """Tell whether the key that opens nothing any more was replaced since it was resolved: who works for long outlives a rotation."""
        if not isinstance(translate(completed, repository=self.name, verb=call.verb), WrongKey):
            return False
        runner = call.runner or self.local
        before = self.access(runner, call.source)
        with self._guard:
            self._known.pop(("reach",) if self.is_local(runner) else ("reach", call.source), None)
        return not self.access(runner, call.source).has_same_key_as(before)

    def _clear_locks(self, call: Call, completed: Completed) -> bool:
        error = translate(completed, repository=self.name, verb=call.verb)
        if not isinstance(error, Locked):
            return False
        self.clear_dead_locks()
        if call.origin is not None:
            call.origin.clear_dead_locks()
        return True

    def _prepare(self, call: Call) -> tuple[Runner, Command]:
        runner = call.runner or self.local
        local = self.is_local(runner)
        access = self.access(runner, call.source)
        if local:
            self._probe(access, must_exist=call.must_exist)
        self.version(runner)
        with self._guard:
            self._runners.setdefault(runner.name, runner)
        command = commands.Frame(self.binary, self.policy.upload_limit, self.policy.download_limit).command(
            access,
            call.arguments,
            origin=call.origin.access() if call.origin else None,
            cache_directory=call.cache_directory or (self.cache_directory if local else None),
            standard_input=call.standard_input,
            nice=call.nice,
            timeout_seconds=call.timeout_seconds,
            still_seconds=math.inf if call.may_rest else max(LEAST_STILL_SECONDS, STILL_FACTOR * self.policy.timeout.total_seconds()),
        )
        return runner, replace(command, directory=call.directory)

    def _probe(self, access: Access, *, must_exist: bool) -> None:
        now = self.clock.monotonic()
        with self._guard:
            if must_exist and self._looked is not None and now - self._looked < PROBE_GOOD_SECONDS:
                return
        self.probe.look(access, must_exist=must_exist)
        if must_exist:
            with self._guard:
                self._looked = now

    def _watch(
        self,
        on_output: LineListener | None,
        on_error: LineListener | None,
        consume: Callable[[bytes], object] | None = None,
        *,
        on_disk: bool,
    ) -> Watch:
        return Watch(self.name, self.clock, self.policy.timeout.total_seconds(), on_output, on_error, consume, on_disk=on_disk)

    def _on_disk(self, runner: Runner, call: Call) -> bool:
        return call.origin is None and self.access(runner, call.source).scheme == "path"

    def _look(self, arguments: commands.Arguments, on_error: LineListener | None = None) -> Completed:
        frame = commands.Frame(self.binary)
        command = frame.command(
            self.access(),
            arguments,
            cache_directory=self.cache_directory,
            timeout_seconds=self.policy.timeout.total_seconds() + LOOK_SECONDS,
        )
        return self.local.run(command, on_error=on_error)

    def _ask_version(self, runner: Runner) -> Version:
        completed = runner.run(Command((self.binary, "version"), timeout_seconds=LOOK_SECONDS))
        return parse_version(completed.standard_output.decode("utf-8", "replace") + completed.said(300))

    def identity_from(self, runner: Runner, source: str = "") -> str:
        """Return the id of the repository as a runner, at a source, sees it."""
        completed = self.run(Call(commands.CONFIG, "read its configuration", runner=runner, source=source))
        try:
            found = _ID.fullmatch(str(parse_document(completed.standard_output)["id"]))
        except (ValueError, KeyError, TypeError):
            found = None
        if found is None:
            raise Unavailable(f"the repository {self.name} did not tell its id", hint=f"drtool doctor {self.name}")
        return found[0]

    def _once(self, key: tuple[str, ...], make: Callable[[], type_variable]) -> type_variable:
        with self._guard:
            if key not in self._known:
                self._known[key] = make()
            value: type_variable = self._known[key]
            return value
