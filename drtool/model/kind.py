"""What a kind of source or of check says of itself, so that nobody has to know it by name to know what it may reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class KindFacts:
    """Facts about a kind of source; each maps a key of its settings to what the key names, in words.

    `connects`: with one of these set it connects to another machine or a server. `found_by`: further keys that decide which machine the
    first of these is. `runs`: the command by which it puts into service what
    was restored. `protects`: whether a selector means the workload of that name (without its source), as far as paper tells.
    `nodes`: its workloads lie on nodes, which have limits of their own. `directories`: it needs no more than a directory of this machine,
    into which it puts what any kind stored. `quiesces`: its workloads can be held still while their snapshots are taken.
    `keeps_snapshots`: those can stay for a time.
    `runs_hooks_inside`: a command can be run where a workload is seen while it runs, such as
    inside a guest.
    `taken_by`: the key of the command without which nothing of it is put back in place; empty: it needs none.
    """

    connects: Mapping[str, str] = field(default_factory=dict)
    found_by: tuple[str, ...] = ()
    runs: Mapping[str, str] = field(default_factory=dict)
    protects: Callable[[Mapping[str, Any], str], bool] = field(default=lambda _selector, _name: True)
    nodes: bool = False
    directories: bool = False
    runs_hooks_inside: bool = False
    quiesces: bool = False
    keeps_snapshots: bool = False
    taken_by: str = ""


def kind_of_directories(facts: Mapping[str, KindFacts]) -> str:
    """Name the kind by which what lies in a point goes into a directory of this machine, whatever it came from."""
    return next(name for name, each in facts.items() if each.directories)


def named_by(facts: Mapping[str, str], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Spell what is named by those keys that are set: `the address nas.example.org`; empty: none is."""
    return tuple(f"{words} {_spelled(settings[key])}" for key, words in facts.items() if settings.get(key))


def _spelled(value: Any) -> str:  # noqa: ANN401 - whatever a policy holds
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
