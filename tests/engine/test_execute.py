"""The one loop, with real commands as steps."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool import process
from drtool.catalog.runs import Runs
from drtool.engine.clock import SystemClock
from drtool.engine.execute import Limits, execute
from drtool.engine.hands import Hands
from drtool.engine.retry import attempt
from drtool.engine.session import Session
from drtool.engine.sweep import settle_dead_runs, started_by_a_dead_run
from drtool.model.command import Command
from drtool.model.errors import Interrupted, Refused, Unavailable
from drtool.model.event import Event, EventKind
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Prune, RunHook, Step
from drtool.model.policy import Hook, Policy, SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def hands() -> Hands:
    source = SourcePolicy("here", "files", "home")
    policy = Policy("home", "home", {}, {"here": source}, {})
    clock = SystemClock()
    here = FilesSource(policy=source, by="home", runner=LocalRunner(), clock=clock, watch=())
    return Hands(policy, {"here": here}, {}, {}, clock, LocalRunner())


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


def test_order_and_needs(hands: Hands) -> None:
    heard = Heard()
    steps = (hook("c", "true", needs=("b",)), hook("b", "sleep 0.2", after=("a",)), hook("a", "false"), hook("d", "true", needs=("a",)))
    results = execute(plan(*steps), hands, emit=heard, interrupt=process.Interrupt())
    assert set(results) == {"b", "c"}
    assert heard.order(EventKind.STEP_STARTED) == ["a", "b", "c"]
    assert heard.end("d")["not_run"] == "a did not succeed"
    failure = heard.end("a")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "Refused"


def test_what_is_always_done_is_done_whatever_happened(hands: Hands) -> None:
    heard = Heard()
    bug = Step("bug", Prune("there is no such repository"), "")
    results = execute(plan(bug, hook("release", "true", always=True, after=("bug",))), hands, emit=heard, interrupt=process.Interrupt())
    failure = heard.end("bug")["failure"]
    assert isinstance(failure, dict)
    assert failure["kind"] == "Bug"
    assert "KeyError" in str(failure["traceback"])
    assert set(results) == {"release"}


def test_limits(hands: Hands) -> None:
    running = 0
    most = 0

    def count(kind: EventKind, _step: str) -> None:
        nonlocal running, most
        running += {EventKind.STEP_STARTED: 1, EventKind.STEP_ENDED: -1}.get(kind, 0)
        most = max(most, running)

    steps = [hook(str(number), "sleep 0.1", uses=("repository:near",)) for number in range(6)]
    execute(plan(*steps), hands, emit=Heard(count), interrupt=process.Interrupt(), limits=Limits(resources={"repository:near": 2}))
    assert most == 2


def test_interrupt_stops_work_and_still_releases(hands: Hands) -> None:
    interrupt = process.Interrupt()
    heard = Heard(lambda kind, step: interrupt.request(signal.SIGTERM) if (kind, step) == (EventKind.COMMAND_STARTED, "work") else None)
    steps = (hook("work", "sleep 60"), hook("more", "true", after=("work",)), hook("release", "sleep 0.5", always=True, after=("work",)))
    time.monotonic()
    results = execute(plan(*steps), hands, emit=heard, interrupt=interrupt)
    assert set(results) == {"release"}
    assert heard.end("more")["not_run"] == "the run was told to stop"
    failure = heard.end("work")["failure"]
    assert isinstance(failure, dict)
    assert failure["what"].startswith("drtool was told to stop while running the hook")
    (told,) = [data for kind, _step, data in heard.events if kind is EventKind.NOTED]
    assert str(told["text"]).startswith(
        ("told to stop: running the hook", "told to stop: nothing more is begun")
    )  # it may have ended by then


def test_a_stop_while_nothing_is_running_is_told_in_words(hands: Hands) -> None:
    interrupt, heard = process.Interrupt(), Heard()
    interrupt.request(signal.SIGINT)
    execute(plan(hook("work", "true")), hands, emit=heard, interrupt=interrupt)
    (told,) = [data for kind, _step, data in heard.events if kind is EventKind.NOTED]
    assert str(told["text"]).startswith("told to stop: nothing more is begun, then what this run made is tidied up")


def test_a_second_request_stops_the_release_too(hands: Hands) -> None:
    interrupt = process.Interrupt()
    interrupt.request(signal.SIGINT)
    threading.Timer(0.5, interrupt.request, args=(signal.SIGINT,)).start()
    time.monotonic()
    assert execute(plan(hook("release", "sleep 60", always=True)), hands, emit=Heard(), interrupt=interrupt) == {}


def test_a_deadline_is_for_work_and_not_for_release(hands: Hands) -> None:
    heard = Heard()
    steps = (hook("work", "sleep 60"), hook("release", "sleep 0.3", always=True, after=("work",)))
    results = execute(plan(*steps), hands, emit=heard, interrupt=process.Interrupt(), deadline=time.monotonic() + 0.3)
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


def test_waiting_is_interrupted() -> None:
    interrupt = process.Interrupt()
    threading.Timer(0.2, interrupt.request, args=(signal.SIGTERM,)).start()
    with process.scope(process.Scope(interrupt=interrupt)), pytest.raises(Interrupted):
        SystemClock().sleep(60)


def session(hands: Hands, state: Path, *listeners: Callable[[Event], None]) -> Session:
    return Session(hands, str(state), process.Interrupt(), listeners)


def test_a_listener_that_raises_stops_nothing(hands: Hands, tmp_path: Path) -> None:
    def closed_terminal(_event: Event) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    heard: list[Event] = []
    report = session(hands, tmp_path, closed_terminal, heard.append).carry_out(
        plan(hook("work", "true"), hook("release", "true", always=True))
    )
    assert report.outcome is Outcome.SUCCEEDED
    assert heard[-1].kind is EventKind.RUN_ENDED


def test_a_run_is_written_down_and_closed(hands: Hands, tmp_path: Path) -> None:
    report = session(hands, tmp_path).carry_out(todo := plan(hook("work", "true")))
    folder = Runs(str(tmp_path)).folder(todo.run)
    assert folder.report() == report
    assert Runs(str(tmp_path)).ended() == {todo.run}
    pid = next(event.data["pid"] for event in folder.events() if event.kind is EventKind.COMMAND_STARTED)
    assert started_by_a_dead_run(str(tmp_path), pid, report.started)
    assert not started_by_a_dead_run(str(tmp_path), pid, report.started - timedelta(hours=1)), "that process was another's"
    assert not started_by_a_dead_run(str(tmp_path), pid + 1, report.started)
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700


def test_a_dead_run_owes_its_after_hooks_once(hands: Hands, tmp_path: Path) -> None:
    """A hook that fails stays owed; one that succeeded is not repeated."""
    flag, said = tmp_path / "flag", tmp_path / "said"
    state = tmp_path / "state"
    todo = plan(
        hook("before", "true"),
        hook("after", f"test -e {flag} && echo after >> {said}", always=True, after=("before",)),
        hook("done", f"echo done >> {said}", always=True, after=("before",)),
    )
    session(hands, state).carry_out(todo)
    assert said.read_text() == "done\n"
    Path(Runs(str(state)).folder(todo.run).lock).touch()  # as if it had been killed before its end
    first = settle_dead_runs(str(state), hands)
    assert first.dead == {todo.run}
    assert len(first.failures) == 1
    flag.touch()
    assert settle_dead_runs(str(state), hands).failures == ()
    assert said.read_text() == "done\nafter\n"
    assert settle_dead_runs(str(state), hands).dead == frozenset()
    assert said.read_text() == "done\nafter\n"


def test_a_dead_run_whose_work_had_not_begun_owes_nothing(hands: Hands, tmp_path: Path) -> None:
    todo = plan(hook("before", "true"), hook("after", f"touch {tmp_path}/said", always=True))
    folder = Runs(str(tmp_path / "state")).create(todo.run)
    folder.save_plan(todo)
    Path(folder.lock).touch()
    settled = settle_dead_runs(str(tmp_path / "state"), hands)
    assert settled.dead == {todo.run}
    assert not (tmp_path / "said").exists()
    assert folder.events()[-1].kind is EventKind.RUN_ENDED


def test_what_a_dead_run_left_running_is_ended(hands: Hands, tmp_path: Path) -> None:
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
    settle_dead_runs(str(tmp_path), hands)
    thread.join(10)
    assert not thread.is_alive()
    pids = [event.data["pid"] for event in folder.events() if event.kind is EventKind.COMMAND_STARTED]
    assert len(pids) == 1
    assert started_by_a_dead_run(str(tmp_path), pids[0], datetime.now(UTC))


def test_what_locks_a_repository_is_alone_there(hands: Hands) -> None:
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
    prunes = [Step(f"prune/{number}", Prune("near"), "", uses=near) for number in range(3)]
    steps = (hook("a", "sleep 0.3", uses=near), hook("b", "sleep 0.3", uses=near), *prunes, hook("c", "true", uses=near))
    execute(plan(*steps), hands, emit=Heard(watch), interrupt=process.Interrupt())
    assert {"a", "b"} in together
    assert not [names for names in together if len(names) > 1 and any(name.startswith("prune") for name in names)]


@pytest.mark.parametrize("needs_state", [True, False])
def test_an_unwritable_state_directory(hands: Hands, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, needs_state: bool) -> None:
    (tmp_path / "file").write_text("")
    todo = plan(hook("work", "true"))
    if needs_state:
        with pytest.raises(Refused, match="cannot be written"):
            session(hands, tmp_path / "file").carry_out(todo)
    else:
        assert session(hands, tmp_path / "file").carry_out(todo, needs_state=False).outcome is Outcome.SUCCEEDED
        assert '"run_ended"' in capsys.readouterr().err
