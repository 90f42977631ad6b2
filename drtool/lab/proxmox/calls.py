"""The table of calls: which there are, what they take, who may make them, and in which release."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from drtool.lab.proxmox.answers import Json, not_implemented
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.parameters import Parameters
from drtool.lab.proxmox.privileges import require, require_any
from drtool.lab.proxmox.state import RELEASES, State

Work = Callable[[Asked], Json]


@dataclass(frozen=True, slots=True)
class Needs:
    """The privileges that a call needs on a path, in which parameters stand by name: all of them, or with `any` one."""

    path: str
    privileges: tuple[str, ...]
    any: bool = False


LOGGED_IN: Final = Needs("", ())
"""Whoever is let in; the work itself looks for what he may see."""
EVERYBODY: Final = Needs("", (), any=True)
"""Whoever connects."""
AUDIT: Final = Needs("/", ("Sys.Audit",))
AUDIT_NODE: Final = Needs("/nodes/{node}", ("Sys.Audit",))
AUDIT_GUEST: Final = Needs("/vms/{vmid}", ("VM.Audit",))


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Where `{node}` stands in its path and it is `proxied`, that node does it, and another passes it on."""

    method: str
    path: str
    work: Work
    parameters: Parameters = field(default_factory=dict)
    needs: Needs = LOGGED_IN
    proxied: bool = False
    first: str = RELEASES[0]

    def is_in(self, release: str) -> bool:
        """Tell whether a release has it."""
        return RELEASES.index(self.first) <= RELEASES.index(release)

    def parameters_in(self, release: str) -> Parameters:
        """Return what it takes in a release."""
        return {name: each.in_release(release) for name, each in self.parameters.items()}

    def allow(self, state: State, who: str, of_path: Mapping[str, str]) -> None:
        """Refuse somebody who lacks what the call needs at what its path says."""
        if self.needs.path:
            (require_any if self.needs.any else require)(state, who, self.needs.path.format_map(of_path), *self.needs.privileges)


@dataclass(frozen=True, slots=True)
class Table:
    """All calls, found by their method and path."""

    calls: Sequence[Call]
    _patterns: list[tuple[re.Pattern[str], Call]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for call in self.calls:
            self._patterns.append((_pattern(call.path), call))

    def find(self, method: str, path: str, release: str) -> tuple[Call, Mapping[str, str]]:
        """Return the call that stands at a path, and what its path says; 501 where there is none."""
        for pattern, call in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None and call.method == method and call.is_in(release):
                return call, {name: unquote(value) for name, value in found.groupdict().items()}
        raise not_implemented(f"Method '{method} {path}' not implemented")


def _pattern(path: str) -> re.Pattern[str]:
    """Return what a path looks like: a part each, except that the name of a volume may have slashes."""
    parts = re.sub(r"\{volume\}", "(?P<volume>.+)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", parts))
