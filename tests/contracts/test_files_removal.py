"""What a restore kept aside, while it is removed: it comes back whole or not at all, whoever is first, and what is in service stays."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from drtool.model.command import Command, Completed
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.workload import Leftover
from drtool.planning.sweep import plan_sweep
from drtool.planning.undo import plan_undo
from drtool.ports import Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.testing.source_contract import BY, NOW, RUN
from tests.contracts.test_files_carry import (
    EXPECTED,
    RULES,
    SERVED_TREE,
    STORED,
    StopsAtCommand,
    again,
    everything_in,
    landed_in,
    request_for,
    source_at,
)
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture
from tests.rig.by_commands import ByCommands
from tests.rig.sshd import SshServer

UNDOING = f"{RUN[:-1]}8"
LATEST = f"{RUN[:-1]}9"


class ActsAtCommand(LocalRunner):
    """Somebody else acts, whole, before the command of a number."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.left, self.act = number, act

    def run(self, command: Command, **more: object) -> Completed:
        self.left -= 1
        if self.left == -1:
            self.act()
        return super().run(command, **more)  # type: ignore[arg-type]  # passed on


def restored(live: Path) -> Leftover:
    source = source_at(live)
    source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    return kept_by(live)


def kept_by(live: Path) -> Leftover:
    return next(leftover for leftover in source_at(live).leftovers(()) if leftover.what == "kept" and leftover.run == RUN)


def finish(live: Path) -> None:
    """What the sweeps of after that do, until nothing is left."""
    for what in ("staging", "kept", "placed"):
        for leftover in source_at(live).leftovers(()):
            if leftover.what == what:
                source_at(live).release(leftover)
    assert os.listdir(live.parent) == ["documents"]


def attempt(deed: Callable[[], object]) -> bool:
    refused: DrtoolError | None = None
    try:
        deed()
    except DrtoolError as error:
        refused = error
    assert refused is None or (refused.safe and refused.hint), refused
    return refused is None


def test_rm_that_has_opened_the_folder_does_not_empty_what_an_undo_puts_there(live: Path) -> None:
    kept = restored(live)
    undone: list[bool] = []

    class StoppedInRm(LocalRunner):
        def run(self, command: Command, **more: object) -> Completed:
            if command.argv[0] == "rm" and "-rf" in command.argv:
                opened = os.open(command.argv[-1], os.O_RDONLY | os.O_DIRECTORY)
                undone.append(attempt(lambda: source_at(live).undo(kept_by(live), UNDOING)))
                os.unlink("doc", dir_fd=opened)
                os.close(opened)
            return super().run(command, **more)  # type: ignore[arg-type]  # passed on

    source_at(live, runner=StoppedInRm()).release(kept)
    assert undone == [False]
    assert everything_in(live) == EXPECTED
    finish(live)


@pytest.mark.parametrize("first", ["sweep", "undo"])
def test_at_every_command_of_one_the_other_is_done_and_one_of_them_wins(live: Path, first: str) -> None:
    won = set()
    for number in range(60):
        kept = restored(live)
        deeds: dict[str, Callable[[Runner | None], object]] = {
            "sweep": lambda runner: source_at(live, runner=runner).release(kept),  # noqa: B023 - done before the next
            "undo": lambda runner: source_at(live, runner=runner).undo(kept, UNDOING),  # noqa: B023
        }
        second = "undo" if first == "sweep" else "sweep"
        done: dict[str, bool] = {}
        runner = ActsAtCommand(number, lambda: done.update({second: attempt(lambda: deeds[second](None))}))  # noqa: B023
        begun = attempt(lambda: deeds[first](runner))  # noqa: B023
        done[first] = begun
        if second not in done:
            break
        there = everything_in(live)
        assert there == (SERVED_TREE if done["undo"] else EXPECTED), f"{number}: {done}"
        won.add((done["sweep"], done["undo"]))
        finish(live)
        assert everything_in(live) == there
        again(live)
    else:
        pytest.fail("it never ended")
    assert number > 3
    assert (first == "sweep", first == "undo") in won or (first != "sweep", first != "undo") in won


@pytest.mark.parametrize("runner", [LocalRunner, ByCommands])
def test_a_removal_that_died_is_finished_and_what_had_begun_to_go_never_comes_back(live: Path, runner: Callable[[], Runner]) -> None:
    for count in range(60):
        kept = restored(live)

        class Dies(StopsAtCommand):
            look = getattr(runner, "look")  # noqa: B009 - as this one looks

        try:
            source_at(live, runner=Dies(count)).release(kept)
        except Interrupted:
            pass
        else:
            assert count > 3
            return
        left = [each for each in source_at(live).leftovers(()) if each.what == "kept"]
        whole = Path(kept.locator).exists()
        for each in left:
            if attempt(lambda: source_at(live).undo(each, UNDOING)):  # noqa: B023
                assert whole
                assert everything_in(live) == SERVED_TREE
            else:
                assert everything_in(live) == EXPECTED
        finish(live)
        again(live)
    pytest.fail("the removal never ended")


def test_on_another_machine_too(live: Path, ssh_server: SshServer) -> None:
    kept = restored(live)

    class Refuses(SshRunner):
        def run(self, command: Command, **more: object) -> Completed:
            if command.argv[0] == "rm" and "-rf" in command.argv:
                raise Interrupted
            return super().run(command, **more)  # type: ignore[arg-type]  # passed on

    far = {"name": "pi", "host": ssh_server.alias, "ssh_config": str(ssh_server.config)}
    with pytest.raises(Interrupted):
        source_at(live, runner=Refuses(**far)).release(kept)
    source = source_at(live, runner=SshRunner(**far))
    (left,) = source.leftovers(())
    assert Path(left.removing).is_dir()
    assert not Path(kept.locator).exists()
    with pytest.raises(Refused, match="removal had begun"):
        source.undo(left, UNDOING)
    source.release(left)
    assert everything_in(live) == EXPECTED
    assert os.listdir(live.parent) == ["documents"]


def test_what_may_not_be_changed_is_told_with_what_to_type_and_does_not_come_back(live: Path) -> None:
    kept = restored(live)
    fixed = Path(kept.locator) / "sub" / "kept"
    if subprocess.run(["chattr", "+i", fixed], check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing is immutable here")
    try:
        with pytest.raises(Refused, match="not permitted") as caught:
            source_at(live).release(kept)
        (left,) = source_at(live).leftovers(())
        assert f"chattr -R -i -a {left.removing}" in caught.value.hint
        assert left.removing in caught.value.safe
        assert "does not come back" in caught.value.safe
        with pytest.raises(Refused, match="removal had begun") as refused:
            plan_undo([left], undone=RUN, run=UNDOING, now=NOW, by=BY)
        assert left.removing in refused.value.hint
        assert everything_in(live) == EXPECTED
    finally:
        for path in live.parent.rglob("kept"):
            subprocess.run(["chattr", "-i", path], check=False)
    plan = plan_sweep([left], run=LATEST, now=NOW, by=BY, dead_runs=frozenset(), live_runs=frozenset(), ended_runs=frozenset({RUN}))
    assert [step.why for step in plan.steps] == ["its removal had begun"], "a sweep without --kept goes on with it"
    finish(live)
    with contextlib.suppress(NotFound):
        plan_undo(source_at(live).leftovers(()), undone=RUN, run=UNDOING, now=NOW, by=BY)
        pytest.fail("nothing is left to put back")
