"""Real children: what they say, how they end, and that nothing of them stays."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import Interrupted, NotFound, Refused, TimedOut
from drtool.model.secret import Secret


def shell(script: str, *arguments: str, **keys: object) -> Command:
    return Command(("sh", "-c", script, "sh", *arguments), **keys)  # type: ignore[arg-type]


def python(script: str, **keys: object) -> Command:
    return Command((sys.executable, "-c", script), **keys)  # type: ignore[arg-type]


def wait_until(holds: Callable[[], object], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_exit_codes_are_told_as_they_are(code: int) -> None:
    done = process.execute(shell(f"echo out; echo err >&2; exit {code}"))
    assert (done.exit_code, done.standard_output, done.standard_error) == (code, b"out\n", b"err\n")


def test_a_killed_child_has_a_negative_exit_code() -> None:
    assert process.execute(shell("kill -KILL $$")).exit_code == -signal.SIGKILL


@pytest.mark.parametrize("on_start", [None, lambda _pid, _program: None], ids=["at once", "behind the gate"])
def test_missing_and_forbidden_programs(on_start: Callable[[int, str], None] | None) -> None:
    with process.scope(process.Scope(on_start=on_start)):
        with pytest.raises(NotFound, match="no-such-program"):
            process.execute(Command(("/nowhere/no-such-program",)))
        with pytest.raises(Refused):
            process.execute(Command(("/etc/passwd",)))
        with pytest.raises(Refused):
            process.execute(Command(("echo", "nul\0byte")))
        with pytest.raises(NotFound):
            process.execute(Command(("true",), directory="/nowhere"))


def test_big_standard_input_and_output_at_once() -> None:
    data = os.urandom(8 << 20)
    done = process.execute(Command(("cat",), standard_input=data))
    assert done.standard_output == data


def test_a_child_that_does_not_read_its_input() -> None:
    done = process.execute(shell("exec <&-; exit 4", standard_input=bytes(8 << 20)))
    assert done.exit_code == 4


def test_lines_reach_listeners_whole_and_in_order() -> None:
    lines: list[bytes] = []
    errors: list[bytes] = []
    command = python(
        "import sys,time\nfor n in range(500): print('x'*n, end='\\n' if n < 499 else '', flush=n % 7 == 0)\nprint('e', file=sys.stderr)"
    )
    done = process.execute(command, on_output=lines.append, on_error=errors.append)
    assert [len(line) for line in lines] == list(range(500))
    assert errors == [b"e"]
    assert done.standard_output == b""


def test_only_the_tail_is_kept() -> None:
    done = process.execute(shell("seq 200000"), keep_bytes=1000)
    assert done.standard_output.endswith(b"200000\n")
    assert len(done.standard_output) <= 3000


def test_a_slow_listener_loses_nothing_after_the_child_ended() -> None:
    lines: list[bytes] = []

    def slow(line: bytes) -> None:
        if not lines:
            time.sleep(1.5)
        lines.append(line)

    process.execute(shell("seq 100000"), on_output=slow)
    assert lines[-1] == b"100000"
    assert len(lines) == 100000


def test_a_listener_that_raises_ends_the_child(tmp_path: Path) -> None:
    def listener(_line: bytes) -> None:
        raise ValueError("enough")

    time.monotonic()
    with pytest.raises(ValueError, match="enough"):
        process.execute(shell('echo $$ > "$1/pid"; echo go; sleep 100', str(tmp_path)), on_output=listener)
    assert not process.process_exists(int((tmp_path / "pid").read_text()))


def test_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    script = 'sh -c "trap : INT TERM; echo \\$\\$ > $1/grandchild; while :; do sleep 0.1; done" & echo $$ > "$1/pid"; wait'
    with pytest.raises(TimedOut):
        process.execute(shell(script, str(tmp_path), timeout_seconds=0.7))
    for name in ("pid", "grandchild"):
        wait_until(lambda name=name: not process.process_exists(int((tmp_path / name).read_text())))  # type: ignore[misc]


def test_deadline_of_the_scope() -> None:
    with process.scope(process.Scope(deadline=time.monotonic() + 0.3)), pytest.raises(TimedOut, match="deadline"):
        process.execute(Command(("sleep", "60")))


@pytest.mark.parametrize("stubborn", [False, True])
def test_interrupt_ends_the_whole_group(tmp_path: Path, *, stubborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtool.process.child.GRACE_SECONDS", 0.5)
    trap = "trap : INT TERM;" if stubborn else ""
    script = (
        f'{trap} sh -c "{trap} echo \\$\\$ > $1/grandchild; sleep 100; sleep 100; sleep 100" & echo $$ > "$1/pid"; wait; wait; sleep 100'
    )
    interrupt = process.Interrupt()
    threading.Timer(0.5, interrupt.request, args=(signal.SIGTERM,)).start()
    started = time.monotonic()
    with process.scope(process.Scope(interrupt=interrupt)), pytest.raises(Interrupted) as caught:
        process.execute(shell(script, str(tmp_path)))
    assert caught.value.signal_number == signal.SIGTERM
    assert time.monotonic() - started < 8
    for name in ("pid", "grandchild"):
        wait_until(lambda name=name: not process.process_exists(int((tmp_path / name).read_text())))  # type: ignore[misc]


def test_what_is_shielded_stops_at_the_second_request() -> None:
    interrupt = process.Interrupt()
    interrupt.request(signal.SIGINT)
    scope = process.Scope(interrupt=interrupt, shielded=True)
    with process.scope(scope):
        assert process.execute(shell("sleep 0.2; echo released")).standard_output == b"released\n"
        interrupt.request(signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            process.execute(Command(("sleep", "60")))
    assert caught.value.signal_number == signal.SIGINT


def test_a_grandchild_that_holds_the_pipe_does_not_hold_us(tmp_path: Path) -> None:
    time.monotonic()
    done = process.execute(shell('sleep 30 & echo $! > "$1/pid"; echo done', str(tmp_path)))
    assert done.standard_output == b"done\n"
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_environment_is_small_and_secrets_are_in_no_argument_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTIC_HOST", "stray")
    monkeypatch.setenv("AWS_PROFILE", "stray")
    seen: list[bytes] = []

    def look(_line: bytes) -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen.append((entry / "cmdline").read_bytes())
                except OSError:
                    continue

    command = shell('echo "$CANARY"; env; sleep 0.3', secrets={"CANARY": Secret("c4nary-value")}, environment={"PLAIN": "yes"})
    with process.scope(process.Scope(label="RUN/step")):
        done = process.execute(command, on_error=look)
        process.execute(shell("echo now; sleep 0.2", secrets={"CANARY": Secret("c4nary-value")}), on_output=look)
    assert done.standard_output.startswith(b"c4nary-value\n")
    assert b"DRTOOL_LABEL=RUN/step" in done.standard_output
    assert b"stray" not in done.standard_output
    assert seen
    assert not any(b"c4nary-value" in line for line in seen)


def test_labelled_processes_are_found_and_ended() -> None:
    label = f"TEST{os.getpid()}"
    ready = threading.Event()
    results: list[object] = []

    def work() -> None:
        with process.scope(process.Scope(label=f"{label}/step")):
            results.append(process.execute(shell("echo up; sleep 100 & wait"), on_output=lambda _line: ready.set()))

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    wait_until(lambda: len(process.find_labelled(label)) >= 2)
    assert process.find_labelled(f"{label}/other") == ()
    process.end_commands(process.find_labelled(label))
    thread.join(10)
    assert process.find_labelled(label) == ()
    assert results


def test_children_are_announced() -> None:
    announced: list[tuple[int, str]] = []
    with process.scope(process.Scope(on_start=lambda pid, program: announced.append((pid, program)))):
        done = process.execute(shell("echo $$"))
    assert announced == [(int(done.standard_output), "sh")]


@pytest.mark.parametrize("script", ['echo "$0,$#,$*"; no-such-program', "\n# words\nset -eu; echo $nothing", 'exec cat -- "$1"', "if"])
def test_a_script_does_behind_the_gate_what_it_does_at_once(script: str) -> None:
    at_once = process.execute(shell(script, "a b", "c"))
    with process.scope(process.Scope(on_start=lambda _pid, _program: None)):
        behind = process.execute(shell(script, "a b", "c"))
    assert (behind.exit_code, behind.standard_output) == (at_once.exit_code, at_once.standard_output)
    assert behind.standard_error == at_once.standard_error or script == "if"  # what cannot be read is said in other words


def test_nice() -> None:
    assert process.execute(Command(("nice",), nice=True)).standard_output == b"10\n"


def test_feed_moves_every_byte_and_hashes_it(tmp_path: Path) -> None:
    data = os.urandom(5 << 20)
    (tmp_path / "in").write_bytes(data)
    piped = process.pipe(shell('cat > "$1"', str(tmp_path / "out")), producer=Command(("cat", str(tmp_path / "in"))))
    assert piped.producer is not None
    assert (piped.command.exit_code, piped.producer.exit_code, piped.bytes) == (0, 0, len(data))
    assert piped.sha256 == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "out").read_bytes() == data


def test_a_slow_consumer_gets_everything_though_the_producer_ended_long_ago(tmp_path: Path) -> None:
    """The pipes hold a megabyte each: the producer is over while its last bytes are still in its pipe."""
    count = 3 << 20
    consumer = shell('sleep 2.5; cat > "$1"', str(tmp_path / "out"))
    piped = process.pipe(consumer, producer=Command(("head", "-c", str(count), "/dev/urandom")))
    assert piped.bytes == count
    assert (tmp_path / "out").stat().st_size == count
    assert hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest() == piped.sha256


@pytest.mark.parametrize(
    ("script", "code"), [("head -c 2000000 /dev/zero; exit 3", 3), ("exit 0", 0), ("exit 1", 1), ("echo half; kill -KILL $$", -9)]
)
def test_a_producer_that_fails_or_prints_nothing_interrupts_the_consumer_first(tmp_path: Path, script: str, code: int) -> None:
    consumer = shell('trap "echo interrupted > $1; exit 9" INT; cat > /dev/null; echo whole > "$1"', str(tmp_path / "out"))
    piped = process.pipe(consumer, producer=shell(f"sleep 0.3; {script}"))
    assert piped.producer is not None
    assert piped.producer.exit_code == code
    assert piped.command.exit_code != 0
    assert not (tmp_path / "out").exists() or (tmp_path / "out").read_text() == "interrupted\n"


def test_a_consumer_that_dies_ends_the_producer() -> None:
    time.monotonic()
    piped = process.pipe(shell("head -c 10 > /dev/null; exit 7"), producer=shell("yes"))
    assert piped.command.exit_code == 7


def test_a_producer_that_cannot_be_started_ends_the_consumer(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        process.pipe(shell('cat > /dev/null; touch "$1"', str(tmp_path / "whole")), producer=Command(("/nowhere/producer",)))
    assert not (tmp_path / "whole").exists()


def test_interrupt_of_a_feed_ends_both_sides() -> None:
    label = f"FEED{os.getpid()}"
    interrupt = process.Interrupt()
    threading.Timer(0.5, interrupt.request, args=(signal.SIGINT,)).start()
    with process.scope(process.Scope(label=label, interrupt=interrupt)), pytest.raises(Interrupted):
        process.pipe(shell("cat > /dev/null"), producer=shell("yes"))
    wait_until(lambda: not process.find_labelled(label))


def test_drain_adapters_over_chunks_and_hashes() -> None:
    chunks: list[bytes] = []
    piped = process.pipe(shell("head -c 3000000 /dev/zero; exit 5"), consume=chunks.append)
    assert sum(map(len, chunks)) == piped.bytes == 3_000_000
    assert piped.sha256 == hashlib.sha256(bytes(3_000_000)).hexdigest()
    assert piped.command.exit_code == 5


def test_drain_into_something_that_raises_ends_the_command() -> None:
    def full(_chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    time.monotonic()
    with pytest.raises(OSError, match="No space"):
        process.pipe(shell("yes"), consume=full)


def test_standard_input_comes_before_the_producer_and_is_not_hashed(tmp_path: Path) -> None:
    command = shell('cat > "$1"', str(tmp_path / "out"), standard_input=b"head\n")
    piped = process.pipe(command, producer=shell("printf body"))
    assert (tmp_path / "out").read_bytes() == b"head\nbody"
    assert (piped.bytes, piped.sha256) == (4, hashlib.sha256(b"body").hexdigest())


@pytest.mark.parametrize("what", ["in on_start", "in on_start of a program"])
def test_a_child_begins_only_after_it_was_written_down(tmp_path: Path, what: str) -> None:
    target = tmp_path / "target"
    ended = subprocess.run([sys.executable, "-c", DIES, what, str(target)], check=False)
    assert ended.returncode == -signal.SIGKILL
    time.sleep(0.5)
    assert not target.exists()
    assert process.find_labelled("dies") == ()


def test_a_child_reads_all_its_input_though_we_are_killed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    ended = subprocess.run([sys.executable, "-c", DIES, "while it runs", str(target)], check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_until(target.exists)
    assert target.stat().st_size == 300_000


DIES = """
import os, signal, sys, threading
from drtool import process
from drtool.model.command import Command
when, target = sys.argv[1:]
def die(*_words):
    os.kill(os.getpid(), signal.SIGKILL)
on_start = die if when.startswith("in on_start") else lambda pid, program: threading.Timer(0.1, die).start()
with process.scope(process.Scope(label="dies", on_start=on_start)):
    if when == "in on_start of a program":
        process.execute(Command(("touch", target)))
    process.execute(Command(("sh", "-c", 'sleep 0.3; cat >"$1.new"; mv "$1.new" "$1"', "sh", target), standard_input=b"x" * 300_000))
"""
