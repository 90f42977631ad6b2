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

    Each field is called only when a policy is really read, so that a compiled policy from the cache imports no schema. All four map
    a kind's name to the pydantic model of its keys: a source's settings, its selector in `protect:`, its place in a sandbox, a check.
    """

    sources: Models
    selectors: Models
    places: Models
    checks: Models
