"""What a landing and a cutover cost does not grow with what lies beside them, and a sync serves all that was landed before it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drtool.model.command import Command, Completed
from drtool.model.plan import Landed, Move
from drtool.model.policy import SourcePolicy
from drtool.ports import Piped, Runner
from drtool.process import Interrupt, Scope, scope
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.files.source import FilesSource
from drtool.staging.settle import EARLY_BYTES, Settling, forget_landed, note_landed, settle, written_early
from drtool.staging.staged import staged
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY
from drtool.trees.filesystem import FileSystem
from tests.contracts.test_files_cutover import landed_in, request_for
from tests.rig.sshd import SshServer
from tests.rig.starts import Starts

COUNT = 20
MOST_COMMANDS_HERE, MOST_PROCESSES_HERE, MOST_COMMANDS_ELSEWHERE = 10, 22, 22


class Counting:
    """Writes down every command of a runner."""

    heard: list[Command]

    def run(self, command: Command, **more: Any) -> Completed:  # noqa: ANN401 - passed on
        self.heard.append(command)
        return super().run(command, **more)  # type: ignore[misc, no-any-return]  # of the runner that it is mixed into

    def pipe(self, command: Command, **more: Any) -> Piped:  # noqa: ANN401 - passed on
        self.heard.append(command)
        return super().pipe(command, **more)  # type: ignore[misc, no-any-return]  # likewise


class CountingHere(Counting, LocalRunner):
    def __init__(self) -> None:
        self.heard = []


class CountingElsewhere(Counting, SshRunner):
    def __init__(self, server: SshServer) -> None:
        super().__init__(name="pi", host=server.alias, ssh_config=str(server.config))
        self.heard = []


def source_at(*watch: Path, runner: Runner) -> FilesSource:
    return FilesSource(policy=SourcePolicy("here", "files", "home"), by=BY, runner=runner, clock=FixedClock(), watch=tuple(map(str, watch)))


def make_workloads(root: Path, count: int) -> list[Path]:
    paths = [root / f"workload {number}" for number in range(count)]
    for path in paths:
        path.mkdir(parents=True)
        (path / "file").write_bytes(b"before")
    return paths


def land(source: FilesSource, path: Path) -> Landed:
    return landed_in(source, replace(request_for(str(path)), leave_excluded=False))


def costs_of(source: FilesSource, paths: list[Path], count: Callable[[], int]) -> list[int]:
    """Land all, then put all into service; what each of them cost in both."""
    landed, costs = [], []
    for path in paths:
        landed.append(land(source, path))
        costs.append(count())
    for number, each in enumerate(landed):
        source.cutover(each)
        costs[number] += count()
    assert all((path / "file").read_bytes() == b"restored" for path in paths)
    return costs


def test_the_second_ten_cost_what_the_first_ten_did(tmp_path: Path) -> None:
    runner = CountingHere()
    paths = make_workloads(tmp_path, COUNT)

    def commands() -> int:
        heard, runner.heard = runner.heard, []
        return len(heard)

    costs = costs_of(source_at(*paths, runner=runner), paths, commands)
    assert sum(costs[: COUNT // 2]) == sum(costs[COUNT // 2 :])
    assert max(costs) <= MOST_COMMANDS_HERE


def test_what_these_commands_start_does_not_grow_either(tmp_path: Path) -> None:
    starts = Starts()
    if not starts.known:
        pytest.skip("the kernel tells nobody of processes")
    paths = make_workloads(tmp_path, COUNT)
    starts.count()
    costs = costs_of(source_at(*paths, runner=LocalRunner()), paths, lambda: starts.count() or 0)
    starts.close()
    assert sum(costs[: COUNT // 2]) == sum(costs[COUNT // 2 :])
    assert 0 < max(costs) <= MOST_PROCESSES_HERE


def test_over_ssh_the_second_five_cost_what_the_first_five_did(tmp_path: Path, ssh_server: SshServer) -> None:
    runner = CountingElsewhere(ssh_server)
    paths = make_workloads(tmp_path, COUNT // 2)

    def commands() -> int:
        heard, runner.heard = runner.heard, []
        return len(heard)

    costs = costs_of(source_at(*paths, runner=runner), paths, commands)[1:]  # the first one makes the connection too
    assert len(set(costs)) == 1
    assert costs[0] <= MOST_COMMANDS_ELSEWHERE


def syncs_of(runner: CountingHere) -> list[tuple[str, ...]]:
    return [command.argv for command in runner.heard if command.argv[0] == "sync"]


def is_whole(argv: tuple[str, ...]) -> bool:
    return "-f" in argv


def test_one_sync_serves_all_that_was_landed_before_it(tmp_path: Path) -> None:
    runner = CountingHere()
    *first, last = make_workloads(tmp_path, 4)
    source = source_at(*first, last, runner=runner)
    for landed in [land(source, path) for path in first]:
        source.cutover(landed)
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, False, False]
    source.cutover(land(source, last))
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, False, False, True], "its data came after that sync"


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def test_what_came_is_written_back_while_more_comes_and_no_more_than_that_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drtool.staging.settle.EARLY_SECONDS", 0.01)
    runner = CountingHere()
    first, second, small = make_workloads(tmp_path, 3)
    source = source_at(first, second, runner=runner)
    came_before = land(source, first)
    with source.land(replace(request_for(str(second)), bytes=EARLY_BYTES)) as landing:
        until(lambda: len(syncs_of(runner)) > 1)  # the first of them has ended
        root = Path(landing.way_of("").directory + str(second))
        root.mkdir(parents=True)
        (root / "file").write_bytes(b"restored")
    assert all(map(is_whole, syncs_of(runner)))
    runner.heard.clear()
    source.cutover(came_before)
    assert [is_whole(argv) for argv in syncs_of(runner)] == [False]
    source.cutover(landing.landed)
    assert [is_whole(argv) for argv in syncs_of(runner)] == [False, True], "its last byte came after each sync beside it had begun"
    assert (second / "file").read_bytes() == b"restored"
    runner.heard.clear()
    with source.land(replace(request_for(str(small)), bytes=EARLY_BYTES - 1)):
        time.sleep(0.1)
    assert syncs_of(runner) == []


def test_what_is_taken_back_while_a_sync_runs_is_not_settled_by_it(tmp_path: Path) -> None:
    settling, place = Settling(), f"{tmp_path}/one"
    Path(place).mkdir()
    note_landed(settling, place)

    class TakenBackMeanwhile(CountingHere):
        def run(self, command: Command, **more: Any) -> Completed:  # noqa: ANN401 - passed on
            if not self.heard:
                forget_landed(settling, place)
            return super().run(command, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drtool.staging.settle.EARLY_SECONDS", 0.01)
        runner = TakenBackMeanwhile()
        with written_early(settling, FileSystem(runner), str(tmp_path), expected_bytes=EARLY_BYTES):
            until(lambda: len(runner.heard) > 1)
    assert settling == Settling(one_at_a_time=settling.one_at_a_time)


def test_a_stop_ends_what_is_written_back_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drtool.staging.settle.EARLY_SECONDS", 0.01)
    (tmp_path / "sync").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "sync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    interrupt, runner = Interrupt(), CountingHere()
    with scope(Scope(interrupt=interrupt)), written_early(Settling(), FileSystem(runner), str(tmp_path), expected_bytes=EARLY_BYTES):
        until(lambda: bool(runner.heard))
        interrupt.request(2)
    assert len(runner.heard) == 1


def test_each_is_on_its_disk_before_it_is_called_so(tmp_path: Path) -> None:
    runner = CountingHere()
    paths = make_workloads(tmp_path, 3)
    source = source_at(*paths, runner=runner)
    all_landed = [land(source, path) for path in paths]
    for path, landed in zip(paths, all_landed, strict=True):
        runner.heard.clear()
        source.cutover(landed)
        last_rename = max(number for number, command in enumerate(runner.heard) if "drtool-rename" in command.argv)
        (synced,) = (number for number, command in enumerate(runner.heard) if command.argv[0] == "sync")
        (done,) = (number for number, command in enumerate(runner.heard) if state_in(command) == "done")
        assert last_rename < synced < done
        told = runner.heard[synced].argv
        assert str(path.parent) in told
        assert is_whole(told) or os.path.dirname(staged(landed).moves[0].content) in told


def state_in(command: Command) -> str:
    try:
        return str(json.loads(command.standard_input or b"")["state"])
    except (ValueError, KeyError):
        return ""


def test_what_another_process_landed_is_brought_to_its_disk_whole(tmp_path: Path) -> None:
    paths = make_workloads(tmp_path, 3)
    before = source_at(*paths, runner=LocalRunner())
    landed = [land(before, path) for path in paths]
    runner = CountingHere()
    source = source_at(*paths, runner=runner)
    for each in landed:
        source.cutover(each)
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, True, True]


def test_what_was_carried_is_brought_to_its_disk_whole(tmp_path: Path) -> None:
    runner = CountingHere()
    plain, carrying = make_workloads(tmp_path, 2)
    (carrying / "cache").mkdir()
    source = source_at(plain, carrying, runner=runner)
    request = request_for(str(carrying))
    rules = {**request.member.selector, "exclude": ("cache",)}
    landed = [land(source, plain), landed_in(source, replace(request, member=replace(request.member, selector=rules)))]
    for each in landed:
        source.cutover(each)
    assert (carrying / "cache").is_dir()
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, True]


def test_what_lies_in_a_new_folder_is_brought_to_its_disk_whole(tmp_path: Path) -> None:
    runner = CountingHere()
    plain, alone = make_workloads(tmp_path, 2)
    inside = alone / "deep" / "er"
    source = source_at(plain, alone, runner=runner)
    landed = [land(source, plain), landed_in(source, replace(request_for(str(alone)), paths=(str(inside),)))]
    for each in landed:
        source.cutover(each)
    assert (inside / "file").read_bytes() == b"restored"
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, True]


def test_what_was_changed_since_it_was_landed_is_brought_to_its_disk_whole(tmp_path: Path) -> None:
    runner, settling = CountingHere(), Settling()
    moves = {name: (Move(f"{tmp_path}/{name}/content", f"{tmp_path}/{name} target"),) for name in ("one", "other", "third")}
    for name in moves:
        (tmp_path / name).mkdir()
        note_landed(settling, f"{tmp_path}/{name}")
    for name, each in moves.items():
        if name == "other":
            forget_landed(settling, f"{tmp_path}/{name}")  # as whatever takes an exchange back does
        settle(settling, FileSystem(runner), f"{tmp_path}/{name}", moves=each, only_renames=True)
    assert [is_whole(argv) for argv in syncs_of(runner)] == [True, True, False]
