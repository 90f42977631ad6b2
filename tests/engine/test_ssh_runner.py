"""Commands on another machine, through a real SSH server."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import Interrupted, NotFound, Refused, TimedOut, Unavailable
from drtool.model.secret import Secret
from drtool.ports import Owner
from drtool.runners.ssh import SshRunner
from tests.rig.ports import Ports
from tests.rig.sshd import SshServer


@pytest.fixture
def runner(ssh_server: SshServer) -> SshRunner:
    return SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))


def shell(script: str, *arguments: str, **keys: object) -> Command:
    return Command(("sh", "-c", script, "sh", *arguments), **keys)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0, 1, 3, 254])
def test_exit_code_output_and_input(runner: SshRunner, code: int) -> None:
    data = os.urandom(3 << 20)
    done = runner.run(shell(f"cat; echo err >&2; exit {code}", standard_input=data))
    assert (done.exit_code, done.standard_output, done.standard_error) == (code, data, b"err\n")


def test_hostile_arguments_arrive_as_they_are(runner: SshRunner, tmp_path: Path) -> None:
    words = ("a b", "$(id)", "`id`", "'", '"', ";", "-n", "", "new\nline", "*", "\\")
    done = runner.run(Command(("printf", r"%s\0", *words)))
    assert done.standard_output.split(b"\0")[:-1] == [word.encode() for word in words]
    folder = tmp_path / "it's $(a) folder"
    folder.mkdir()
    assert runner.run(Command(("pwd",), directory=str(folder))).standard_output.decode().strip() == str(folder)


def test_environment_and_secrets_arrive_and_are_in_no_argument_list(runner: SshRunner) -> None:
    seen: list[bytes] = []

    def look(_line: bytes) -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen.append((entry / "cmdline").read_bytes())
                except OSError:
                    continue

    lines: list[bytes] = []

    def take(line: bytes) -> None:
        lines.append(line)
        look(line)

    secret = "c4nary 'quoted' $HOME \\n =x"
    command = shell(
        'printf "%s\\n" "$CANARY"; echo "$PLAIN"; echo "$DRTOOL_LABEL"; sleep 0.3',
        secrets={"CANARY": Secret(secret)},
        environment={"PLAIN": " s "},
    )
    with process.scope(process.Scope(label="RUN/step 1")):
        runner.run(command, on_output=take)
    assert lines == [secret.encode(), b" s ", b"RUN/step 1"]
    assert any(b"PLAIN" in line for line in seen)
    assert not any(b"c4nary 'quoted'" in line for line in seen)


def test_a_line_break_in_a_secret_is_refused_and_not_told(runner: SshRunner) -> None:
    with pytest.raises(Refused) as caught:
        runner.run(Command(("true",), secrets={"KEY": Secret("a\nEVIL=1")}))
    assert "EVIL" not in caught.value.what


def test_unreachable_host(ssh_server: SshServer, tmp_path: Path) -> None:
    ports = Ports(1)
    config = tmp_path / "config"
    config.write_text(f"Host gone\n  HostName 127.0.0.1\n  Port {ports.numbers[0]}\n  BatchMode yes\n")
    with pytest.raises(Unavailable) as caught:
        SshRunner(name="gone", host="gone", ssh_config=str(config)).run(Command(("true",)))
    assert "ssh" in caught.value.hint
    ports.release()


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/evil", "", "a b", "a\nb"])
def test_hostile_host_names_are_refused(host: str) -> None:
    with pytest.raises(Refused):
        SshRunner(name="evil", host=host)


@pytest.mark.parametrize("host", ["$(touch EVIL)", "a;touch${IFS}EVIL", "`touch${IFS}EVIL`"])
def test_hostile_host_names_run_nothing(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((Refused, Unavailable)):
        SshRunner(name="evil", host=host, ssh_config="/dev/null").run(Command(("true",)))
    assert not (tmp_path / "EVIL").exists()


def test_missing_program(runner: SshRunner) -> None:
    with pytest.raises(NotFound, match="no-such-program"):
        runner.run(Command(("no-such-program",)))


@pytest.mark.parametrize("how", ["timeout", "interrupt"])
def test_what_is_stopped_here_is_stopped_there(runner: SshRunner, how: str) -> None:
    label = f"SSH{os.getpid()}{how}/a [b] *c"
    interrupt = process.Interrupt()
    if how == "interrupt":
        threading.Timer(1, interrupt.request, args=(signal.SIGTERM,)).start()
    expected = TimedOut if how == "timeout" else Interrupted
    with process.scope(process.Scope(label=label, interrupt=interrupt)), pytest.raises(expected):
        runner.run(shell("sleep 100 & sleep 100", timeout_seconds=1 if how == "timeout" else None))
    assert process.find_labelled(label) == ()


def test_find_and_end(runner: SshRunner) -> None:
    label = f"FIND{os.getpid()}"
    ready = threading.Event()

    def work() -> None:
        with (
            process.scope(process.Scope(label=f"{label}/step")),
            contextlib.suppress(Unavailable),
        ):  # on one machine ssh bears the label too
            runner.run(shell("trap : INT; echo up; sleep 100 & wait"), on_output=lambda _line: ready.set())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    time.sleep(0.3)
    found = runner.find(label)
    assert len(found) >= 2
    assert all(runner.owner(each.handle) is Owner.ALIVE for each in found)
    runner.end(found)
    thread.join(30)
    assert not thread.is_alive()
    assert runner.find(label) == ()
    assert all(runner.owner(each.handle) is Owner.GONE for each in found)


def test_pipe_both_ways(runner: SshRunner, tmp_path: Path) -> None:
    piped = runner.pipe(shell('cat > "$1"', str(tmp_path / "out")), producer=shell("head -c 2000000 /dev/zero"))
    assert piped.bytes == (tmp_path / "out").stat().st_size == 2_000_000
    chunks: list[bytes] = []
    runner.pipe(Command(("cat", str(tmp_path / "out"))), consume=chunks.append)
    assert sum(map(len, chunks)) == 2_000_000


def test_a_failed_producer_leaves_no_whole_file_there(runner: SshRunner, tmp_path: Path) -> None:
    consumer = shell('cat > "$1.new" && mv "$1.new" "$1"', str(tmp_path / "out"))
    label = f"HALF{os.getpid()}"
    with process.scope(process.Scope(label=label)):
        try:
            piped = runner.pipe(consumer, producer=shell("echo half; sleep 0.5; exit 1"))
            assert piped.command.exit_code != 0
        except Unavailable:
            pass
    time.sleep(1.0)
    assert not (tmp_path / "out").exists()
    assert process.find_labelled(label) == ()


def test_host_name(runner: SshRunner) -> None:
    assert runner.host_name() == os.uname().nodename
