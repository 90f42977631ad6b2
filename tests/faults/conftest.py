from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.fault_world")

from tests.faults.fault_world import World  # noqa: E402 - after its asserts were told to speak

KILL_POINTS = "kill points"


@pytest.fixture(scope="module")
def broken_world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path, worker_id: str) -> Iterator[World]:
    """A world with two points in each repository, saved: `load` brings it back."""
    root = tmp_path_factory.mktemp("world")
    world = World(root / "w", restic_newest, name=f"{root.name}-{worker_id}-{root.parent.name}")
    try:
        world.make(points=2)
        world.save()
        yield world
    finally:
        world.close()


@pytest.fixture
def world(broken_world: World) -> World:
    """The world as it was saved."""
    broken_world.write_policy()
    broken_world.load()
    return broken_world


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of one module to one worker: another would make the module's world once more, which takes longer than most of them."""
    for item in items:
        if isinstance(item, pytest.Function) and "broken_world" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many times drtool was killed."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    counts = [int(str(value)) for report in reports if report.when == "call" for key, value in report.user_properties if key == KILL_POINTS]
    if counts:
        terminalreporter.write_line(f"drtool was killed at {sum(counts)} points")
