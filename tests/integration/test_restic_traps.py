"""What has gone wrong for others with restic, tried on purpose with real repositories."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.command import Command, Completed
from drtool.model.errors import Corrupt, DrtoolError, Locked, NoRepository, NotFound, Refused, Unavailable, WrongKey
from drtool.model.point import Artifact, Census
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.ports import ArtifactRequest, LineListener, Repository, Runner
from drtool.repositories.append_only import AppendOnly
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.testing.repository_contract import (
    BY,
    POINT,
    WORKLOAD,
    RepositoryPair,
    empty_directory,
    evidence,
    get_request,
    hold,
    make_tree,
    put_request,
    put_stream,
    put_tree,
    seal,
    sealed_tree,
    tree_artifact,
)
from tests.rig.disk import full_disk
from tests.rig.ports import Ports
from tests.rig.s3 import S3Server
from tests.rig.sshd import SshServer

CANARY = "canary-do-not-print"
PASSWORD = SecretReference("env", "TRAP_PASSWORD")


@dataclass
class Recorder(LocalRunner):
    """This machine, remembering the argument lists and what every program said."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.said: list[bytes] = []

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        completed = super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)
        self.commands.append(command)
        self.said += [completed.standard_output, completed.standard_error]
        return completed

    def restic_verbs(self) -> list[str]:
        """The restic commands that were given, in order."""
        known = ("version", "snapshots", "backup", "forget", "copy", "init", "dump", "restore", "cat", "check", "prune", "unlock", "list")
        return [next(word for word in known if word in command.argv) for command in self.commands if command.argv[0].endswith("restic")]


def open_repository(
    address: Address,
    binary: Path,
    *,
    cache: Path | None = None,
    runner: Runner | None = None,
    password: str = CANARY,
    seconds: float = 5,
    known_dead: Callable[[int, datetime], bool] = lambda _pid, _since: False,
    name: str = "near",
) -> ResticRepository:
    local = runner or LocalRunner()
    return ResticRepository(
        policy=RepositoryPolicy(name, address, "home", timeout=timedelta(seconds=seconds)),
        by=BY,
        secrets=Secrets({**os.environ, "TRAP_PASSWORD": password}, local),
        clock=SystemClock(),
        local=local,
        cache_directory=str(cache) if cache else None,
        binary=str(binary),
        known_dead=known_dead,
    )


def make_pair(tmp_path: Path, binary: Path, runner: Runner | None = None) -> RepositoryPair:
    near = open_repository(Address(str(tmp_path / "near"), PASSWORD), binary, cache=tmp_path / "cache", runner=runner)
    far = open_repository(Address(str(tmp_path / "far"), PASSWORD), binary, cache=tmp_path / "cache", runner=runner, name="far")
    return RepositoryPair(near, far, near, runner or LocalRunner(), tmp_path)


@pytest.fixture(params=["oldest", "newest"])
def binary(request: pytest.FixtureRequest, restic_oldest: Path, restic_newest: Path, home: Path) -> Path:
    return restic_oldest if request.param == "oldest" else restic_newest


@pytest.fixture
def pair(tmp_path: Path, binary: Path) -> RepositoryPair:
    pair = make_pair(tmp_path, binary)
    pair.repository.initialise()
    return pair


def largest_pack(repository: Path) -> Path:
    return max((path for path in (repository / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def restic(binary: Path, repository: Path, *arguments: str) -> str:
    environment = {**os.environ, "RESTIC_PASSWORD": CANARY, "RESTIC_REPOSITORY": str(repository)}
    return subprocess.run([str(binary), *arguments], env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def holding_a_lock(binary: Path, repository: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A restic that reads a standard input without end."""
    environment = {**os.environ, "RESTIC_PASSWORD": CANARY, "RESTIC_REPOSITORY": str(repository)}
    command = [str(binary), "backup", "--stdin", "--stdin-filename", "/endless"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            deadline = time.monotonic() + 20
            while not any(len(path.name) == 64 for path in (repository / "locks").iterdir()):  # not one that is still being written
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield child
        finally:
            child.kill()
            child.wait()


def random_tree(directory: Path) -> Path:
    tree = make_tree(directory)
    (tree / "random").write_bytes(os.urandom(2_000_000))
    return tree


def test_a_flipped_byte_is_seen_by_a_reading_and_by_a_restore(pair: RepositoryPair) -> None:
    random_tree(pair.directory)
    artifact = sealed_tree(pair)
    pair.other.initialise()
    pack = largest_pack(pair.directory / "near")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    with pytest.raises(Corrupt, match=r"pack|damage"):
        pair.repository.verify()
    with pytest.raises(Corrupt):
        pair.repository.get(replace(get_request(pair, artifact, empty_directory(pair, "out")), fresh_cache=True))
    with pytest.raises(Corrupt):
        pair.other.copy((POINT,), pair.repository)
    assert pair.other.list().points == ()


def test_a_lost_pack_is_seen_by_a_reading_and_by_a_restore(pair: RepositoryPair) -> None:
    random_tree(pair.directory)
    artifact = sealed_tree(pair)
    largest_pack(pair.directory / "near").unlink()
    with pytest.raises(Corrupt):
        pair.repository.verify()
    with pytest.raises(Corrupt):
        pair.repository.get(replace(get_request(pair, artifact, empty_directory(pair, "out")), fresh_cache=True))


def test_a_damaged_stream_leaves_no_file(pair: RepositoryPair) -> None:
    put_stream(pair, "head -c 3000000 /dev/urandom")
    (stored,) = pair.repository.list().unsealed
    largest_pack(pair.directory / "near").unlink()
    artifact = Artifact("billing", "stream", stored.tree, "/billing", Census(1, 3_000_000, sha256="0" * 64))
    out = empty_directory(pair, "out")
    with pytest.raises(Corrupt):
        pair.repository.get(replace(get_request(pair, artifact, out), workload="billing", fresh_cache=True))
    assert list(out.iterdir()) == []


def test_a_wrong_key_is_told_apart(pair: RepositoryPair, tmp_path: Path, binary: Path) -> None:
    stranger = open_repository(Address(str(tmp_path / "near"), PASSWORD), binary, password="another")
    for attempt in (stranger.list, stranger.verify, stranger.prune, lambda: stranger.append(hold("h"))):
        with pytest.raises(WrongKey) as raised:
            attempt()
        assert "another" not in str(raised.value.what + raised.value.hint)


def test_a_missing_repository_is_told_apart(tmp_path: Path, binary: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("nowhere", "empty"):
        with pytest.raises(NoRepository):
            open_repository(Address(str(tmp_path / place), PASSWORD), binary).verify()
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_missing_program_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    with pytest.raises(NotFound, match="not installed"):
        open_repository(Address(str(tmp_path), PASSWORD), tmp_path / "restic").list()
    with pytest.raises(Refused, match="does not look like restic"):
        open_repository(Address(str(tmp_path), PASSWORD), Path(shutil.which("true") or "")).list()


def test_a_missing_source_stores_nothing(pair: RepositoryPair) -> None:
    artifact = ArtifactRequest(WORKLOAD, "tree", str(pair.directory / "nowhere"))
    with pytest.raises(DrtoolError):
        pair.repository.put(put_request(pair, artifact, POINT, WORKLOAD))
    assert pair.repository.list().unsealed == ()


def test_what_cannot_be_read_is_named_and_the_rest_is_stored(pair: RepositoryPair) -> None:
    put = pair.repository.put(put_request(pair, ArtifactRequest("self", "tree", "/proc/self/net/stat"), POINT, "self"))
    assert put.snapshot
    tree = make_tree(pair.directory)
    # A file of the kernel that nobody can read: the tests run as root, whom no mode stops.
    with mounted(Path("/proc/self/mem"), tree / "letter"):
        put = put_tree(pair, POINT)
    assert any("letter" in item for item in put.unreadable), put
    assert put.files < 5


@contextmanager
def mounted(source: Path, target: Path) -> Iterator[None]:
    if os.geteuid() != 0 or subprocess.run(["mount", "--bind", str(source), str(target)], capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a file over another")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_snapshots_of_others_are_counted_and_left_alone(pair: RepositoryPair, binary: Path) -> None:
    repository = pair.directory / "near"
    tree = str(make_tree(pair.directory))
    restic(binary, repository, "backup", tree)
    restic(binary, repository, "backup", "--tag", "drtool,by=contract,role=manifest,point=x", tree)
    restic(binary, repository, "backup", "--tag", "drtool", "--tag", "role=data", tree)
    sealed_tree(pair)
    listing = pair.repository.list()
    assert (listing.foreign, len(listing.points), listing.unsealed) == (3, 1, ())
    ours = {listing.points[0].manifest, *(data.id for data in listing.points[0].data)}
    others = {entry["id"] for entry in json.loads(restic(binary, repository, "snapshots", "--json"))} - ours
    assert len(others) == 3
    for name in others:
        with pytest.raises(Refused):
            pair.repository.discard((name,))
    pair.repository.forget((POINT,))
    assert pair.repository.list().foreign == 3


def test_a_run_costs_few_calls(tmp_path: Path, binary: Path) -> None:
    recorder = Recorder()
    pair = make_pair(tmp_path, binary, recorder)
    pair.repository.initialise()
    pair = make_pair(tmp_path, binary, recorder)
    recorder.commands.clear()
    pair.repository.list()
    make_tree(pair.directory)
    with ThreadPoolExecutor(3) as pool:
        puts = list(pool.map(lambda _number: put_tree(pair, POINT), range(3)))
    unsealed = pair.repository.list().unsealed
    seal(pair, POINT, tree_artifact(pair, puts[0], unsealed[0].tree))
    pair.repository.list()
    pair.repository.forget((POINT,))
    verbs = ["version", "snapshots", "backup", "backup", "backup", "snapshots", "backup", "snapshots", "forget", "forget"]
    assert recorder.restic_verbs() == verbs
    assert pair.repository.list().unsealed == ()


def test_no_secret_is_in_an_argument_list_or_an_answer(tmp_path: Path, binary: Path) -> None:
    recorder = Recorder()
    pair = make_pair(tmp_path, binary, recorder)
    pair.repository.initialise()
    pair.other.initialise(chunker_of=pair.repository)
    sealed_tree(pair)
    pair.other.copy((POINT,), pair.repository)
    pair.repository.examine()
    for command in recorder.commands:
        assert CANARY not in repr(command)
        assert CANARY not in " ".join((*command.argv, *command.environment, *command.environment.values()))
    assert not any(CANARY.encode() in said for said in recorder.said)


def test_a_living_lock_is_respected_and_named(pair: RepositoryPair, tmp_path: Path, binary: Path) -> None:
    with holding_a_lock(binary, tmp_path / "near") as owner:
        with pytest.raises(Locked, match=f"process {owner.pid}") as raised:
            pair.repository.prune()
        assert socket.gethostname() in raised.value.what
        assert raised.value.transient
        assert list((tmp_path / "near" / "locks").iterdir())
        pair.repository.append(evidence("e1"))
        findings = pair.repository.examine()
    assert any("held by" in finding.text for finding in findings)


def test_a_dead_lock_of_ours_is_removed_and_any_other_is_not(pair: RepositoryPair, tmp_path: Path, binary: Path) -> None:
    with holding_a_lock(binary, tmp_path / "near") as owner:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert len(list((tmp_path / "near" / "locks").iterdir())) == 1
    with pytest.raises(Locked, match=f"process {owner.pid}"):
        pair.repository.prune()
    address = Address(str(tmp_path / "near"), PASSWORD)
    knowing = open_repository(address, binary, known_dead=lambda pid, _since: pid == owner.pid)
    assert any("left behind" in finding.text for finding in knowing.examine())
    with holding_a_lock(binary, tmp_path / "near") as living, pytest.raises(Locked, match=f"process {living.pid}"):
        knowing.prune()
    knowing = open_repository(address, binary, known_dead=lambda pid, _since: pid in (owner.pid, living.pid))
    knowing.prune()
    assert list((tmp_path / "near" / "locks").iterdir()) == []


def test_a_lock_whose_dead_owner_is_collected_late_is_removed_then(pair: RepositoryPair, tmp_path: Path, binary: Path) -> None:
    with holding_a_lock(binary, tmp_path / "near") as owner:
        owner.send_signal(signal.SIGKILL)
        collected = threading.Timer(2, owner.wait)
        collected.start()
        knowing = open_repository(Address(str(tmp_path / "near"), PASSWORD), binary, known_dead=lambda pid, _since: pid == owner.pid)
        knowing.prune()
        collected.join()
    assert list((tmp_path / "near" / "locks").iterdir()) == []


_WAITS_FOR_A_LOCK = """#!/bin/sh
case " $* " in *" backup "*) echo met >>"{met}" ;; esac
if [ -e "{met}" ] && [ "$(wc -l <"{met}")" -le {times} ]; then
    echo "Load(<lock/ee6e94677f>, 0, 0) returned error, retrying after 4.5s: open locks/ee6e94677f: no such file or directory" >&2
    exec sleep 60
fi
exec "{binary}" "$@"
"""


@pytest.mark.parametrize(("times", "succeeds"), [(2, True), (100, False)])
def test_a_lock_that_went_away_while_it_was_read_is_not_waited_for(tmp_path: Path, binary: Path, times: int, succeeds: bool) -> None:  # noqa: FBT001
    program = tmp_path / "restic that waits"
    program.write_text(_WAITS_FOR_A_LOCK.format(met=tmp_path / "met", times=times, binary=binary))
    program.chmod(0o755)
    pair = make_pair(tmp_path, program)
    pair.repository.initialise()
    make_tree(pair.directory)
    if succeeds:
        put_tree(pair, POINT)
        assert len((tmp_path / "met").read_text().split()) == times + 1
    else:
        with pytest.raises(Unavailable, match="a lock of near that is gone"):
            put_tree(pair, POINT)


def test_a_server_that_does_not_answer_is_noticed_at_once(tmp_path: Path, binary: Path) -> None:
    ports = Ports(1)
    dead = ports.numbers[0]
    environment = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    config = tmp_path / "ssh_config"
    config.write_text(f"Host pi\n HostName 127.0.0.1\n Port {dead}\n", encoding="utf-8")
    addresses = (
        Address(f"s3:http://127.0.0.1:{dead}/bucket", PASSWORD, environment),
        Address(f"rest:http://127.0.0.1:{dead}/", PASSWORD),
        Address("sftp:pi:/srv/repository", PASSWORD, ssh_config=str(config)),
        Address(f"sftp://nobody@127.0.0.1:{dead}//srv/repository", PASSWORD),
    )
    for address in addresses:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            open_repository(address, binary).list()
        assert time.monotonic() - started < 5
        assert any(finding.good is False for finding in open_repository(address, binary).examine())


def test_wrong_credentials_do_not_take_a_quarter_of_an_hour(tmp_path: Path, binary: Path, s3_server: S3Server) -> None:
    address = Address(s3_server.address("credentials"), PASSWORD, s3_server.environment())
    good = open_repository(address, binary, seconds=30)
    good.initialise()
    environment = {**s3_server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    with pytest.raises(Refused, match="permission"):
        open_repository(replace(address, environment=environment), binary, seconds=30).list()
    assert any("clock" in finding.subject and finding.good for finding in good.examine())


def test_a_server_that_dies_meanwhile_ends_the_store(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    with S3Server() as server:
        address = Address(server.address("dying"), PASSWORD, server.environment())
        repository = open_repository(address, restic_newest, seconds=3)
        repository.initialise()
        pair = RepositoryPair(repository, repository, repository, LocalRunner(), tmp_path)
        with ThreadPoolExecutor(1) as pool:
            stored = pool.submit(put_stream, pair, "while :; do head -c 1000000 /dev/urandom || exit 1; sleep 0.05; done")
            time.sleep(3)
            server.kill()
            with pytest.raises(Unavailable):
                stored.result(timeout=120)


def test_a_full_disk_is_refused_and_earlier_points_stay(tmp_path: Path, binary: Path) -> None:
    with full_disk("8m") as disk:
        repository = open_repository(Address(str(disk / "near"), PASSWORD), binary, cache=tmp_path / "cache")
        repository.initialise()
        pair = RepositoryPair(repository, repository, repository, LocalRunner(), tmp_path)
        sealed_tree(pair)
        (tmp_path / "tree" / "large").write_bytes(os.urandom(12_000_000))
        with pytest.raises(Refused, match="full"):
            put_tree(pair, "01J0000000000000000002PBNT")
        assert [point.point for point in repository.list().points] == [POINT]


def test_two_ssh_repositories_are_not_copied_between(tmp_path: Path, home: Path, restic_newest: Path, ssh_server: SshServer) -> None:
    config = str(ssh_server.config)
    other = tmp_path / "other_config"
    other.write_text(ssh_server.config.read_text(encoding="utf-8"), encoding="utf-8")
    near = open_repository(Address(ssh_server.address(tmp_path / "near"), PASSWORD, ssh_config=config), restic_newest)
    far = open_repository(Address(ssh_server.address(tmp_path / "far"), PASSWORD, ssh_config=str(other)), restic_newest, name="far")
    near.initialise()
    far.initialise()
    pair = RepositoryPair(near, far, near, LocalRunner(), tmp_path)
    sealed_tree(pair)
    with pytest.raises(Refused, match="two SSH connections"):
        far.copy((POINT,), near)


def test_a_drill_may_only_read_and_append(pair: RepositoryPair) -> None:
    artifact = sealed_tree(pair)
    read_only: Repository = AppendOnly(pair.repository)
    manifest = pair.repository.list().points[0].manifest
    attempts: tuple[Callable[[], object], ...] = (
        read_only.initialise,
        read_only.prune,
        lambda: read_only.forget((POINT,)),
        lambda: read_only.discard(("x",)),
        lambda: read_only.copy((POINT,), pair.repository),
        lambda: put_tree(replace(pair, repository=read_only), POINT),
        lambda: seal(replace(pair, repository=read_only), POINT, artifact),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="a drill may only read"):
            attempt()
    read_only.append(evidence("e1"))
    read_only.append(hold("h1"))
    listing = read_only.list()
    assert (len(listing.points), len(listing.evidence), len(listing.holds)) == (1, 1, 1)
    assert read_only.read(manifest) == pair.repository.read(manifest)
    assert read_only.get(get_request(pair, artifact, empty_directory(pair, "out"))).files == 5
    assert list(read_only.browse(artifact, POINT, WORKLOAD))
    assert read_only.verify() > 0
    assert read_only.guarantees().encrypted
    assert read_only.examine()


def test_the_oldest_tells_what_it_cannot_do(tmp_path: Path, home: Path, restic_oldest: Path, restic_newest: Path) -> None:
    (tmp_path / "place").mkdir()
    address = Address(str(tmp_path / "place" / "near"), PASSWORD)
    old, new = (open_repository(address, binary) for binary in (restic_oldest, restic_newest))
    old.initialise()
    assert len(old.guarantees().lost) == 5
    assert new.guarantees().lost == ()
    assert any(finding.good is None for finding in old.examine())
