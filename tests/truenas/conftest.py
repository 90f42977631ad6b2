from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.truenas.nas_world")

from drtool.lab.truenas import appliance  # noqa: E402 - after its asserts were told to speak
from tests.rig import zfs  # noqa: E402
from tests.rig.truenas_lab import Lab, running_lab  # noqa: E402
from tests.truenas.nas_world import NasWorld  # noqa: E402

KILLED, FAULTS = "killed against a NAS", "faults against a NAS"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A simulated appliance on plain directories; its shares are mounted, which needs root."""
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def nas_world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Iterator[NasWorld]:
    """A NAS with two points of it in a repository; whoever changes it puts it back."""
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    root = tmp_path_factory.mktemp("nas")
    with pytest.MonkeyPatch.context() as patch, running_lab(root) as running:
        patch.setattr(appliance, "_TRIES", 100_000)  # every drtool that dies here had logged in
        world = NasWorld(running, restic_newest, root / "world")
        try:
            world.make()
            yield world
        finally:
            world.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often drtool was killed, and how many faults met how many verbs."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    for name in (KILLED, FAULTS):
        counts = [int(str(value)) for report in reports if report.when == "call" for key, value in report.user_properties if key == name]
        if counts:
            terminalreporter.write_line(f"{name}: {sum(counts)}")


@pytest.fixture(scope="module", params=zfs.STORAGES)
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One on plain directories and one on real ZFS, which needs /dev/fuse too."""
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path_factory.mktemp(request.param), real=request.param == "zfs") as running:
        yield running


@pytest.fixture
def either(shared: Lab) -> Lab:
    """That, as it is when it is fresh."""
    source = shared.source(by="nobody")
    shared.refresh(source)
    source.close()
    return shared
