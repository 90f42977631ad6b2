"""How many processes the tests of a file may start, and about how long they take: `tests/budget.json`.

A file that starts more fails the run, as too little coverage does: processes are what tests cost. A plugin of pytest:
`--budget check` compares, `--budget write` writes down what was counted, with a little room.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.rig.costs import SECONDS, STARTS

FILE: Final = Path(__file__).resolve().parents[1] / "budget.json"
DRAWN: Final = "drawn from the full list"
"""A test that carries this property is counted to no budget: another commit draws another."""
FREE_STARTS: Final = 200
"""So many processes need no budget."""
_ROOM: Final = 1.25
"""What starts once for all (a server) is counted to whichever file asks first."""
_SLOW: Final = 1.5
"""A machine that is slow asks more often whether something is done: what is over the budget by no more than that fails nothing."""


@dataclass(frozen=True)
class Allowed:
    """What a file may cost: process starts of its short list and of all its tests (None: not measured yet), and the seconds of all."""

    short: int | None
    all: int | None
    seconds: float
    """0: nobody measured it."""


def read_budget() -> dict[str, Allowed]:
    """Return what each file may cost; one that is not named may start FREE_STARTS."""
    return {name: Allowed(**cost) for name, cost in json.loads(FILE.read_text()).items()}


BUDGET: Final = read_budget()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--budget", choices=("check", "write"), help="compare the processes that the tests of each file start with tests/budget.json"
    )


class Budget:
    """Adds up, where the reports of all workers come together."""

    def __init__(self, config: pytest.Config) -> None:
        self._list = "short" if config.getoption("short") else "all"
        self._writes = config.getoption("budget") == "write"
        self._starts: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._uncounted: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        told = dict(report.user_properties)
        file = report.nodeid.partition("::")[0]
        if DRAWN in told:
            return
        if told.get(STARTS) is None:
            self._uncounted.add(file)
        else:
            self._starts[file] += int(str(told[STARTS]))
        self._seconds[file] += float(str(told.get(SECONDS, 0)))

    def _allowed(self, file: str) -> int | None:
        return (BUDGET[file].short if self._list == "short" else BUDGET[file].all) if file in BUDGET else FREE_STARTS

    @property
    def over(self) -> dict[str, tuple[int, int]]:
        """The files that started more than they may: how many, and how many they may."""
        return {
            file: (count, allowed)
            for file, count in sorted(self._starts.items())
            if (allowed := self._allowed(file)) is not None and count > allowed * _SLOW
        }

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._writes:
            self._write()
        elif self.over and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Come last of all: what ends a run with an error stands where its end is read."""
        yield
        if self._uncounted:
            terminalreporter.write_line(f"processes were not counted in {len(self._uncounted)} files: only root is told of them, in time")
        waiting = sorted(file for file in self._starts if self._allowed(file) is None)
        if waiting and not self._writes:
            terminalreporter.write_line(f"without a budget yet: {len(waiting)} files (--budget write, once each was carried out whole)")
        for file, (count, allowed) in self.over.items() if not self._writes else ():
            words = f"BUDGET: {file} started {count} processes, {allowed} are allowed: merge what is alike, or ask in memory"
            terminalreporter.write_line(words, red=True)

    def _write(self) -> None:
        known = {name: vars(cost) for name, cost in read_budget().items()}
        for file, count in self._starts.items():
            if file in self._uncounted:
                continue
            before = known.get(file, {"short": FREE_STARTS, "all": FREE_STARTS, "seconds": 0.0})
            room = max(FREE_STARTS, round(count * _ROOM, -1))
            seconds = round(self._seconds[file], 1) if self._list == "all" else before["seconds"]
            known[file] = {**before, self._list: int(room), "seconds": seconds}
        kept = {name: cost for name, cost in sorted(known.items()) if cost != {"short": FREE_STARTS, "all": FREE_STARTS, "seconds": 0.0}}
        FILE.write_text(json.dumps(kept, indent=1) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("budget") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Budget(config), "the budget of processes")
