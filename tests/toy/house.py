"""The whole of drtool over racks of toy machines and two repositories in memory; only the kind's registration is added."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from drtool.app import composition
from drtool.app.facade import App
from drtool.app.notary import Notary
from drtool.app.opening import open_policy
from drtool.model.kind import KindFacts
from drtool.model.policy import Policy
from drtool.ports import Clock, SourceKind
from drtool.repositories.restic import keys
from drtool.testing.kill_contract import Killed, Life
from drtool.testing.memory_repository import MemoryRepository, Storage
from tests.toy.guests import Guests, Rack, machine


class Nothing(BaseModel):
    """Of a toy there is nothing to say."""


class Which(BaseModel):
    machines: list[str] = []


@dataclass
class House:
    """Two racks, `cluster` with the machines 1 and 2 and `annex` with the machine 3, and a policy that protects all of them together."""

    directory: Path
    racks: dict[str, Rack] = field(
        default_factory=lambda: {
            "cluster": Rack({"1": machine("a", "1"), "2": machine("b", "2")}),
            "annex": Rack({"3": machine("a", "3")}),
        }
    )
    before_change: Callable[[str], None] = lambda _words: None

    def change(self, words: str) -> None:
        """Tell of a change that is about to happen to whoever listens just then."""
        self.before_change(words)

    def open(self, **keys: Any) -> App:  # noqa: ANN401 - keys of the set
        """Open a policy whose only set has these keys too."""
        protect: list[dict[str, Any]] = [{name: {}} for name in self.racks]
        body = {
            "drtool": 1,
            "name": "toys",
            "repositories": {name: {"restic": f"/nowhere/{name}", "password": "env:KEY", "site": name} for name in ("near", "far")},
            "sources": {name: {"toy": {}} for name in self.racks},
            "sets": {"all": {"protect": protect, "to": "near", "copies": ["far"], "keep": {"last": 2}, **keys}},
            "sandboxes": {"lab": {name: {} for name in self.racks}},
            "drills": {"proof": {"sets": ["all"], "sandbox": "lab"}},
        }
        (self.directory / "policy.yaml").write_text(json.dumps(body, indent=1))
        return open_policy(str(self.directory / "policy.yaml"), state_directory=str(self.directory / "state"))

    def live(self, verb: Callable[[], object], *, ends_at: int = 0, dies_before: str = "") -> Life:
        """Call a verb in a life that may end on the way; whatever is called after that lives on."""
        life = Life(ends_at=ends_at)

        def moment(words: str) -> None:
            life.over = life.over or words == dies_before
            life.moment(words)

        self.before_change = moment
        with contextlib.suppress(Killed):
            verb()
        self.before_change = lambda _words: None
        return life


def build(directory: Path, monkeypatch: pytest.MonkeyPatch, facts: Mapping[str, Any]) -> House:
    """Return a house whose kind states these facts."""
    house, storages = House(directory), {"near": Storage(), "far": Storage()}
    kind = SourceKind(
        "toy",
        lambda request: Guests(
            name=request.policy.name,
            by=request.by,
            cluster=house.racks[request.policy.name],
            clock=request.clock,
            before_change=house.change,
        ),
        lambda: Nothing,
        lambda: Which,
        lambda: Nothing,
        KindFacts(nodes=True, **facts),
    )
    monkeypatch.setitem(cast("dict[str, SourceKind]", composition.SOURCES), "toy", kind)
    monkeypatch.setitem(cast("dict[str, KindFacts]", composition.FACTS), "toy", kind.facts)

    def in_memory(policy: Policy, name: str, *, clock: Clock, notary: Notary, **_more: object) -> MemoryRepository:
        return MemoryRepository(name=name, by=policy.name, storage=storages[name], clock=clock, notary=notary, site=name)

    monkeypatch.setattr(composition, "_restic", in_memory)
    monkeypatch.setattr(keys, "ResticKeys", lambda repository: repository)
    monkeypatch.setenv("KEY", "unused")
    return house
