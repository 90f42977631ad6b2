from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.cli.drilled")

from tests.cli.drilled import Drilled, drilled  # noqa: E402 - after its asserts were told to speak


@pytest.fixture(scope="session")
def machine_drilled(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Drilled:
    """A machine with reports of good and bad drills; tests only read it, or drill again."""
    return drilled(tmp_path_factory.mktemp("drilled"), restic_newest)
