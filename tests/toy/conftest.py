"""The whole of drtool over the toy and two repositories in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from drtool.app import composition
from drtool.app.notary import Notary
from drtool.app.opening import open_policy
from drtool.model.kind import KindFacts
from drtool.model.policy import Policy
from drtool.ports import Clock, SourceKind
from drtool.repositories.restic import keys
from drtool.testing.memory_repository import MemoryRepository, Storage
from tests.toy.cluster import Cluster, Toy
from tests.toy.toy_world import THREE, Toys


class Nothing(BaseModel):
    """Of a toy there is nothing to say."""


class Which(BaseModel):
    machines: list[str] = []


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toys]:
    """The kind's registration is all that is added."""
    cluster, storages = Cluster(deepcopy(THREE)), {"near": Storage(), "far": Storage()}
    kind = SourceKind(
        "toy",
        lambda request: Toy(name=request.policy.name, by=request.by, cluster=cluster, clock=request.clock, site=request.policy.site),
        lambda: Nothing,
        lambda: Which,
        lambda: Nothing,
        KindFacts(nodes=True),
    )
    monkeypatch.setitem(cast("dict[str, SourceKind]", composition.SOURCES), "toy", kind)
    monkeypatch.setitem(cast("dict[str, KindFacts]", composition.FACTS), "toy", kind.facts)

    def in_memory(policy: Policy, name: str, *, clock: Clock, notary: Notary, **_more: object) -> MemoryRepository:
        return MemoryRepository(name=name, by=policy.name, storage=storages[name], clock=clock, notary=notary, site=name)

    monkeypatch.setattr(composition, "_restic", in_memory)
    monkeypatch.setattr(keys, "ResticKeys", lambda repository: repository)
    monkeypatch.setenv("KEY", "unused")
    policy = {
        "drtool": 1,
        "name": "toys",
        "repositories": {name: {"restic": f"/nowhere/{name}", "password": "env:KEY", "site": name} for name in storages},
        "sources": {"cluster": {"toy": {}, "limits": {"at_once": 2, "per_node": 1}}},
        "sets": {"all": {"protect": [{"cluster": {"machines": ["1", "2", "3"]}}], "to": "near", "copies": ["far"], "keep": {"last": 2}}},
        "sandboxes": {"lab": {"cluster": {}}},
        "drills": {"proof": {"sets": ["all"], "sandbox": "lab"}},
    }
    (tmp_path / "policy.yaml").write_text(json.dumps(policy))
    where, state = str(tmp_path / "policy.yaml"), str(tmp_path / "state")
    yield Toys(open_policy(where, state_directory=state), cluster, storages, where, state)
    assert not [each for each in cluster.labels.values() if each.what != "kept"]
