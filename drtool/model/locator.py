from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drtool.model.codec import canonical, decode, encode
from drtool.model.errors import Refused

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Locator:
    """Where something lies, in the words of the source that made it: nobody else reads a path, a name or a number out of it.

    `kind` and `version` say in whose words; `facts` are JSON values.
    """

    kind: str = ""
    version: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> bytes:
        """What is the same for the same place only."""
        return canonical(self)


def locate(kind: str, version: int, shape: object) -> Locator:
    """Return a locator that says what the noun `shape` says."""
    return Locator(kind, version, encode(shape))


def read_locator(locator: Locator, kind: str, version: int, *, shape: type[Shape]) -> Shape:
    """Return the noun a locator holds; Refused where it was not written by that kind in that version, or is shaped otherwise."""
    if (locator.kind, locator.version) != (kind, version):
        said = f"{locator.kind} {locator.version}" if locator.kind else "nothing"
        raise Refused(
            f"where it lies is told as {said}, and {kind} {version} is read here",
            hint="restore again, with this release of drtool",
            safe="nothing was touched",
        )
    try:
        return decode(shape, locator.facts)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            f"where it lies is not told in the shape of {kind} {version}: {error}", hint="restore again", safe="nothing was touched"
        ) from None
