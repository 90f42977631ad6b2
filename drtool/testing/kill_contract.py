# ruff: noqa: S101, PLR2004 - a suite of tests, to be inherited
"""Killed at every moment: whoever comes next finds everything again, and what was in service is in service.

A process is a `Life`: it counts the moments before and after each call of a port, and those that an adapter tells of inside a call; at the
chosen one it ends, and nothing that it still does reaches the world. New adapters over the same memory then sweep, and the verb is typed
again. Each moment is tried alone, and with a second death in the sweep after it.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from drtool.catalog import manifest as manifests
from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.engine.adapters import Adapters
from drtool.engine.execute import execute
from drtool.engine.natives import Natives, stores_of
from drtool.engine.observe import observe
from drtool.model.command import Command, Completed
from drtool.model.event import Event, EventKind
from drtool.model.hold import active_holds
from drtool.model.plan import Answer, Destination, Plan
from drtool.model.policy import (
    Address,
    BackupSet,
    CopyPolicy,
    DrillPolicy,
    Policy,
    Protect,
    RepositoryPolicy,
    Retention,
    Sandbox,
    Settings,
    SourcePolicy,
)
from drtool.model.secret import Secret, SecretReference
from drtool.model.workload import NATIVE, Leftover
from drtool.planning.backup import plan_run
from drtool.planning.drill import plan_drill
from drtool.planning.limits import Limits
from drtool.planning.prune import plan_prune
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.sweep import plan_sweep
from drtool.ports import Check, Owner, Piped, Question, Runner, RunningCommand, Source
from drtool.process import Interrupt
from drtool.repositories.append_only import AppendOnly
from drtool.runners.local import LocalRunner
from drtool.sources.sandbox_only import SandboxOnly
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_repository import MemoryRepository, Storage

BY: Final = "contract"
SET: Final = "documents"
VERBS: Final = ("run", "restore", "drill", "prune", "sweep")
KILL_POINTS: Final = "kill points in memory"
_MIDDLE: Final = ("after source.export is opened", "after source.land is opened")
_LOOKS: Final = frozenset({"find", "stat", "df", "id", "test", "realpath", "cat", "sha256sum", "xargs"})
_NEVER: Final = SecretReference("env", "NOBODY_ASKS_FOR_THIS")


class Killed(BaseException):
    """A process ended here, without a word."""


class Life:
    """One process: counts its moments, and ends at the one that it was told; 0: it lives on."""

    def __init__(self, *, ends_at: int = 0) -> None:
        self.over = False
        self.moments: list[str] = []
        self._ends_at = ends_at
        self._open: list[AbstractContextManager[object]] = []

    def moment(self, words: str) -> None:
        """Die here if it is time; who is dead already stays so, whatever tries to go on."""
        if not self.over:
            self.moments.append(words)
            self.over = len(self.moments) == self._ends_at
        if self.over:
            raise Killed(words)

    def leave_open(self, opened: AbstractContextManager[object]) -> None:
        """Keep what a dead process had open, so that nobody closes it: closing is tidying up."""
        self._open.append(opened)

    def forget(self, opened: object) -> None:
        """It is closed in order."""
        self._open = [each for each in self._open if each is not opened]

    def close(self) -> None:
        """Close it after all, as the last thing."""
        while self._open:
            with contextlib.suppress(BaseException):
                self._open.pop().__exit__(None, None, None)


class Mortal:
    """Anything whose calls are moments of a life."""

    def __init__(self, inner: Any, life: Life, name: str) -> None:  # noqa: ANN401 - whatever port it is
        self._inner, self._life, self._name = inner, life, name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as it is there
        value = getattr(self._inner, name)
        if not callable(value):
            return value
        if name == "stores":  # each is a port of its own
            return lambda: tuple(Mortal(store, self._life, "store") for store in value())

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as it is there
            self._life.moment(f"before {self._name}.{name}")
            answer = value(*map(_bare, arguments), **{key: _bare(each) for key, each in named.items()})
            self._life.moment(f"after {self._name}.{name}")
            return _Opened(answer, self._life, f"{self._name}.{name}") if hasattr(answer, "__enter__") else answer

        return call


class MortalRunner:
    """A runner whose commands are moments, but those that only look."""

    def __init__(self, runner: Runner, life: Life) -> None:
        self._runner, self._life = runner, life
        self.name = runner.name

    def run(self, command: Command, **named: Any) -> Completed:  # noqa: ANN401 - as the port has it
        self._moment("before", command)
        done = self._runner.run(command, **named)
        self._moment("after", command)
        return done

    def pipe(self, command: Command, **named: Any) -> Piped:  # noqa: ANN401 - likewise
        self._moment("before", command)
        done = self._runner.pipe(command, **named)
        self._moment("after", command)
        return done

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return self._runner.find(label_prefix)

    def end(self, commands: Iterable[RunningCommand]) -> None:
        self._runner.end(commands)

    def host_name(self) -> str:
        return self._runner.host_name()

    def owner(self, handle: str) -> Owner:
        return self._runner.owner(handle)

    def _moment(self, when: str, command: Command) -> None:
        if self._life.over or not _only_looks(command):
            self._life.moment(f"{when} {' '.join(command.argv)[:120]}")


def _only_looks(command: Command) -> bool:
    return command.argv[0] in _LOOKS and not {"-delete", "-exec"} & {*command.argv}


class _Opened:
    """A context manager whose opening and closing are moments too."""

    def __init__(self, inner: Any, life: Life, name: str) -> None:  # noqa: ANN401 - whatever is opened
        self._inner, self._life, self._name = inner, life, name

    def __enter__(self) -> Any:  # noqa: ANN401 - as it is there
        self._life.moment(f"before {self._name} is opened")
        self._life.leave_open(self._inner)
        answer = self._inner.__enter__()
        self._life.moment(f"after {self._name} is opened")
        return answer

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if self._life.over:
            return False
        self._life.moment(f"before {self._name} is closed")
        self._life.forget(self._inner)
        swallowed = bool(self._inner.__exit__(kind, error, trace))
        self._life.moment(f"after {self._name} is closed")
        return swallowed


def _bare(thing: object) -> object:
    return thing._inner if isinstance(thing, Mortal) else thing  # noqa: SLF001 - its own


class Platform(ABC):
    """What a platform gives to be killed on: its memory outlives every process, and is looked at past the adapter."""

    name: str
    kind: str
    selector: Settings
    place: Settings
    """The keys of a sandbox."""
    keeps_aside = True
    """Whether what was in the way is kept: a program that loads a stream keeps nothing."""
    quiesces = False
    """Whether its set is held still while its snapshots are taken; what is held still is one of the `traces`."""

    @abstractmethod
    def source(self, life: Life) -> Source:
        """Return a fresh adapter over the memory; what it does inside a call may be moments of the life too."""

    @abstractmethod
    def in_service(self) -> object:
        """Return what is in service, as a value that compares and stays as it is."""

    @abstractmethod
    def spoil(self) -> None:
        """Damage what is in service."""

    @abstractmethod
    def kept(self, locator: str) -> object:
        """Return what is kept aside there, as `in_service` would tell of it."""

    @abstractmethod
    def traces(self) -> frozenset[str]:
        """Return whatever is there beside what is in service and what is kept aside, by names that compare; not asked of the adapter."""

    def natives(self) -> frozenset[str]:
        """Return the locators of what it keeps itself in our name; not asked of the adapter."""
        return frozenset()

    @abstractmethod
    def shape(self) -> object:
        """Tell how everything in the memory stands, whatever runs and places are called: worlds of one shape are settled once."""

    @abstractmethod
    def save(self) -> object:
        """Return the memory as it is."""

    @abstractmethod
    def load(self, saved: object) -> None:
        """Bring the memory back to how it was."""


class _StandsThere:
    """Answers for the census: what was restored is looked at by the contract itself, past every adapter."""

    kind = "census"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        del question
        return Answer(passed=True, expected="it stands there", observed="it does", compared=1)

    def spoil(self, question: Question, fault: object) -> Question | None:
        del question, fault
        return None


@dataclass(slots=True)
class World:
    """A platform, two repositories, and who died or ended in it."""

    platform: Platform
    state: Path
    clock: FixedClock = field(default_factory=FixedClock)
    storages: dict[str, Storage] = field(default_factory=lambda: {"near": Storage(), "offsite": Storage()})
    dead: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    lives: list[Life] = field(default_factory=list)
    original: object = None
    """What was in service when the points were made."""

    @property
    def policy(self) -> Policy:
        """One set of the platform in both repositories, a sandbox and a drill."""
        name = self.platform.name
        repositories = {each: RepositoryPolicy(each, Address(each, _NEVER), each) for each in self.storages}
        documents = BackupSet(
            SET,
            (Protect(name, self.platform.selector),),
            "near",
            Retention(last=2),
            copies=(CopyPolicy("offsite", Retention(last=2)),),
            quiesce=timedelta(seconds=30) if self.platform.quiesces else None,
        )
        return Policy(
            BY,
            "home",
            repositories,
            {name: SourcePolicy(name, self.platform.kind, "home")},
            {SET: documents},
            {"lab": Sandbox("lab", timedelta(hours=1), {name: self.platform.place})},
            {"proof": DrillPolicy("proof", (SET,), "offsite", "lab")},
        )

    def adapters(self, life: Life) -> Adapters:
        """Return everything anew, over the same memory: what a process has that starts now."""
        self.lives.append(life)
        policy = self.policy
        source, natives = self.platform.source(life), self._natives()
        sources: dict[str, Any] = {self.platform.name: Mortal(source, life, "source")}
        repositories: dict[str, Any] = {
            name: Mortal(
                MemoryRepository(
                    name=name,
                    by=BY,
                    storage=storage,
                    clock=self.clock,
                    site=name,
                    before_change=life.moment,
                    complete=natives.complete,
                ),
                life,
                name,
            )
            for name, storage in self.storages.items()
        }
        checks: dict[str, Check] = {"census": _StandsThere()}
        return Adapters(
            policy=policy,
            sources=sources,
            repositories=repositories,
            checks=checks,
            clock=self.clock,
            local=LocalRunner(),
            evidence=EvidenceFolder(str(self.state), key=None, resolve=_no_secret),
            read_only={name: AppendOnly(each) for name, each in repositories.items()},
            sandbox_only={name: SandboxOnly(each) for name, each in sources.items()},
            natives=natives,
        )

    def _natives(self) -> Natives:
        """Return what completes listings, past every process: to look is no moment of a life."""
        stores = stores_of([self.platform.source(Life())])
        return Natives(lambda: stores)

    def plan(self, verb: str) -> Plan:
        """Decide on paper what a verb does in this world."""
        adapters, policy = self.adapters(Life()), self.policy
        now, run = self.clock.now(), self.clock.fresh_id()
        if verb == "prune":
            return plan_prune(policy, repositories=self.storages, now=now, run=run)
        if verb in ("sweep", "sweep --kept"):
            return self._plan_sweep(adapters, run, kept=verb != "sweep")
        if verb == "run":
            found = observe(adapters, sets=(SET,), repositories=self.storages)
            return plan_run(policy, found, sets=(SET,), now=now, run=run, points={SET: self.clock.fresh_id()})
        newest = adapters.repositories["offsite"].list().points[-1]
        read = manifests.read(adapters.repositories["offsite"].read(newest.manifest), digest=newest.digest)
        if verb == "drill":
            drill = policy.drills["proof"]
            return plan_drill(policy, drill, manifests={SET: read}, repository="offsite", now=now, declared=now, run=run)
        request = RestoreRequest((SET,), Destination("original"))
        return plan_restore(policy, request, manifests={SET: read}, copies={SET: ("near", "offsite")}, now=now, declared=now, run=run)

    def _plan_sweep(self, adapters: Adapters, run: str, *, kept: bool) -> Plan:
        found = observe(adapters, repositories=self.storages, leftovers=True)
        assert not found.unasked, found.unasked
        return plan_sweep(
            found.leftovers,
            run=run,
            now=self.clock.now(),
            by=BY,
            dead_runs=self.dead,
            live_runs=frozenset(),
            ended_runs=self.ended,
            kept=kept,
            unsealed={name: listing.unsealed for name, listing in found.repositories.items()},
            holds={name: listing.holds for name, listing in found.repositories.items()},
            claims=found.claims,
        )

    def live(self, verb: str, *, ends_at: int = 0) -> Life:
        """Carry a verb out in a process of its own, which may die on the way; one that lives must succeed."""
        self.clock.advance(timedelta(minutes=1))
        plan, life = self.plan(verb), Life(ends_at=ends_at)
        adapters = self.adapters(life)
        told: list[Event] = []

        def emit(kind: EventKind, step: str, data: Mapping[str, object]) -> None:
            told.append(Event(kind, plan.run, self.clock.now(), self.clock.monotonic(), step, data))

        if verb == "drill":
            adapters = adapters.for_drill()
        with contextlib.suppress(Killed):
            execute(plan, adapters, emit=emit, interrupt=Interrupt(), limits=Limits(workers=1), events=lambda: tuple(told))
        if life.over:
            self.dead |= {plan.run}
            return life
        self.ended |= {plan.run}
        failures = [event for event in told if event.kind is EventKind.STEP_ENDED and {"failure", "not_run"} & event.data.keys()]
        assert not failures, f"{verb} did not succeed: {failures}"
        return life

    def listing(self, name: str) -> Any:  # noqa: ANN401 - a Listing
        """Look into a repository past every process."""
        return self._repository(name).list()

    def claimed(self) -> frozenset[str]:
        """Return the locators of what manifests name at the platform, past every process."""
        claims = self._natives().claims(map(self.listing, self.storages), {name: self._repository(name) for name in self.storages})
        assert claims is not None, "there is a manifest that cannot be read"
        return frozenset(locator for _store, locator in claims)

    def _repository(self, name: str) -> MemoryRepository:
        natives = self._natives()
        return MemoryRepository(name=name, by=BY, storage=self.storages[name], clock=self.clock, complete=natives.complete)

    def signature(self) -> str:
        """Tell worlds apart by what is in them, whatever the runs are called."""
        tags = [sorted(map(_anonymous, map(str, entry["tags"]))) for each in self.storages.values() for entry in each.snapshots.values()]  # type: ignore[call-overload]
        left = sorted((each.what, each.by) for each in self.leftovers())
        data = [len(each.trees) for each in self.storages.values()]
        return repr((sorted(tags), data, left, self.platform.shape(), self.platform.in_service()))

    def leftovers(self) -> tuple[Leftover, ...]:
        """Ask a fresh adapter what is labelled."""
        return self.platform.source(Life()).leftovers((self.platform.place,))

    def kept(self) -> list[object]:
        """Return all that is kept aside."""
        return [self.platform.kept(each.locator) for each in self.leftovers() if each.what == "kept"]

    def save(self) -> tuple[object, ...]:
        """Return everything as it is."""
        signed = {path: path.read_bytes() for path in self.state.rglob("*") if path.is_file()}
        return (self.platform.save(), deepcopy((self.storages, self.clock)), signed, self.dead, self.ended)

    def load(self, saved: tuple[Any, ...]) -> None:
        """Bring everything back to how it was."""
        platform, stored, signed, self.dead, self.ended = saved
        self.platform.load(platform)
        self.storages, self.clock = deepcopy(stored)
        for path in [path for path in self.state.rglob("*") if path.is_file()]:
            if path not in signed:
                path.unlink()
        for path, body in signed.items():
            path.write_bytes(body)

    def bury(self) -> None:
        """Close what dead processes had open; all is looked at by now."""
        for life in self.lives:
            life.close()


def _anonymous(tag: str) -> str:
    return tag if tag.startswith(("role=", "set=", "complete=")) else ""


def _no_secret(reference: SecretReference) -> Secret:
    raise AssertionError(f"nothing here asks for {reference}")


class KillContract(ABC):
    """What every platform promises of dying; inherit it and give a `platform` fixture."""

    twice = True
    """Whether each death is followed by another in every moment of the sweep after it."""

    @pytest.fixture
    @abstractmethod
    def platform(self, tmp_path: Path) -> Platform:
        """Return a platform with something in service."""

    @pytest.mark.parametrize("verb", VERBS)
    def test_killed_at_every_moment(
        self, platform: Platform, tmp_path: Path, verb: str, record_property: Callable[[str, object], None]
    ) -> None:
        tried = kill_everywhere(platform, tmp_path / "state", verb, twice=self.twice)
        record_property(KILL_POINTS, tried.deaths)
        assert tried.deaths > 3
        assert not tried.problems, f"{len(tried.problems)} of {tried.deaths} deaths:\n\n" + "\n\n".join(tried.problems[:5])


@dataclass(slots=True)
class Tried:
    """How many deaths were tried, how many of them left a world of their own, and what was wrong after them."""

    deaths: int = 0
    worlds: int = 0
    problems: list[str] = field(default_factory=list)


def kill_everywhere(platform: Platform, state: Path, verb: str, *, twice: bool, since: str = "", stop: bool = False) -> Tried:
    """Kill a verb at each of its moments, and the sweep after it at each of its own; settle each world that differs from all others.

    `since` leaves out the moments before the one with these words; with `stop` the first problem is enough.
    """
    world = make_world(platform, state)
    try:
        return _kill_everywhere(world, verb, twice=twice, since=since, stop=stop)
    finally:
        world.bury()


def _kill_everywhere(world: World, verb: str, *, twice: bool, since: str, stop: bool) -> Tried:
    old, whole = prepare(world, verb), world.platform.traces()
    new = old if verb != "restore" else world.original
    saved = world.save()
    undisturbed = world.live(verb)
    tried, seen = Tried(), set[str]()
    first = undisturbed.moments.index(since) + 1 if since else 1
    for number in range(first, len(undisturbed.moments) + 1):
        if stop and tried.problems:
            break
        world.load(saved)
        life = world.live(verb, ends_at=number)
        assert life.over, f"it came to its end before moment {number}, which is the other time: {undisturbed.moments[number - 1]}"
        tried.deaths += 1
        where = f"{verb} died {life.moments[-1]} ({number})"
        if (found := world.signature()) in seen:
            continue
        seen.add(found)
        left = world.save()
        sweep = settle(world, tried, verb, (life,), old=old, new=new, where=where, traces=whole)
        for second in range(1, len(sweep) + 1) if twice else ():
            world.load(left)
            again = world.live("sweep", ends_at=second)
            tried.deaths += 1
            if not again.over or (found := world.signature()) in seen:
                continue
            seen.add(found)
            words = f"{where}, then the sweep {again.moments[-1]} ({second})"
            settle(world, tried, verb, (life, again), old=old, new=new, where=words, traces=whole)
    tried.worlds = len(seen)
    return tried


def make_world(platform: Platform, state: Path) -> World:
    """Return a world with two points in each of two repositories."""
    state.mkdir()
    world = World(platform, state)
    for name, storage in world.storages.items():
        MemoryRepository(name=name, by=BY, storage=storage, clock=world.clock).initialise()
    world.original = platform.in_service()
    for _point in range(2):
        world.live("run")
    return world


def prepare(world: World, verb: str) -> object:
    """Bring the world to where this verb has the most to do, and return what is in service then."""
    if verb == "restore":
        world.platform.spoil()
    if verb == "sweep":
        for other in ("run", "drill"):
            saved = world.save()
            moments = world.live(other).moments
            middle = next(number for number, words in enumerate(moments, start=1) if words in _MIDDLE)
            world.load(saved)
            assert world.live(other, ends_at=middle).over
    return world.platform.in_service()


def settle(
    world: World, tried: Tried, verb: str, lives: tuple[Life, ...], *, old: object, new: object, where: str, traces: frozenset[str]
) -> tuple[str, ...]:
    """Let the next process sweep and type the verb again, and look at everything; returns the moments of the sweep."""
    sweep: tuple[str, ...] = ()
    try:
        sweep = tuple(world.live("sweep").moments)
        _assert_settled(world, traces if verb != "sweep" else frozenset(), where="after the sweep")
        there, kept = world.platform.in_service(), world.kept()
        assert there in (old, new), f"neither the old nor the new is in service, but {there!r}"
        if verb == "restore":
            done = "after source.cutover" in lives[0].moments
            assert not done or there == new, "its cutover had ended, and what was restored is not in service"
            assert kept == ([old] if there == new and world.platform.keeps_aside else []), f"kept aside is {kept!r}"
        world.live(verb)
        assert world.platform.in_service() == new, "the verb was typed again, and what should be in service is not"
        assert verb != "restore" or not world.platform.keeps_aside or old in world.kept(), "what was in the way is gone"
        world.live("sweep")
        _assert_settled(world, frozenset(), where="after the verb was typed again", forgetting=False)
        world.live("sweep --kept")
        left = [each for each in world.leftovers() if each.what != NATIVE]
        assert not left, f"still labelled: {left}"
        assert world.platform.in_service() == new
    except AssertionError as error:
        tried.problems.append(f"{where}: {error}")
    return sweep


def _assert_settled(world: World, traces: frozenset[str], *, where: str, forgetting: bool = True) -> None:
    """Look at everything; with `forgetting` a point may have lost what its platform kept: that goes first, and the next run goes on."""
    left = [each for each in world.leftovers() if each.what not in ("kept", NATIVE)]
    assert not left, f"{where} there is still {left}"
    found = world.platform.traces() - traces
    assert not found, f"{where} somebody must tidy up by hand: {sorted(found)}"
    there, claimed = world.platform.natives(), world.claimed()
    assert there <= claimed, f"{where} the platform keeps what no manifest names: {sorted(there - claimed)}"
    assert forgetting or claimed <= there, f"{where} manifests name what is gone: {sorted(claimed - there)}"
    for name in world.storages:
        listing = world.listing(name)
        assert listing.unsealed == (), f"{where} {name} holds what was never sealed"
        whole = [point for point in listing.points if point.counts]
        begun = [point for point in listing.points if forgetting and point.stored and point.native.gone]
        assert len(whole) + len(begun) == len(listing.points), f"{where} {name} has a point that is not whole"
        assert len(whole) >= 2, f"{where} {name} has lost points"
        pins = [hold for hold in active_holds(listing.holds, world.clock.now()) if hold.run in world.dead | world.ended]
        assert not pins, f"{where} {name} is still held by {pins}"
