"""A program that moves nothing is ended, one that only says little is not; and what it leaves behind holds nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import Interrupted, Refused, TimedOut, Unavailable
from drtool.process.stillness import Pulse, Stillness, read_pulses


def shell(script: str, *, still: float = 1.0, timeout: float | None = 60.0) -> Command:
    return Command(("sh", "-c", script), still_seconds=still, timeout_seconds=timeout)


def python(script: str, *, still: float = 1.0) -> Command:
    return Command((sys.executable, "-c", script), still_seconds=still, timeout_seconds=60)


STILL = [
    "kill -STOP $$",
    "exec sleep 50",
    "sleep 50 & wait",
    "exec python3 -c 'import time\nwhile True: print(1, flush=True); time.sleep(0.3)'",
    "read -r line </dev/ptmx",
]


@pytest.mark.parametrize("script", STILL)
def test_what_stands_still_is_ended(script: str) -> None:
    with pytest.raises(Unavailable, match="has stood still for 1 s"):
        process.execute(shell(script))


MOVING = [
    "import time,os\nfor _ in range(12): os.write(os.open('/dev/null', os.O_WRONLY), bytes(200000)); time.sleep(0.25)",
    "import time\nuntil=time.time()+3\nwhile time.time()<until: pass",
    "import subprocess,sys\nsubprocess.run([sys.executable,'-c','import time\\nuntil=time.time()+3\\nwhile time.time()<until: pass'])",
]


@pytest.mark.parametrize("script", MOVING, ids=["moves bytes", "computes", "a child computes"])
def test_what_moves_in_silence_is_left_alone(script: str) -> None:
    assert process.execute(python(script)).exit_code == 0


def test_a_stopped_program_is_woken_to_tidy_up(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(Unavailable):
        process.execute(shell(f"touch {lock}; trap 'rm {lock}; exit 1' INT; kill -STOP $$; sleep 50 & wait"))
    assert not lock.exists()


def test_a_producer_that_stands_still_ends_both_and_is_named() -> None:
    with pytest.raises(Unavailable, match=r"^sleep has stood still"):
        process.pipe(shell("cat >/dev/null", still=60), producer=Command(("sleep", "50"), still_seconds=1))


def test_a_consumer_that_stands_still_is_named_and_not_its_producer() -> None:
    with pytest.raises(Unavailable, match=r"^sh has stood still"):
        process.pipe(shell("kill -STOP $$"), producer=Command(("cat", "/dev/zero"), still_seconds=1))


def test_a_consumer_waits_for_its_producer_as_long_as_that_may_take() -> None:
    piped = process.pipe(Command(("cat",), still_seconds=1), producer=shell("sleep 3; echo late", still=60))
    assert piped.command.standard_output == b"late\n"


def test_a_timeout_of_a_producer_ends_a_stream_that_drips() -> None:
    with pytest.raises(TimedOut, match="sh did not end within 2 s"):
        process.pipe(Command(("cat",)), producer=shell("while sleep 0.2; do echo x; done", still=60, timeout=2))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Path]:
    script = tmp_path / "daemon"
    script.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nwhile sleep 0.2; do echo x; echo y >&2; done\n")
    script.chmod(0o755)
    yield script
    pid = tmp_path / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("listening", [True, False])
def test_a_daemon_that_keeps_talking_does_not_hold_who_started_it(daemon: Path, *, listening: bool) -> None:
    lines: list[bytes] = []
    done = process.execute(shell(f"{daemon} & echo ready; exit 3", still=60), on_output=lines.append if listening else None)
    assert done.exit_code == 3
    assert (lines[0] if listening else done.standard_output.splitlines()[0]) == b"ready"


def test_what_a_program_wrote_is_read_whole_though_a_daemon_keeps_its_pipe(daemon: Path) -> None:
    done = process.execute(shell(f"head -c 900000 /dev/zero; {daemon} & exit 0", still=60))
    assert done.standard_output.count(b"\0") == 900_000


def test_a_stream_that_something_keeps_open_is_not_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("drtool.process.child.HELD_SECONDS", 0.5)
    with pytest.raises(Refused, match="keeps its output open"):
        process.pipe(Command(("cat",)), producer=shell(f"echo half; (sleep 20; echo rest) 2>{tmp_path}/e & exit 0", still=60))


def test_what_a_machine_tells_of_a_program_is_read_or_refused() -> None:
    stat = b"7 (a) b) S 1 7 7 0 -1 4 1 1 1 1 %d %d 0 0\n" % (os.sysconf("SC_CLK_TCK"), os.sysconf("SC_CLK_TCK"))
    io = b"rchar: 10\nwchar: 5\nsyscr: 1\n\n"
    assert read_pulses((stat + io) * 2) == Pulse(30, 4.0)
    assert read_pulses(b"") == Pulse()
    for nonsense in (b"Welcome\n", stat + b"rchar: x\nwchar: 1\n\n", b"7 (a) S\nrchar: 1\n\n"):
        with pytest.raises((ValueError, IndexError)):
            read_pulses(nonsense)


def test_a_pulse_that_cannot_be_felt_lets_words_count() -> None:
    watch = Stillness("far", limit_seconds=0.8, take_pulse=lambda: None)
    for _turn in range(5):
        with subprocess.Popen(["sleep", "0.3"]) as child:
            child.wait()
        watch.words += 1
        watch.check()
    with pytest.raises(Unavailable):  # noqa: PT012 - time passes between two looks
        for _turn in range(8):
            subprocess.run(["sleep", "0.3"], check=True)
            watch.check()


def test_what_cannot_be_stopped_is_left_behind_at_a_stop() -> None:
    interrupt = process.Interrupt()
    threading.Timer(0.3, interrupt.request, args=(signal.SIGINT,)).start()
    opened, _other = os.pipe()
    with process.scope(process.Scope(interrupt=interrupt)), pytest.raises(Interrupted):
        process.patiently(lambda: os.read(opened, 1), seconds=60, what="reading what never comes")
    with pytest.raises(TimedOut, match=r"reading what never comes did not end within 0.2 s"):
        process.patiently(lambda: os.read(opened, 1), seconds=0.2, what="reading what never comes")
    assert process.patiently(lambda: 7, seconds=5, what="a number") == 7
    with pytest.raises(FileNotFoundError):
        process.patiently(lambda: os.stat("/nowhere"), seconds=5, what="looking")
