"""Which tests are carried out: everything of one kind once (`--short`), all of them, a shard of all, a tenth chosen by a commit.

A plugin of pytest; `tests/full_list.py` tells what is left to the full list, and which tests show the same kind in the short one.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import pytest

from tests.full_list import FULL_LIST, LeftOut
from tests.rig.budget import BUDGET, DRAWN

TENTH: Final = 10
_LEFT: Final = "left to the full list"
_CHEAP_SECONDS: Final = 0.05
_UNKNOWN_SECONDS: Final = 2.0
"""For each test of a file that nobody measured."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("which tests")
    group.addoption("--short", action="store_true", help="everything of one kind once: leave out what tests/full_list.py names")
    group.addoption("--shard", metavar="I/N", help="the I-th of N parts of about the same length")
    group.addoption("--tenth", metavar="COMMIT", help="with --short: a tenth of what is left out all the same, chosen by the commit")


class Chosen:
    """Chooses once everything is collected, and tells at the end what was left out."""

    def __init__(self, config: pytest.Config) -> None:
        self._short = bool(config.getoption("short"))
        self._commit: str = config.getoption("tenth") or ""
        self._shard: str = config.getoption("shard") or ""
        self._is_whole = not config.invocation_params.args or config.args == config.getini("testpaths")
        self._left: Counter[LeftOut] = Counter()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Several workers choose alike, and only who leads them writes to the terminal: it takes the word of one."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_LEFT] = [[vars(entry), count] for entry, count in self._left.items()]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - pytest-xdist's own
        told = getattr(node, "workeroutput", {}).get(_LEFT, [])
        self._left = Counter({LeftOut(**{key: _frozen(each) for key, each in entry.items()}): count for entry, count in told}) or self._left

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        refuse_twice(items)
        names = [own_name(item) for item in items]
        if self._is_whole:
            refuse_stale(names)
        chosen = set(names)
        if self._short:
            left = {name: entry for name in names if (entry := left_out_by(name)) is not None}
            drawn = {name for name in left if self._commit and is_drawn(name, self._commit)}
            self._left.update(entry for name, entry in left.items() if name not in drawn)
            chosen -= left.keys() - drawn
        if self._shard:
            chosen &= shard_of(names, self._shard)
        config.hook.pytest_deselected(items=[item for item in items if own_name(item) not in chosen])
        items[:] = [item for item in items if own_name(item) in chosen]
        for item in items:
            if self._short and left_out_by(own_name(item)) is not None:
                item.user_properties.append((DRAWN, True))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left:
            terminalreporter.section(f"left to scripts/test --all: {sum(self._left.values())} tests")
            for entry, count in sorted(self._left.items(), key=lambda pair: pair[0].tests):
                terminalreporter.write_line(f"{count:5} of {entry.tests}: {entry.why}; shown by {', '.join((*entry.but, *entry.shown))}")
        failed = (_without_group(each.nodeid) for each in terminalreporter.stats.get("failed", ()))
        for name in failed if self._short else ():
            if left_out_by(name) is None:
                continue
            terminalreporter.write_line(f"of the full list; again: scripts/test --all '{name}'")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Chosen(config), "which tests")


def own_name(item: pytest.Item) -> str:
    """Return a test's id without the group that pytest-xdist puts behind it."""
    return _without_group(item.nodeid) if any(item.iter_markers("xdist_group")) else item.nodeid


def _without_group(name: str) -> str:
    return re.sub(r"@[^@\]]*$", "", name)


def matches(pattern: str, name: str) -> bool:
    """Tell whether a test's id fits a pattern, in which `*` stands for anything and all else for itself."""
    return _compiled(pattern).fullmatch(name) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))))


def _frozen(value: Any) -> Any:  # noqa: ANN401 - what came from a worker
    return tuple(value) if isinstance(value, list) else value


def left_out_by(name: str) -> LeftOut | None:
    """Return what leaves a test to the full list; None: it belongs to the short one."""
    for entry in FULL_LIST:
        if matches(entry.tests, name) and not any(matches(kept, name) for kept in entry.but):
            return entry
    return None


def is_drawn(name: str, commit: str) -> bool:
    """Tell whether a commit chose a test of the full list: one in ten."""
    return int(hashlib.sha256(f"{commit} {name}".encode()).hexdigest(), 16) % TENTH == 0


def shard_of(names: Sequence[str], shard: str) -> set[str]:
    """Return the tests of one of so many parts (`2/3`); the tests of a file stay together as far as they are not long."""
    found = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", shard)
    if found is None or int(found[1]) > int(found[2]):
        raise pytest.UsageError(f"--shard takes I/N, such as 1/4, not {shard}")
    number, count = int(found[1]), int(found[2])
    parts: list[list[str]] = [[] for _part in range(count)]
    lengths = [0.0] * count
    for group, seconds in sorted(_groups(names).items(), key=lambda pair: (-pair[1], pair[0])):
        shortest = lengths.index(min(lengths))
        lengths[shortest] += seconds
        parts[shortest] += group
    return set(parts[number - 1])


def _groups(names: Sequence[str]) -> Mapping[tuple[str, ...], float]:
    files: dict[str, list[str]] = {}
    for name in names:
        files.setdefault(name.partition("::")[0], []).append(name)
    return {tuple(tests): _seconds_of(file, len(tests)) for file, tests in files.items()}


def _seconds_of(file: str, count: int) -> float:
    if file not in BUDGET:
        return _CHEAP_SECONDS * count
    return BUDGET[file].seconds or _UNKNOWN_SECONDS * count


def refuse_twice(items: Iterable[pytest.Item]) -> None:
    """Refuse a test that is collected where it was only imported: it is carried out there already."""
    for item in items:
        if isinstance(item, pytest.Function):
            home = item.cls.__module__ if item.cls is not None else item.function.__module__
            if home != item.module.__name__ and home.startswith("tests."):
                raise pytest.UsageError(
                    f"{item.nodeid} comes from {home}, where it is carried out already: import what it needs, not the test"
                )


def refuse_stale(names: Sequence[str]) -> None:
    """Refuse a list that names what does not exist, or shows a kind by what is left out itself."""
    for entry in FULL_LIST:
        for pattern in (entry.tests, *entry.but, *entry.shown):
            if not any(matches(pattern, name) for name in names):
                raise pytest.UsageError(f"tests/full_list.py names {pattern}, and no test is called so")
        shown = (*entry.but, *entry.shown)
        for pattern in shown:
            if all(left_out_by(name) is not None for name in names if matches(pattern, name)):
                raise pytest.UsageError(f"tests/full_list.py shows {entry.tests} by {pattern}, which is left out itself")
        if not shown:
            raise pytest.UsageError(f"tests/full_list.py does not tell which test shows {entry.tests} in the short list")
