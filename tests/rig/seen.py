"""A run of the tests says at its end what went through the simulated appliances, and whether wrong messages were seen as such."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.rig import truenas_models

WRONG_MESSAGES = "test_models.py::test_what_does_not_fit_is_seen"
"""The negative control: each of its cases is one message that must be seen as wrong."""
_OURS = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Let every appliance, in whatever process of this run, write what it saw to one file."""
    if not os.environ.get(truenas_models.COUNTED):
        config.stash[_OURS] = tempfile.mkdtemp(prefix="drtool-seen-")
        os.environ[truenas_models.COUNTED] = os.path.join(config.stash[_OURS], "seen")
    truenas_models.seen_at = os.environ[truenas_models.COUNTED]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it in one line, where anything was seen."""
    stats = terminalreporter.stats
    caught, uncaught = (sum(WRONG_MESSAGES in each.nodeid for each in stats.get(name, ())) for name in ("passed", "failed"))
    told = truenas_models.tell_seen(Path(truenas_models.seen_at), caught=caught, uncaught=uncaught)
    if told:
        terminalreporter.write_line(told)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the file, where this process made it."""
    made = config.stash.get(_OURS, "")
    if made:
        shutil.rmtree(made, ignore_errors=True)
        os.environ.pop(truenas_models.COUNTED, None)
