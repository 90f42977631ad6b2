"""What a kind of source or of check says of itself, so that nobody has to know it by name to know what it may reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class KindFacts:
    """Facts about a kind of source; each maps a key of its settings to what the key names, in words.

    `connects`: with one of these set it connects to another machine or a server. `runs`: the command by which it puts into service what
    was restored. `protects`: whether a selector means the workload of that name (without its source), as far as paper tells.
    """

    connects: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    protects: Callable[[Mapping[str, Any], str], bool] = field(default=lambda _selector, _name: True)


def named_by(facts: Mapping[str, str], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Spell what is named by those keys that are set: `the address nas.example.org`; empty: none is."""
    return tuple(f"{words} {_spelled(settings[key])}" for key, words in facts.items() if settings.get(key))


def _spelled(value: Any) -> str:  # noqa: ANN401 - whatever a policy holds
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
