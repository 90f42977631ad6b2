"""A machine whose login shell prints, reads, sets and ends as it likes: a client program that stands for it runs what was sent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drtool import process
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, NotFound, Refused, TimedOut, Unavailable
from drtool.ports import RunningCommand
from drtool.runners.ssh import SshRunner

Login = Callable[..., SshRunner]
_CLIENT = """#!/bin/bash
for last; do :; done
login() { :; }; logout() { :; }
. "$0.login"
login
bash -c "$last"; code=$?
logout
exit $code
"""


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    """Return a runner whose machine runs `before` at each login and `after` when the command has ended."""
    client = tmp_path / "ssh"
    client.write_text(_CLIENT)
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(before: str = ":", after: str = ":") -> SshRunner:
        Path(f"{client}.login").write_text(f"login() {{ {before}\n}}\nlogout() {{ {after}\n}}\n")
        return SshRunner(name="pi", host="pi")

    return make


@pytest.fixture
def stranger() -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child.pid
        child.kill()


NOISES = [
    "echo Welcome to pi",
    "date",
    "echo 4711; echo; echo 3 updates",
    "echo noise >&2",
    r'printf "x\0y\0z\0"',
    r'printf "no line feed"',
    "stty erase ^H",
    "set -x",
    "set -v",
    r'printf "\033[2J\377\376"',
    "(sleep 0.2; echo late) &",
]


@pytest.mark.parametrize("noise", NOISES)
def test_an_answer_is_the_programs_own_whatever_else_is_printed(login: Login, noise: str) -> None:
    far = login(noise, "echo bye; echo 99; echo bye >&2")
    done = far.run(Command(("sh", "-c", "cat; echo err >&2; exit 7", "x"), standard_input=b"1\0\n2"))
    assert (done.exit_code, done.standard_output, done.standard_error) == (7, b"1\0\n2", b"err\n")
    lines: list[bytes] = []
    far.run(Command(("printf", r"a\nb")), on_output=lines.append)
    assert lines == [b"a", b"b"]
    chunks: list[bytes] = []
    piped = far.pipe(Command(("head", "-c", "200000", "/dev/zero")), consume=chunks.append)
    assert (b"".join(chunks), piped.bytes) == (bytes(200000), 200000)


@pytest.mark.parametrize("noise", NOISES)
def test_a_producer_elsewhere_gives_its_bytes_alone(login: Login, noise: str) -> None:
    producer = login(noise, "echo bye").from_here(Command(("printf", "data")))
    piped = process.pipe(Command(("cat",)), producer=producer)
    assert (piped.bytes, piped.command.standard_output) == (4, b"data")


@pytest.mark.parametrize("rest", ["", "; cat >/dev/null"], ids=["closed", "swallowed"])
def test_a_producer_whose_end_is_lost_has_failed(login: Login, rest: str) -> None:
    """Its exit code comes beside, on the other stream, and is no proof that its bytes came."""
    far = login(f"exec 3>&1; exec > >(head -c 120 >&3{rest})")
    piped = process.pipe(Command(("cat",)), producer=far.from_here(Command(("head", "-c", "1000", "/dev/zero"))))
    assert piped.producer is not None
    assert piped.producer.exit_code != 0


def test_an_answer_whose_end_is_lost_is_none(login: Login) -> None:
    far = login("exec 3>&1; exec > >(head -c 120 >&3; cat >/dev/null)")
    with pytest.raises(Unavailable):
        far.run(Command(("head", "-c", "1000", "/dev/zero")))


def test_a_number_in_a_greeting_is_no_process(login: Login, stranger: int) -> None:
    far = login(f"echo You have {stranger} messages; echo {stranger}", f"echo {stranger}")
    assert far.find("RUNx") == ()
    with process.scope(process.Scope(label="RUNx/step")), pytest.raises(TimedOut):
        far.run(Command(("sleep", "60"), timeout_seconds=1))
    assert process.process_exists(stranger)


@pytest.mark.parametrize("here", [True, False])
def test_a_process_id_that_is_another_s_by_now_is_left_alone(login: Login, stranger: int, *, here: bool) -> None:
    told = (RunningCommand(str(stranger), "RUNy/step"),)
    if here:
        process.end_commands(told)
    else:
        login().end(told)
    assert process.process_exists(stranger)


@pytest.mark.parametrize(
    ("before", "error", "words"),
    [
        ("echo This account is not available.; exit 1", Refused, "the login shell of pi carries no command out; it prints: This account"),
        ("exit 0", Refused, "it prints: nothing"),
        ("echo Connection refused >&2; exit 255", Unavailable, "cannot be reached over SSH: Connection refused"),
        ("yes 123456", Refused, "the login shell of pi prints without end: 123456"),
        ("head -c 9000000 /dev/zero | tr '\\0' y", Refused, "prints without end: yyy"),
        ("read -r eaten", Refused, "reads what is sent"),
        ("cat >/dev/null", Refused, "reads what is sent"),
        (r'printf "a\033]0;title\007b"; exit 3', Refused, "it prints: a ]0;title b"),
    ],
)
def test_a_login_that_runs_nothing_is_told_by_its_words(login: Login, before: str, error: type[DrtoolError], words: str) -> None:
    with pytest.raises(error) as caught:
        login(before).run(Command(("echo", "1")))
    assert words in caught.value.what
    assert caught.value.hint


def test_a_login_that_hangs_is_waited_for_a_while_only(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtool.process.child.BEGIN_SECONDS", 1.0)
    with pytest.raises(TimedOut, match=r"the login shell of pi did not begin a command .* prints: please wait"):
        login("echo please wait; sleep 50").run(Command(("true",)))


def test_the_environment_there_is_ours(login: Login) -> None:
    far = login("export RESTIC_HOST=evil AWS_PROFILE=evil LD_PRELOAD= GREP_OPTIONS=-v BASH_ENV=/nowhere TZ=UTC")
    done = far.run(Command(("env",), environment={"RESTIC_REPOSITORY": "/r"}))
    names = {line.partition(b"=")[0].decode() for line in done.standard_output.splitlines()}
    assert names <= {*process.INHERITED, "RESTIC_REPOSITORY", process.LABEL_VARIABLE, "PWD", "SHLVL", "_", "OLDPWD"}
    assert {"RESTIC_REPOSITORY", "PATH", "HOME", "TZ"} <= names


@pytest.mark.parametrize("code", [0, 1, 97, 127, 130, 254, 255])
def test_exit_codes_are_the_programs_own(login: Login, code: int) -> None:
    assert login("", "exit 0").run(Command(("sh", "-c", f"exit {code}"))).exit_code == code


def test_what_was_killed_or_is_missing_there_is_told(login: Login) -> None:
    with pytest.raises(Unavailable, match="killed"):
        login().run(Command(("sh", "-c", "kill -9 $$")))
    with pytest.raises(NotFound, match="no-such-program is not installed on pi"):
        login("no-such-greeting-program").run(Command(("no-such-program",)))
    with pytest.raises(NotFound, match="/nowhere on pi"):
        login().run(Command(("true",), directory="/nowhere"))


def test_a_program_of_a_shells_name_is_the_program(login: Login) -> None:
    assert login().run(Command(("kill", "--version"))).standard_output.startswith(b"kill from")
    with pytest.raises(NotFound):
        login().run(Command(("answered", "0")))


@pytest.mark.parametrize("name", ["; rm", "a b", "", "x" * 300, "\\377"])
def test_a_machine_that_tells_no_name_is_refused(login: Login, tmp_path: Path, name: str) -> None:
    program = tmp_path / "uname"
    program.write_text(f"#!/bin/sh\nprintf '{name}'\n")
    program.chmod(0o755)
    with pytest.raises(Refused, match="does not tell its name"):
        login().host_name()


@pytest.mark.parametrize("pid", ["0", "1", "-1", "99999999", "1" * 30, "x", "1e3"])
def test_process_ids_that_cannot_be_are_refused(login: Login, tmp_path: Path, pid: str) -> None:
    program = tmp_path / "grep"
    program.write_text(f"#!/bin/sh\necho /proc/{pid}/environ\n")
    program.chmod(0o755)
    with pytest.raises(Refused):
        login().find("RUNz")


def test_output_without_line_feeds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtool.process.lines.LONGEST_LINE_BYTES", 1 << 20)
    with pytest.raises(Refused, match="without a line feed"):
        process.execute(Command(("head", "-c", "9000000", "/dev/zero")), on_output=lambda _line: None)
    seen: list[int] = []
    script = "import sys; sys.stderr.write('x' * 5000000 + '\\nnext\\n')"
    process.execute(Command((sys.executable, "-c", script)), on_error=lambda line: seen.append(len(line)))
    assert seen == [1 << 20, 4]
