"""What each test costs: seconds, and processes started, with all that these start. A plugin of pytest.

`DRTOOL_TEST_COSTS=FILE` appends a line of JSON for each test.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from typing import Final

import pytest

from tests.rig.starts import Starts

STARTS: Final = "process starts"
SECONDS: Final = "seconds in all"
_FILE: Final = "DRTOOL_TEST_COSTS"


class Costs:
    """Counts in the process that carries tests out."""

    def __init__(self) -> None:
        self._starts = Starts()
        self._since = time.monotonic()

    def pytest_unconfigure(self) -> None:
        self._starts.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._since = time.monotonic()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.when == "teardown":  # the last of a test's three reports carries what it cost
            started, seconds = self._starts.count(), time.monotonic() - self._since
            item.user_properties += [(STARTS, started), (SECONDS, round(seconds, 3))]
            if os.environ.get(_FILE):
                with open(os.environ[_FILE], "a", encoding="utf-8") as stream:
                    stream.write(json.dumps([item.nodeid, started, round(seconds, 3)]) + "\n")
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(), "what tests cost")
