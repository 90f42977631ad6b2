"""A pipe whose two ends run on one other machine, reached by a real SSH server: nothing that flows through it comes here."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from pathlib import Path

import pytest

from drtool import process
from drtool.engine.clock import SystemClock
from drtool.model.command import Command
from drtool.model.errors import Interrupted, NotFound, Refused, Unavailable
from drtool.model.secret import Secret
from drtool.ports import Piped
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.staging.scratch import clear_scratch
from tests.rig.sshd import SshServer
from tests.toy.cluster import Cluster, Console

RUN = SystemClock().fresh_id()
"""Of this process alone: whoever looks for it finds, and ends, what bears it."""
BYTES = 3_000_000


@pytest.fixture
def runner(ssh_server: SshServer) -> SshRunner:
    return SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))


@pytest.fixture
def temporary(runner: SshRunner) -> Path:
    """Where programs keep temporary files there."""
    return Path(runner.run(shell('echo "${TMPDIR:-/tmp}"')).standard_output.decode().strip())


def shell(script: str, *arguments: str, **keys: object) -> Command:
    return Command(("sh", "-c", script, "sh", *arguments), **keys)  # type: ignore[arg-type]


def at_its_end(whole: Path) -> Command:
    """Return a reader of one process that writes its file when it was told that there is no more, and not before."""
    return Command(("awk", 'BEGIN { whole = ARGV[1]; ARGC = 1 } END { print "whole" > whole }', str(whole)))


def joined(runner: SshRunner, reader: Command, producer: Command, **keys: object) -> tuple[Piped, list[str]]:
    """Pipe there, and return what was started here for it."""
    started: list[str] = []
    scope = process.Scope(label=f"{RUN}/store", on_start=lambda _pid, program: started.append(program))
    with process.scope(scope):
        return runner.pipe(reader, producer=producer, producer_runner=runner, **keys), started  # type: ignore[arg-type]


def left(place: Path) -> list[Path]:
    return list(place.glob(f"drtool-{RUN}-*"))


def test_everything_is_told_and_nothing_comes_here(runner: SshRunner, temporary: Path) -> None:
    said: list[bytes] = []
    shown: list[bytes] = []
    reader = shell("sha256sum; echo reading >&2; exit 3")
    piped, started = joined(
        runner, reader, shell(f"echo printing >&2; head -c {BYTES} /dev/zero"), on_output=said.append, on_error=shown.append
    )
    digest = hashlib.sha256(bytes(BYTES)).hexdigest()
    assert (piped.bytes, piped.sha256) == (BYTES, digest)
    assert (said, shown) == ([f"{digest}  -".encode()], [b"reading"])
    assert piped.command.exit_code == 3
    assert piped.producer is not None
    assert (piped.producer.exit_code, piped.producer.said()) == (0, "printing")
    assert started == ["ssh"], "a producer of this machine would be a second child"
    assert left(temporary) == []


def test_what_is_kept_is_the_readers_alone(runner: SshRunner) -> None:
    piped, _started = joined(runner, shell("cat; echo err >&2"), shell("printf 'a\\000b\\nc'"))
    assert (piped.command.standard_output, piped.command.standard_error) == (b"a\0b\nc", b"err\n")


def test_each_is_given_its_own_environment_only(runner: SshRunner, tmp_path: Path) -> None:
    folder = tmp_path / "it's a $folder"
    folder.mkdir()
    names = '"$1 ${READER-none} ${FEEDER-none} $DRTOOL_LABEL $PWD"'
    reader = shell(f"cat; echo {names}", "reader", secrets={"READER": Secret("hush 'it' $HOME =x")})
    feeder = shell(f"echo {names}", "feeder", environment={"FEEDER": "f"}, directory=str(folder))
    piped, _started = joined(runner, reader, feeder)
    first, second = piped.command.standard_output.decode().splitlines()
    assert first == f"feeder none f {RUN}/store {folder}"
    assert second.startswith(f"reader hush 'it' $HOME =x none {RUN}/store ")


def test_a_line_break_in_a_secret_is_refused(runner: SshRunner) -> None:
    with pytest.raises(Refused, match="line break") as caught:
        joined(runner, shell("cat", secrets={"READER": Secret("a\nb")}), shell("echo"))
    assert "a\nb" not in str(caught.value)


@pytest.mark.parametrize(("script", "code"), [("printf half; exit 7", 7), ("exit 1", 1), ("true", 0), ("printf half; kill -9 $$", 137)])
def test_a_producer_that_fails_or_prints_nothing_interrupts_the_reader_first(
    runner: SshRunner, tmp_path: Path, temporary: Path, script: str, code: int
) -> None:
    whole = tmp_path / "whole"
    piped, _started = joined(runner, at_its_end(whole), shell(f"sleep 0.3; {script}"))
    assert piped.producer is not None
    assert piped.producer.exit_code == code
    assert piped.command.exit_code != 0
    assert not whole.exists()
    assert left(temporary) == []


def test_a_reader_that_dies_ends_the_producer(runner: SshRunner) -> None:
    piped, _started = joined(runner, shell("head -c 10 >/dev/null; exit 5"), shell("yes"))
    assert piped.command.exit_code == 5
    assert runner.find(RUN) == ()


@pytest.mark.parametrize(("reader", "producer"), [("/nowhere/reader", "true"), ("cat", "/nowhere/producer")])
def test_a_program_that_is_not_there_is_named(runner: SshRunner, reader: str, producer: str) -> None:
    with pytest.raises(NotFound, match="/nowhere/"):
        joined(runner, Command((reader,)), Command((producer,)))


def test_told_to_stop_both_ends_are_gone_and_nothing_is_whole(runner: SshRunner, tmp_path: Path, temporary: Path) -> None:
    interrupt, whole, began = process.Interrupt(), tmp_path / "whole", tmp_path / "began"
    reader = at_its_end(whole)
    caught: list[BaseException] = []

    def pipe() -> None:
        with process.scope(process.Scope(label=f"{RUN}/store", interrupt=interrupt)):
            try:
                runner.pipe(reader, producer=shell('touch "$1"; sleep 60', str(began)), producer_runner=runner)
            except Interrupted as error:
                caught.append(error)

    thread = threading.Thread(target=pipe)
    thread.start()
    for _look in range(200):
        if began.exists():
            break
        threading.Event().wait(0.05)
    interrupt.request(15)
    thread.join(60)
    assert len(caught) == 1
    assert runner.find(RUN) == ()
    assert not whole.exists()
    clear_scratch(runner, RUN)
    assert left(temporary) == []


def test_what_a_dead_run_left_flowing_is_found_and_ended(runner: SshRunner, tmp_path: Path) -> None:
    whole, began = tmp_path / "whole", tmp_path / "began"
    reader = at_its_end(whole)

    def pipe() -> None:
        with process.scope(process.Scope(label=f"{RUN}/store")), contextlib.suppress(Unavailable):
            runner.pipe(reader, producer=shell('touch "$1"; sleep 60', str(began)), producer_runner=runner)

    thread = threading.Thread(target=pipe, daemon=True)
    thread.start()
    for _look in range(200):
        if began.exists():
            break
        threading.Event().wait(0.05)
    found = runner.find(RUN)
    assert len(found) > 2
    runner.end(found)
    thread.join(60)
    assert runner.find(RUN) == ()
    assert not whole.exists()


def test_between_two_machines_it_flows_through_this_one(runner: SshRunner, ssh_server: SshServer) -> None:
    other = SshRunner(name="nas", host=ssh_server.alias, ssh_config=str(ssh_server.config))
    started: list[str] = []
    with process.scope(process.Scope(label=f"{RUN}/store", on_start=lambda _pid, program: started.append(program))):
        piped = runner.pipe(shell("wc -c"), producer=shell("printf data"), producer_runner=other)
    assert (piped.bytes, piped.command.standard_output) == (4, b"4\n")
    assert started.count("ssh") >= 2
    here = LocalRunner().pipe(shell("wc -c"), producer=shell("printf data; exit 2"), producer_runner=other)
    assert here.producer is not None
    assert here.producer.exit_code == 2


def test_where_no_child_of_this_machine_can_print_it_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="console"):
        LocalRunner().pipe(shell("cat"), producer=shell("echo"), producer_runner=Console(Cluster()))
