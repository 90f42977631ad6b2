from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

Models = Callable[[], "Mapping[str, type[BaseModel]]"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """The keys that each kind brings along, handed in by the composition root.

    Each field is called only when a policy is really read, so that a compiled policy from the cache imports no schema. All map a kind's
    name to the pydantic model of its keys: a source's settings, its selector in `protect:`, its place in a sandbox, a check, and whoever
    is told how things ended.
    """

    sources: Models
    selectors: Models
    places: Models
    checks: Models
    notifiers: Models
    nodes: Callable[[], frozenset[str]] = frozenset
    """The kinds of source whose workloads lie on nodes."""
    inside: Callable[[], frozenset[str]] = frozenset
    """The kinds of source that run hooks inside a workload."""
    quiesces: Callable[[], frozenset[str]] = frozenset
    """The kinds of source that hold workloads still."""
    keeps_snapshots: Callable[[], frozenset[str]] = frozenset
    """The kinds of source whose snapshots can stay where they were taken."""
