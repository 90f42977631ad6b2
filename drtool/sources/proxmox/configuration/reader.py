"""Asks one question after the other, and keeps each answer or why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.model.errors import DrtoolError, Interrupted, TimedOut, Unavailable
from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.configuration.answer import kept, kept_of_row
from drtool.sources.proxmox.configuration.calls import Call, Release

Told = Callable[[DrtoolError], None]
"""Is told of each question that was not answered, and raises where no other shall be asked."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NAMES: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,2}")
"""Of a parameter; nothing of it becomes a path."""
_SHOWN: Final = 3


@dataclass(slots=True)
class Part:
    """Answers by file, and why some are missing, or less than there is."""

    files: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def below(self, folder: str) -> Part:
        """Return it with every file below a folder."""
        return Part(
            {f"{folder}{name}": each for name, each in self.files.items()}, {f"{folder}{name}": why for name, why in self.missing.items()}
        )

    def lose(self, file: str, why: str) -> None:
        """Note why something of a file is missing."""
        self.missing[file] = "; ".join(filter(None, (self.missing.get(file), why)))


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks a cluster of a release; `told` hears of every question without an answer."""

    client: ApiClient
    release: Release

    def read(self, calls: Iterable[Call], base: str, told: Told) -> Part:
        """Ask calls of what lies at `base`: empty for the cluster, a node, a guest."""
        part = Part()
        for call in calls:
            if call.is_in(self.release):
                self._read_one(part, call, base, told)
        return part

    def again(self, call: Call, base: str) -> Any:  # noqa: ANN401 - JSON
        """Ask one call by itself once more; its rows are not asked for."""
        return self._ask(call, f"{base}{call.path}")

    def _read_one(self, part: Part, call: Call, base: str, told: Told) -> None:
        try:
            rows = part.files[call.file] = self._ask(call, f"{base}{call.path}")
        except (Interrupted, TimedOut):
            raise
        except DrtoolError as error:
            for file in call.files:
                part.lose(file, error.what)
            told(error)
            return
        for path in call.of:
            self._read_each(part, call, f"{base}{path}", call.file_of(path), rows, told)

    def _read_each(self, part: Part, call: Call, path: str, file: str, rows: list[Any], told: Told) -> None:
        found: dict[str, Any] = {}
        part.files[file] = found
        failed = []
        for name, row in _named(call, rows):
            if not name:
                failed.append(f"an entry of {call.path} has a name that cannot be asked for: {door.line(row.get(call.each))}")
                continue
            try:
                found[name] = self._ask_row(call, path, name)
            except (Interrupted, TimedOut):
                raise
            except DrtoolError as error:
                failed.append(error.what)
                told(error)
        if failed:
            part.missing[file] = _joined(failed)

    def _ask(self, call: Call, path: str) -> Any:  # noqa: ANN401 - JSON
        return kept(call, self.client.get(*_parts(path), **call.parameters), self.client.source, path)

    def _ask_row(self, call: Call, path: str, name: str) -> Any:  # noqa: ANN401 - JSON
        given = {call.by: name} if call.by else {}
        path = path.format(name)
        return kept_of_row(call, self.client.get(*_parts(path), **given), self.client.source, path)


def _named(call: Call, rows: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each row with its name; empty where that is none that a question may hold, or was there before."""
    seen = set()
    for row in rows:
        name = row.get(call.each)
        good = isinstance(name, str) and name not in seen and (_NAMES if call.by else _NAME).fullmatch(name)
        seen.add(name if good else "")
        yield name if good else "", row


def _joined(reasons: list[str]) -> str:
    more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
    return "; ".join([*reasons[:_SHOWN], *more])


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")


class SilentError(Exception):
    """A node, or all of them, did not answer often enough to be asked nothing else."""


class Patience:
    """Counts the questions without an answer, of a node or of the cluster, and gives up after so many."""

    def __init__(self, most: int) -> None:
        self._left = most
        self.words = ""

    def __call__(self, error: DrtoolError) -> None:
        """Be told of a question without an answer; raises SilentError where no other shall be asked."""
        if isinstance(error, Unavailable):
            self._left -= 1
            self.words = error.what
            if self._left <= 0:
                raise SilentError
