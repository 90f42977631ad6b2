from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drtool.ports import Runner
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.address import Access
from drtool.repositories.restic.phases import PhaseReader


class Origin(Protocol):
    """The other repository of a command that reads one and writes another."""

    def access(self) -> Access:
        """Return its address as this machine sees it."""

    def clear_dead_locks(self) -> None:
        """Remove its locks when every one is provably dead; raises Locked that names who lives."""


@dataclass(frozen=True, slots=True)
class Call:
    """One restic command: `verb` completes "restic could not …"; `accept` are the exit codes that are no failure."""

    arguments: commands.Arguments
    verb: str
    runner: Runner | None = None
    source: str = ""
    origin: Origin | None = None
    accept: tuple[int, ...] = (0,)
    must_exist: bool = True
    cache_directory: str | None = None
    standard_input: bytes | None = None
    nice: bool = False
    timeout_seconds: float | None = None
    directory: str | None = None
    phases: PhaseReader | None = None  # it tells in words how far it is: what else it says is its standard output
    may_rest: bool = False  # it waits for a person: standing still is its work
