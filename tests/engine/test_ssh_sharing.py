"""The commands for a host go through one connection, and through their own wherever that is not possible."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from drtool import process
from drtool.model.command import Command
from drtool.runners import sharing
from drtool.runners.ssh import SshRunner
from tests.rig.sshd import SshServer

NOBODY = 65534


@pytest.fixture
def own_server() -> Iterator[SshServer]:
    """A server of this test alone: its log tells who logged in."""
    server = SshServer()
    server.start()
    try:
        yield server
    finally:
        server.close()


def runner_of(server: SshServer, *further: str) -> SshRunner:
    if further:
        server.config.write_text(server.config.read_text(encoding="utf-8") + "".join(f"    {line}\n" for line in further), encoding="utf-8")
    return SshRunner(name="pi", host=server.alias, ssh_config=str(server.config))


def logins(server: SshServer) -> int:
    return len(re.findall(r"Accepted publickey", server.log.read_text(encoding="utf-8", errors="replace")))


def echo(runner: SshRunner, word: str) -> bytes:
    return runner.run(Command(("sh", "-c", 'sleep "$1"; echo "$2"', "sh", "0.3", word))).standard_output


def masters(directory: Path) -> list[int]:
    """Return the processes that keep a connection whose socket lies in a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if line.startswith(b"ssh: ") and os.fsencode(directory) in line:
                found.append(int(entry.name))
    return found


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the directory of the sockets; short, as addresses of sockets are."""
    with tempfile.TemporaryDirectory(prefix="s") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory) / f"drtool-ssh-{os.geteuid()}"


def test_all_go_through_one_connection(own_server: SshServer, place: Path) -> None:
    runner = runner_of(own_server)
    assert [echo(runner, str(number)) for number in range(3)] == [b"0\n", b"1\n", b"2\n"]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: echo(runner, str(number)), range(4))) == [f"{number}\n".encode() for number in range(4)]
    assert logins(own_server) == 1
    assert place.stat().st_mode & 0o777 == 0o700


def test_it_is_nobodys_step(own_server: SshServer, place: Path) -> None:
    runner = runner_of(own_server)
    with process.scope(replace(process.current_scope(), label="RUN/step")):
        echo(runner, "first")
    (master,) = masters(place)
    assert b"DRTOOL_LABEL=RUN" not in Path(f"/proc/{master}/environ").read_bytes()


def test_one_that_was_lost_is_made_again(own_server: SshServer, place: Path) -> None:
    runner = runner_of(own_server)
    echo(runner, "first")
    (master,) = masters(place)
    os.kill(master, signal.SIGKILL)
    time.sleep(0.2)
    assert echo(runner, "second") == b"second\n"
    assert echo(runner, "third") == b"third\n"
    assert logins(own_server) <= 3


def test_a_server_that_takes_one_command_for_each_connection_is_served_too(own_server: SshServer, place: Path) -> None:
    own_server.stop()
    settings = own_server.directory / "sshd_config"
    settings.write_text(settings.read_text(encoding="utf-8").replace("MaxSessions 100", "MaxSessions 1"), encoding="utf-8")
    own_server.start()
    runner = runner_of(own_server)
    echo(runner, "first")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda number: echo(runner, str(number)), range(3))) == [b"0\n", b"1\n", b"2\n"]
    assert place.exists()


def test_a_persons_own_settings_are_theirs(own_server: SshServer, place: Path) -> None:
    runner = runner_of(own_server, "ControlMaster no", f"ControlPath {place.parent}/own")
    echo(runner, "first")
    echo(runner, "second")
    assert logins(own_server) == 2
    assert not list(place.glob("*"))


@pytest.fixture
def only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other place be tried."""
    monkeypatch.setattr(sharing, "_elsewhere", lambda: ())


@pytest.mark.parametrize(
    "spoilt", ["open", "link", "file", "long", "of another", "below another's", "below what all may write", "spaces", "%h", "${HOME}"]
)
@pytest.mark.usefixtures("only_there")
def test_a_place_that_is_not_ours_alone_or_that_ssh_would_misread_is_not_used(
    own_server: SshServer, place: Path, spoilt: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if spoilt == "open":
        place.mkdir(mode=0o700)
        place.chmod(0o770)
    elif spoilt == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    elif spoilt == "file":
        place.write_text("")
    elif spoilt == "of another":
        place.mkdir(mode=0o700)
        os.chown(place, NOBODY, NOBODY)
    elif spoilt == "below another's":
        os.chown(place.parent, NOBODY, NOBODY)
    elif spoilt == "below what all may write":
        place.parent.chmod(0o777)
    else:
        deep = place.parent / {"long": "long" * 20, "spaces": "a b"}.get(spoilt, spoilt)
        deep.mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    runner = runner_of(own_server)
    assert (echo(runner, "first"), echo(runner, "second"), logins(own_server)) == (b"first\n", b"second\n", 2)


def test_another_place_is_taken_where_the_first_is_not_ours(own_server: SshServer, place: Path) -> None:
    os.chown(place.parent, NOBODY, NOBODY)
    runner = runner_of(own_server)
    assert (echo(runner, "first"), echo(runner, "second"), logins(own_server)) == (b"first\n", b"second\n", 1)
    assert not list(place.parent.glob("*/*"))


@pytest.mark.usefixtures("only_there")
@pytest.mark.parametrize("becomes", ["gone", "another's"])
def test_a_place_is_looked_at_before_each_command(own_server: SshServer, place: Path, becomes: str) -> None:
    """A logout removes it, a user puts his own socket there: nothing is sent to whoever listens then."""
    runner = runner_of(own_server)
    assert echo(runner, "first") == b"first\n"
    away = place.rename(place.with_name("away"))
    if becomes == "another's":
        shutil.copytree(away, place, copy_function=lambda _from, to: Path(to).touch())
        os.chown(place, NOBODY, NOBODY)
    assert echo(runner, "second") == b"second\n"
    assert logins(own_server) == 2
