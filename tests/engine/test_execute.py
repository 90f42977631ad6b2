"""The one loop, with real commands as steps."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool import process
from drtool.catalog.runs import Runs
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.clock import SystemClock
from drtool.engine.execute import execute
from drtool.engine.retry import attempt
from drtool.engine.session import RunSession
from drtool.engine.sweep import settle_dead_runs, started_by_a_dead_run
from drtool.model.command import Command
from drtool.model.errors import Interrupted, Refused, TimedOut, Unavailable
from drtool.model.event import Event, EventKind
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Prune, RunHook, Step
from drtool.model.policy import Hook, Policy, SourcePolicy
from drtool.planning.limits import Limits
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def adapters() -> Adapters:
    source = SourcePolicy("here", "files", "home")
    policy = Policy("home", "home", {}, {"here": source}, {})
    clock = SystemClock()
    here = FilesSource(policy=source, by="home", runner=LocalRunner(), clock=clock, watch=())
    return Adapters(policy, {"here": here}, {}, {}, clock, LocalRunner())


def hook(name: str, script: str, *, always: bool = False, timeout: float = 60, **keys: tuple[str, ...]) -> Step:
    action = RunHook("after" if always else "before", Hook(("sh", "-c", script), "here", timedelta(seconds=timeout)))
    return Step(name, action, "", set="documents", always=always, **keys)  # type: ignore[arg-type]


def plan(*steps: Step) -> Plan:
    return Plan("run", SystemClock().fresh_id(), "home", NOW, steps)


class Heard:
    """What was emitted."""

    def __init__(self, then: Callable[[EventKind, str], None] | None = None) -> None:
        self.events: list[tuple[EventKind, str, Mapping[str, object]]] = []
        self._then = then

    def __call__(self, kind: EventKind, step: str, data: Mapping[str, object]) -> None:
        self.events.append((kind, step, data))
        if self._then is not None:
            self._then(kind, step)

    def order(self, kind: EventKind) -> list[str]:
        return [step for each, step, _data in self.events if each is kind]

    def end(self, step: str) -> Mapping[str, object]:
        (data,) = [data for kind, name, data in self.events if kind is EventKind.STEP_ENDED and name == step]
        return data


def test_order_and_needs(adapters: Adapters) -> None:
    heard = Heard()
    steps = (hook("c", "true", needs=("b",)), hook("b", "sleep 0.2", after=("a",)), hook("a", "false"), hook("d", "true", needs=("a",)))
    results = execute(plan(*steps), adapters, emit=heard, interrupt=process.Interrupt())
    assert set(results) == {"b", "c"}
    assert heard.order(EventKind.STEP_STARTED) == ["a", "b", "c"]
    assert heard.end("d")["not_run"] == "a did not succeed"
    failure = heard.end("a")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "Refused"


def test_what_is_always_done_is_done_whatever_happened(adapters: Adapters) -> None:
    heard = Heard()
    bug = Step("bug", Prune("there is no such repository"), "")
    results = execute(plan(bug, hook("release", "true", always=True, after=("bug",))), adapters, emit=heard, interrupt=process.Interrupt())
    failure = heard.end("bug")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "Bug"
    assert "KeyError" in str(failure["traceback"])
    assert set(results) == {"release"}


def test_limits(adapters: Adapters) -> None:
    running = 0
    most = 0

    def count(kind: EventKind, _step: str) -> None:
        nonlocal running, most
        running += {EventKind.STEP_STARTED: 1, EventKind.STEP_ENDED: -1}.get(kind, 0)
        most = max(most, running)

    steps = [hook(str(number), "sleep 0.1", uses=("repository:near",)) for number in range(6)]
    execute(plan(*steps), adapters, emit=Heard(count), interrupt=process.Interrupt(), limits=Limits(resources={"repository:near": 2}))
    assert most == 2


def test_a_plan_brings_its_own_limits_and_a_step_that_is_alone(adapters: Adapters) -> None:
    under_way: set[str] = set()
    together: set[frozenset[str]] = set()

    def count(kind: EventKind, step: str) -> None:
        if kind is EventKind.STEP_STARTED:
            under_way.add(step)
        elif kind is EventKind.STEP_ENDED:
            under_way.discard(step)
        together.add(frozenset(under_way))

    on_node = [hook(f"on {number}", "sleep 0.1", uses=("source:here", "source:here/one")) for number in range(3)]
    elsewhere = hook("elsewhere", "sleep 0.3", uses=("source:here",))
    alone = replace(hook("alone", "sleep 0.1", uses=("repository:near",)), alone=True)
    beside = hook("beside", "sleep 0.1", uses=("repository:near",))
    asked = replace(plan(*on_node, elsewhere, alone, beside), limits={"source:here/one": 1})
    execute(asked, adapters, emit=Heard(count), interrupt=process.Interrupt())
    assert not any({"alone", "beside"} <= each for each in together)
    assert max(len([name for name in each if name.startswith("on ")]) for each in together) == 1
    assert any(len(each) > 1 for each in together)


def test_interrupt_stops_work_and_still_releases(adapters: Adapters) -> None:
    interrupt = process.Interrupt()
    heard = Heard(lambda kind, step: interrupt.request(signal.SIGTERM) if (kind, step) == (EventKind.COMMAND_STARTED, "work") else None)
    steps = (hook("work", "sleep 60"), hook("more", "true", after=("work",)), hook("release", "sleep 0.5", always=True, after=("work",)))
    time.monotonic()
    results = execute(plan(*steps), adapters, emit=heard, interrupt=interrupt)
    assert set(results) == {"release"}
    assert heard.end("more")["not_run"] == "the run was told to stop"
    failure = heard.end("work")["failure"]
    assert isinstance(failure, dict)
    assert failure["what"].startswith("drtool was told to stop while running the hook")
    (told,) = [data for kind, _step, data in heard.events if kind is EventKind.NOTED]
    assert str(told["text"]).startswith(
        ("told to stop: running the hook", "told to stop: nothing more is begun")
    )  # it may have ended by then


def test_a_stop_while_nothing_is_running_is_told_in_words(adapters: Adapters) -> None:
    interrupt, heard = process.Interrupt(), Heard()
    interrupt.request(signal.SIGINT)
    execute(plan(hook("work", "true")), adapters, emit=heard, interrupt=interrupt)
    (told,) = [data for kind, _step, data in heard.events if kind is EventKind.NOTED]
    assert str(told["text"]).startswith("told to stop: nothing more is begun, then what this run made is tidied up")


def test_a_second_request_stops_the_release_too(adapters: Adapters) -> None:
    interrupt = process.Interrupt()
    interrupt.request(signal.SIGINT)
    threading.Timer(0.5, interrupt.request, args=(signal.SIGINT,)).start()
    time.monotonic()
    assert execute(plan(hook("release", "sleep 60", always=True)), adapters, emit=Heard(), interrupt=interrupt) == {}


def test_a_deadline_is_for_work_and_not_for_release(adapters: Adapters) -> None:
    heard = Heard()
    steps = (hook("work", "sleep 60"), hook("release", "sleep 0.3", always=True, after=("work",)))
    results = execute(plan(*steps), adapters, emit=heard, interrupt=process.Interrupt(), deadline=time.monotonic() + 0.3)
    assert set(results) == {"release"}
    failure = heard.end("work")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "TimedOut"


def test_attempts_end_with_their_window() -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(time.monotonic())
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        attempt(call, clock=SystemClock(), window_seconds=2, on_retry=lambda _error, _seconds: None)
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(Refused):
        attempt(lambda: (_ for _ in ()).throw(Refused("no")), clock=SystemClock(), window_seconds=2, on_retry=lambda _error, _seconds: None)


def test_attempts_end_with_the_deadline_of_the_run() -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(time.monotonic())
        raise Unavailable("away", hint="look", safe="all")

    clock = FixedClock()
    with process.scope(process.Scope(deadline=clock.monotonic() + 2)), pytest.raises(TimedOut, match="away; the deadline comes") as raised:
        attempt(call, clock=clock, window_seconds=600, on_retry=lambda _error, _seconds: None)
    assert len(calls) == 3, "after 0, 0.5 and 1.5 s; the next would be after 3.5"
    assert (raised.value.hint, raised.value.safe) == ("look", "all")


def test_what_asks_too_long_is_told_from_the_deadline() -> None:
    error = TimedOut("too long")
    process.raise_at_deadline(error)
    with process.scope(process.Scope(deadline=time.monotonic() + 60)):
        process.raise_at_deadline(error)
    with process.scope(process.Scope(deadline=time.monotonic() - 1)):
        process.raise_at_deadline(OSError("refused"))
        with pytest.raises(TimedOut):
            process.raise_at_deadline(error)


def test_waiting_is_interrupted() -> None:
    interrupt = process.Interrupt()
    threading.Timer(0.2, interrupt.request, args=(signal.SIGTERM,)).start()
    with process.scope(process.Scope(interrupt=interrupt)), pytest.raises(Interrupted):
        SystemClock().sleep(60)


def session(adapters: Adapters, state: Path, *listeners: Callable[[Event], None]) -> RunSession:
    return RunSession(adapters, str(state), process.Interrupt(), listeners)


def test_a_listener_that_raises_stops_nothing(adapters: Adapters, tmp_path: Path) -> None:
    def closed_terminal(_event: Event) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    heard: list[Event] = []
    report = session(adapters, tmp_path, closed_terminal, heard.append).carry_out(
        plan(hook("work", "true"), hook("release", "true", always=True))
    )
    assert report.outcome is Outcome.SUCCEEDED
    assert heard[-1].kind is EventKind.RUN_ENDED
    (note,) = report.notes
    assert "closed_terminal raised BrokenPipeError: [Errno 32] Broken pipe" in note
    assert [folder.report() for folder in Runs(str(tmp_path)).all()] == [report]


def test_a_listener_that_raises_at_the_very_end_is_told_too(adapters: Adapters, tmp_path: Path) -> None:
    def full(event: Event) -> None:
        if event.kind is EventKind.RUN_ENDED:
            raise OSError(28, "No space left on device")

    report = session(adapters, tmp_path, full).carry_out(todo := plan(hook("work", "true")))
    assert [note for note in report.notes if "No space left" in note]
    folder = Runs(str(tmp_path)).folder(todo.run)
    assert folder.report() == report
    assert Runs(str(tmp_path)).ended() == {todo.run}


def test_a_run_is_written_down_and_closed(adapters: Adapters, tmp_path: Path) -> None:
    report = session(adapters, tmp_path).carry_out(todo := plan(hook("work", "true")))
    folder = Runs(str(tmp_path)).folder(todo.run)
    assert folder.report() == report
    assert Runs(str(tmp_path)).ended() == {todo.run}
    pid = next(event.data["pid"] for event in folder.events() if event.kind is EventKind.COMMAND_STARTED)
    assert started_by_a_dead_run(str(tmp_path), pid, report.started)
    assert not started_by_a_dead_run(str(tmp_path), pid, report.started - timedelta(hours=1)), "that process was another's"
    assert not started_by_a_dead_run(str(tmp_path), pid + 1, report.started)
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700


def test_a_dead_run_owes_its_after_hooks_once(adapters: Adapters, tmp_path: Path) -> None:
    """A hook that fails stays owed; one that succeeded is not repeated."""
    flag, said = tmp_path / "flag", tmp_path / "said"
    state = tmp_path / "state"
    todo = plan(
        hook("before", "true"),
        hook("after", f"test -e {flag} && echo after >> {said}", always=True, after=("before",)),
        hook("done", f"echo done >> {said}", always=True, after=("before",)),
    )
    session(adapters, state).carry_out(todo)
    assert said.read_text() == "done\n"
    Path(Runs(str(state)).folder(todo.run).lock).touch()  # as if it had been killed before its end
    first = settle_dead_runs(str(state), adapters)
    assert first.dead == {todo.run}
    assert len(first.failures) == 1
    flag.touch()
    assert settle_dead_runs(str(state), adapters).failures == ()
    assert said.read_text() == "done\nafter\n"
    assert settle_dead_runs(str(state), adapters).dead == frozenset()
    assert said.read_text() == "done\nafter\n"


def test_a_dead_run_whose_work_had_not_begun_owes_nothing(adapters: Adapters, tmp_path: Path) -> None:
    todo = plan(hook("before", "true"), hook("after", f"touch {tmp_path}/said", always=True))
    folder = Runs(str(tmp_path / "state")).create(todo.run)
    folder.save_plan(todo)
    Path(folder.lock).touch()
    settled = settle_dead_runs(str(tmp_path / "state"), adapters)
    assert settled.dead == {todo.run}
    assert not (tmp_path / "said").exists()
    assert folder.events()[-1].kind is EventKind.RUN_ENDED


def test_what_a_dead_run_left_running_is_ended(adapters: Adapters, tmp_path: Path) -> None:
    todo = plan(hook("work", "true"))
    folder = Runs(str(tmp_path)).create(todo.run)
    folder.save_plan(todo)
    Path(folder.lock).touch()
    started = threading.Event()

    def orphan() -> None:
        with process.scope(process.Scope(label=f"{todo.run}/work", on_start=lambda _pid, _program: started.set())):
            LocalRunner().run(Command(("sleep", "60")))

    thread = threading.Thread(target=orphan)
    thread.start()
    assert started.wait(5)
    time.sleep(0.2)
    settle_dead_runs(str(tmp_path), adapters)
    thread.join(10)
    assert not thread.is_alive()
    pids = [event.data["pid"] for event in folder.events() if event.kind is EventKind.COMMAND_STARTED]
    assert len(pids) == 1
    assert started_by_a_dead_run(str(tmp_path), pids[0], datetime.now(UTC))


def test_what_locks_a_repository_is_alone_there(adapters: Adapters) -> None:
    """Two of ours at once would keep each other out; they fail here for want of a repository, one after the other."""
    running: set[str] = set()
    together: list[set[str]] = []

    def watch(kind: EventKind, step: str) -> None:
        if kind is EventKind.STEP_STARTED:
            running.add(step)
            together.append(set(running))
        elif kind is EventKind.STEP_ENDED:
            running.discard(step)

    near = ("repository:near",)
    prunes = [Step(f"prune/{number}", Prune("near"), "", uses=near, alone=True) for number in range(3)]
    steps = (hook("a", "sleep 0.3", uses=near), hook("b", "sleep 0.3", uses=near), *prunes, hook("c", "true", uses=near))
    execute(plan(*steps), adapters, emit=Heard(watch), interrupt=process.Interrupt())
    assert {"a", "b"} in together
    assert not [names for names in together if len(names) > 1 and any(name.startswith("prune") for name in names)]


@pytest.mark.parametrize("needs_state", [True, False])
def test_an_unwritable_state_directory(
    adapters: Adapters, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, needs_state: bool
) -> None:
    (tmp_path / "file").write_text("")
    todo = plan(hook("work", "true"))
    if needs_state:
        with pytest.raises(Refused, match="cannot be written"):
            session(adapters, tmp_path / "file").carry_out(todo)
    else:
        assert session(adapters, tmp_path / "file").carry_out(todo, needs_state=False).outcome is Outcome.SUCCEEDED
        assert '"run_ended"' in capsys.readouterr().err


def test_a_step_is_stopped_when_what_it_is_carried_out_beside_fails(adapters: Adapters) -> None:
    """Both in the middle and before it begins; what comes behind it does not run, and what is always done is."""
    heard = Heard()
    steps = (
        hook("pin", "sleep 0.3; false"),
        hook("read", "sleep 60", beside=("pin",)),
        hook("later", "true", after=("pin",), beside=("pin",)),
        hook("exchange", "true", needs=("read", "pin")),
        hook("release", "true", always=True, after=("read",)),
    )
    results = execute(plan(*steps), adapters, emit=heard, interrupt=process.Interrupt())
    assert set(results) == {"release"}
    assert heard.order(EventKind.STEP_STARTED)[:2] == ["pin", "read"], "at once"
    failure = heard.end("read")["failure"]
    assert isinstance(failure, dict)
    assert (failure["kind"], failure["what"]) == ("NotFound", "it was stopped, as pin did not succeed")
    assert heard.end("later")["not_run"] == "pin did not succeed"
    assert "did not succeed" in str(heard.end("exchange")["not_run"])


def test_what_is_beside_goes_on_when_the_other_is_done(adapters: Adapters) -> None:
    heard = Heard()
    steps = (hook("pin", "true"), hook("read", "sleep 0.3", beside=("pin",)), hook("other", "sleep 0.1; false"))
    results = execute(plan(*steps), adapters, emit=heard, interrupt=process.Interrupt())
    assert set(results) == {"pin", "read"}


def test_what_is_stopped_because_a_step_beside_it_was_interrupted_is_interrupted_too(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that hears the signal first may have ended, and stopped the other, before that one looks."""
    interrupt, reading = process.Interrupt(), threading.Event()

    def interrupted(work: Work) -> None:
        own = process.current_scope().interrupt
        if work.step.id == "pin":
            assert reading.wait(10)
            interrupt.request(signal.SIGINT)
        else:
            reading.set()
            while not own.requests:
                time.sleep(0.01)
        raise Interrupted(signal_number=signal.SIGINT)

    monkeypatch.setattr("drtool.engine.execute.perform", interrupted)
    heard = Heard()
    execute(plan(hook("pin", "true"), hook("read", "true", beside=("pin",))), adapters, emit=heard, interrupt=interrupt)
    failure = heard.end("read")["failure"]
    assert isinstance(failure, Mapping)
    assert failure["kind"] == "Interrupted"


def test_a_signal_stops_what_is_beside_by_its_own_number(adapters: Adapters) -> None:
    interrupt = process.Interrupt()
    heard = Heard(lambda kind, step: interrupt.request(signal.SIGTERM) if (kind, step) == (EventKind.COMMAND_STARTED, "read") else None)
    execute(plan(hook("pin", "true"), hook("read", "sleep 60", beside=("pin",))), adapters, emit=heard, interrupt=interrupt)
    failure = heard.end("read")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "Interrupted"
