"""The cluster itself: state, faults, clock and the list of what was asked, joined."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from drtool.lab.proxmox.answers import Json, died, unreachable
from drtool.lab.proxmox.faults import Faults
from drtool.lab.proxmox.state import Guest, Node, State, load_state, save_state
from drtool.model.errors import Refused
from drtool.ports import Clock

_SECRET: Final = frozenset({"password", "otp", "cipassword"})

Witness = Callable[[str, "Exchange"], None]
"""Is shown every call with its answer, and the release it was made to: for tests that hold both against the vendor's schemas."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what was answered: the path of the table (empty: none fits), the parameters as they came, the status, the data."""

    method: str
    path: str
    given: Mapping[str, Json]
    status: int
    data: Json


def _unseen(_release: str, _exchange: Exchange) -> None:
    """Look at nothing."""


@dataclass(slots=True)
class Cluster:
    """One simulated cluster below `directory`; whoever works with its state holds `lock`."""

    directory: str
    state: State
    clock: Clock
    refusal_seconds: float = 3.0
    """How long somebody waits who is not let in."""
    witness: Witness = _unseen
    lock: threading.RLock = field(default_factory=threading.RLock)
    faults: Faults = field(init=False)
    on_certificates: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.faults = Faults(os.path.join(self.directory, "faults.json"))

    def save(self) -> None:
        """Keep the state."""
        save_state(self.state, os.path.join(self.directory, "state.json"))

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(self.clock.now().timestamp())

    def note(self, method: str, path: str, given: Mapping[str, Json], *, who: str, outcome: str) -> None:
        """Write down a call as it came, without secrets: its outcome is a status, or the fault that ended it."""
        line = {
            "at": round(self.clock.now().timestamp(), 3),
            "method": method,
            "path": path,
            "parameters": {name: "********" if name in _SECRET else value for name, value in given.items()},
            "who": who,
            "outcome": outcome,
        }
        with open(os.path.join(self.directory, "calls.jsonl"), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def node(self, name: str) -> Node:
        """Return a node that answers; 500 for one that nobody knows, 595 for one that is down."""
        found = self.state.nodes.get(name)
        if found is None:
            raise died(f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service not known")
        if not found.online:
            raise unreachable()
        return found

    def guest(self, node: str, number: int, kind: str) -> Guest:
        """Return a guest of a node; 500 where it has no such one."""
        found = self.state.guests.get(number)
        if found is None or found.node != node or found.kind != kind:
            folder = "qemu-server" if kind == "qemu" else "lxc"
            raise died(f"Configuration file 'nodes/{node}/{folder}/{number}.conf' does not exist")
        return found

    def require_quorum(self, file: str) -> None:
        """Refuse to change a file of the cluster while it has no quorum."""
        if not self.state.quorate:
            raise died(f"error with cfs lock 'file-{file}': no quorum!")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call under way: what it is asked of, by whom, the node that was asked, and its parameters as what they are."""

    cluster: Cluster
    who: str
    local: str
    given: Mapping[str, Json]

    @property
    def state(self) -> State:
        """What the cluster knows."""
        return self.cluster.state


def open_state(directory: str, release: str, name: str) -> State:
    """Return the state kept in a directory, an empty one where there is none; Refused when it is of another release."""
    kept = load_state(os.path.join(directory, "state.json"))
    if kept is None:
        return State(release=release, name=name, seed=secrets.token_hex(32))
    if kept.release != release:
        raise Refused(
            f"the cluster in {directory} is a Proxmox VE {kept.release}, not {release}",
            hint=f"use --release {kept.release}, or another --directory",
            safe="nothing there was changed",
        )
    return kept
