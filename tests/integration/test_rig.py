"""The real parts are real: each answers, survives a kill with its data, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.rig import restic
from tests.rig.disk import full_disk
from tests.rig.missing import MissingToolError, tool
from tests.rig.ports import Ports, is_listening
from tests.rig.postgres import PostgresServer, remove_shared_memory
from tests.rig.s3 import S3Server
from tests.rig.sshd import SshServer
from tests.rig.terminal import Terminal, run_in_terminal
from tests.rig.tree import assert_same, make_tree


def _run(*arguments: str | Path, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        [str(argument) for argument in arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_each_restic_has_its_own_version(every_restic: Path) -> None:
    found = _run(every_restic, "version").split()[1]
    expected = {restic.binary(version): version for version in restic.VERSIONS}[every_restic]
    assert expected == "distribution" or found.startswith(f"{expected}.")


def test_every_restic_brings_a_nasty_tree_back(every_restic: Path, tmp_path: Path, home: Path) -> None:
    make_tree(tmp_path / "tree", files=10)
    options: list[str | Path] = [every_restic, "--quiet", "--repo", tmp_path / "repository"]
    environment = {"RESTIC_PASSWORD": "throw-away"}
    _run(*options, "init", environment=environment)
    _run(*options, "backup", tmp_path / "tree", environment=environment)
    _run(*options, "restore", "latest", "--target", tmp_path / "out", environment=environment)
    assert_same(tmp_path / "tree", tmp_path / "out" / (tmp_path / "tree").relative_to("/"))


def test_the_same_seed_gives_the_same_tree(tmp_path: Path) -> None:
    make_tree(tmp_path / "one", files=5, seed=7)
    make_tree(tmp_path / "two", files=5, seed=7)
    assert_same(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    "damage",
    [
        "touch -h -d @7.000000001 special/dangling",
        "touch -d @7.000000001 special/empty",
        "printf x >> 'extended/attributes'",
        "rm 'special/empty folder' -d",
        "ln -f special/linked 'special/equal but not linked'",
        "cp -a --remove-destination special/linked 'special/linked here'",
        "setfattr -x user.drtool.bytes extended/attributes",
        "setfacl -x u:4321 'extended/access list'",
        "setfacl -k 'extended/default access list'",
        "chmod 755 'special/empty folder'",
        "ln -sfn elsewhere special/symlink",
        "rm special/fifo",
        "printf new > names/new",
    ],
)
def test_one_difference_is_seen(damage: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    make_tree(one, files=1)
    make_tree(two, files=1)
    _forget_times(one)
    _forget_times(two)
    assert_same(one, two)
    _shell(damage, two)
    if not damage.startswith("touch"):
        _forget_times(two)  # so that only the damage itself can be seen
    with pytest.raises(AssertionError, match="differ"):
        assert_same(one, two)


def _forget_times(tree: Path) -> None:
    _shell("find . -exec touch -h -d @7 {} +", tree)


def _shell(script: str, directory: Path) -> None:
    subprocess.run(["/bin/sh", "-c", script], cwd=directory, check=True)


def test_a_small_disk_is_full_soon_and_gone_after() -> None:
    with full_disk("64k") as disk, pytest.raises(OSError, match="No space left"):
        (disk / "file").write_bytes(bytes(100_000))
    assert not disk.exists()


def test_s3_keeps_a_repository_through_a_kill(restic_oldest: Path, home: Path) -> None:
    with S3Server() as server:
        arguments: list[str | Path] = [restic_oldest, "--quiet", "--repo", server.address("bucket", "some/prefix")]
        environment = {**server.environment(), "RESTIC_PASSWORD": "throw-away"}
        _run(*arguments, "init", environment=environment)
        _run(*arguments, "backup", __file__, environment=environment)
        before = server.endpoint
        server.kill()
        assert not is_listening(server.port)
        server.start()
        assert server.endpoint == before
        _run(*arguments, "check", "--read-data", environment=environment)
        pid = server.pid
    _wait_until_gone(pid)
    assert not server.directory.exists()


def test_s3_identities_may_do_what_they_are_for(s3_server: S3Server, restic_newest: Path, home: Path) -> None:
    arguments: list[str | Path] = [restic_newest, "--quiet", "--repo", s3_server.address("identities")]
    password = {"RESTIC_PASSWORD": "throw-away"}
    _run(*arguments, "init", environment={**s3_server.environment("admin"), **password})
    _run(*arguments, "backup", __file__, environment={**s3_server.environment("writer"), **password})
    reader = {**s3_server.environment("reader"), **password}
    assert "test_rig.py" in _run(*arguments, "--no-lock", "ls", "latest", environment=reader)
    with pytest.raises(AssertionError):
        _run(*arguments, "backup", __file__, environment=reader)


def test_ssh_runs_commands_and_carries_files(ssh_server: SshServer, restic_oldest: Path, tmp_path: Path) -> None:
    assert _run(*ssh_server.command("echo", "$((40 + 2))")) == "42\n"
    assert _run(*ssh_server.command("echo", "$HOME")) == f"{ssh_server.directory / 'home'}\n", "a person's login files are not read"
    arguments: list[str | Path] = [
        restic_oldest,
        *ssh_server.restic_options,
        "--repo",
        ssh_server.address(tmp_path / "r"),
    ]
    _run(*arguments, "init", environment={"RESTIC_PASSWORD": "throw-away"})
    assert (tmp_path / "r" / "config").exists()


def test_killing_the_ssh_server_ends_its_sessions() -> None:
    with SshServer() as server:
        with subprocess.Popen(server.command("echo $$; exec sleep 600"), stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            remote = int(client.stdout.readline())
            server.kill()
            assert client.wait(timeout=10) == 255
        _wait_until_gone(remote)
        server.start()
        assert _run(*server.command("echo", "again")) == "again\n"


def test_postgres_keeps_rows_through_a_kill() -> None:
    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")
        server.sql("CREATE TABLE item (name text); INSERT INTO item VALUES ('anvil')", database="shop")
        server.kill()
        server.start()
        assert server.sql("SELECT name FROM item", database="shop") == "anvil"
        server.kill()
        pid = server.pid
    _wait_until_gone(pid)


def test_postgres_says_what_is_wrong(postgres_server: PostgresServer) -> None:
    dump = _run("psql", "--list", environment=postgres_server.environment())
    assert "postgres" in dump
    with pytest.raises(RuntimeError, match="nonsense"):
        postgres_server.sql("nonsense")


def test_a_terminal_has_its_size_and_gives_the_exit_code() -> None:
    screen = run_in_terminal(["sh", "-c", "stty size; printf 'caf\u00e9 \u2713\\n'; test -t 1 && exit 3"], width=100, height=9)
    assert screen.text == "9 100\ncaf\u00e9 \u2713"
    assert screen.exit_code == 3


def test_keys_reach_the_command_in_a_terminal() -> None:
    with Terminal(["cat"]) as terminal:
        terminal.send("hello", "Enter")
        terminal.wait_for("hello\nhello")
        terminal.send("C-d")
        assert terminal.wait() == 0
    with Terminal(["cat"]) as terminal:
        terminal.send("ready", "Enter")
        terminal.wait_for("ready\nready")
        terminal.send("C-c")
        assert terminal.wait() == 128 + signal.SIGINT


def test_ports_are_kept_apart() -> None:
    first, second = Ports(50), Ports(50)
    assert not set(first.numbers) & set(second.numbers)
    first.release()
    second.release()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_a_killed_test_run(ending: signal.Signals) -> None:
    program = """
        import time
        from tests.rig.postgres import PostgresServer
        from tests.rig.sshd import SshServer
        servers = [SshServer(), PostgresServer()]
        for server in servers:
            server.start()
        print(*(server.pid for server in servers), flush=True)
        print(*(server.directory for server in servers), flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        directories = run.stdout.readline().split()
        assert len(pids) == len(directories) == 2
        run.send_signal(ending)
        run.wait(timeout=30)
    for pid in pids:
        _wait_until_gone(pid)
    for directory in directories:
        remove_shared_memory(Path(directory) / "data")
        shutil.rmtree(directory, ignore_errors=True)


def test_a_missing_tool_names_its_package() -> None:
    with pytest.raises(MissingToolError, match="apt-get install nothing"):
        tool("no-such-program", package="nothing")
