"""A platform without files passes what every platform promises, is killed at every moment, and is drilled."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from drtool.catalog.runs import Runs
from drtool.engine.natives import Natives
from drtool.model.identifier import identifier
from drtool.model.native import NativePlace
from drtool.model.plan import Destination, Restored
from drtool.model.point import Manifest
from drtool.model.workload import Leftover
from drtool.planning.restore import RestoreRequest
from drtool.ports import Source
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, KillContract, Life, Platform, World, kill_everywhere
from drtool.testing.memory_store import MemoryStore
from drtool.testing.source_contract import Content, SourceContract, Subject
from tests.toy.cluster import VAULTED, Cluster, Toy
from tests.toy.toy_world import NODES, THREE, Toys, disks


class TestToy(SourceContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        source = Toy(name="toy", by="contract", cluster=Cluster(deepcopy(THREE)), clock=FixedClock())
        return Subject(source, {"machines": ["1", "2"]}, {}, tmp_path, missing={"machines": ["7"]}, directories=False)

    def observe(self, subject: Subject) -> object:
        return disks(cluster_of(subject))

    def spoil(self, subject: Subject) -> None:
        cluster_of(subject).machines["1"].disks["data"] = b"damaged"

    def look(self, subject: Subject, restored: Restored) -> Content:
        machine = cluster_of(subject).machines[str(restored.locator.facts["wanted"])]
        return {name: {"": data} for name, data in machine.disks.items()}

    def stranger(self, subject: Subject) -> tuple[str, Callable[[], bool]]:
        return "3", lambda: "3" in cluster_of(subject).machines


def cluster_of(subject: Subject) -> Cluster:
    assert isinstance(subject.source, Toy)
    return subject.source.cluster


class TestVaultedToy(TestToy):
    """The same of a machine of which the platform keeps a disk itself: it never passes drtool."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        source = Toy(name="toy", by="contract", cluster=Cluster(deepcopy(THREE)), clock=FixedClock())
        return Subject(source, {"machines": ["3", "1"]}, {}, tmp_path, missing={"machines": ["7"]}, directories=False)

    def spoil(self, subject: Subject) -> None:
        cluster_of(subject).machines["3"].disks["data"] = b"damaged"

    def look(self, subject: Subject, restored: Restored) -> Content:
        disks = super().look(subject, restored)
        assert disks.pop("data") == {"": b"3 data"}
        return disks

    def stranger(self, subject: Subject) -> tuple[str, Callable[[], bool]]:
        return "2", lambda: "2" in cluster_of(subject).machines


class ToyPlatform(Platform):
    name = kind = "toy"
    number = "1"

    def __init__(self) -> None:
        self.selector, self.place = {"machines": [self.number]}, {}
        self.cluster = Cluster(deepcopy(THREE))

    def source(self, life: Life) -> Source:
        return Toy(name="toy", by=BY, cluster=self.cluster, clock=FixedClock(), before_change=life.moment)

    def in_service(self) -> object:
        return disks(self.cluster)

    def spoil(self) -> None:
        self.cluster.machines[self.number].disks["data"] = b"damaged"

    def natives(self) -> frozenset[str]:
        return frozenset({*self.cluster.vault.bodies, *self.cluster.vault.labels})

    def kept(self, locator: str) -> object:
        machine = self.cluster.machines.get(locator)  # one that was to be set aside may be in service still
        return {**disks(self.cluster), self.number: machine.disks if machine else None}

    def traces(self) -> frozenset[str]:
        return frozenset(number for number in self.cluster.machines if number not in THREE and ".before-" not in number)

    def shape(self) -> object:
        what = sorted(each.what for each in self.cluster.labels.values())
        return len(self.cluster.machines), what, len(self.cluster.moving), len(self.cluster.vault.bodies), len(self.cluster.vault.labels)

    def save(self) -> object:
        return deepcopy(self.cluster)

    def load(self, saved: object) -> None:
        assert isinstance(saved, Cluster)
        self.cluster = deepcopy(saved)


class TestKilledToy(KillContract):
    @pytest.fixture
    def platform(self) -> Platform:
        return ToyPlatform()


class VaultedPlatform(ToyPlatform):
    """Its machine lies on the node that keeps a disk of it itself."""

    number = "3"


class TestKilledVaultedToy(KillContract):
    @pytest.fixture
    def platform(self) -> Platform:
        return VaultedPlatform()


def misses_a_release(toy: Toy, locator: str) -> None:
    if "@" not in locator:
        REMOVE(toy, locator)


def forgets_a_label(toy: Toy, what: str, locator: str, run: str, expires: str = "") -> Leftover:
    made = LABEL(toy, what, locator, run, expires)
    toy.cluster.labels.pop(locator if what == "staging" else "", None)
    return made


def never_goes_forward(toy: Toy, leftover: Leftover) -> None:
    REMOVE(toy, leftover.locator)


REMOVE, LABEL = Toy._remove, Toy._label


@pytest.mark.parametrize(("what", "fault"), [("_remove", misses_a_release), ("_label", forgets_a_label), ("release", never_goes_forward)])
def test_a_planted_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, fault: object) -> None:
    monkeypatch.setattr(Toy, what, fault)
    try:
        found = kill_everywhere(ToyPlatform(), tmp_path / "state", "restore", twice=False, stop=True).problems
    except AssertionError as error:  # not even undisturbed
        found = [str(error)]
    assert found


def keeps_without_a_label(store: MemoryStore, locator: str, body: bytes, *, run: str) -> NativePlace:
    store.shelf.bodies[locator] = body
    store._before_change("kept without a label")
    return KEEP(store, locator, body, run=run)


def forgets_its_label_first(store: MemoryStore, place: NativePlace) -> None:
    if store.shelf.labels.pop(place.locator, None) is not None:
        store._before_change("a label is gone")
        store.shelf.bodies.pop(place.locator, None)


def claims_nothing(natives: Natives, *_arguments: object, **_named: object) -> frozenset[tuple[str, str]]:
    return frozenset()


def knows_no_claim(natives: Natives, *_arguments: object, **_named: object) -> None:
    return None


KEEP = MemoryStore.keep


@pytest.mark.parametrize(
    ("verb", "where", "what", "fault", "found"),
    [
        ("run", MemoryStore, "keep", keeps_without_a_label, "keeps what no manifest names"),
        ("run", MemoryStore, "forget", forgets_its_label_first, "keeps what no manifest names"),
        ("run", Natives, "claims", claims_nothing, "has lost points"),
        ("run", Natives, "claims", knows_no_claim, "keeps what no manifest names"),
    ],
)
def test_a_fault_in_what_is_kept_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, where: object, what: str, fault: object, found: str
) -> None:
    claimed = World.claimed
    whole = Natives.claims
    monkeypatch.setattr(where, what, fault)

    def looked(world: World) -> frozenset[str]:
        with pytest.MonkeyPatch.context() as truth:
            truth.setattr(Natives, "claims", whole)
            return claimed(world)

    monkeypatch.setattr(World, "claimed", looked)
    try:
        problems = kill_everywhere(VaultedPlatform(), tmp_path / "state", verb, twice=False, stop=True).problems
    except AssertionError as error:  # not even undisturbed
        problems = [str(error)]
    assert problems
    assert any(found in problem for problem in problems), problems


def test_every_verb(toys: Toys) -> None:
    everything, cluster = toys.app, toys.cluster
    assert everything.initialise().outcome == "succeeded"
    plan = everything.plan_run()
    assert plan.limits == {"source:cluster": 2, "source:cluster/a": 1, f"source:cluster/{VAULTED}": 1}
    for _point in range(3):
        assert everything.run().outcome == "succeeded"
    manifest = everything.show(everything.points()[0].point.point)
    assert isinstance(manifest, Manifest)
    assert [(member.workload, len(member.artifacts)) for member in manifest.members] == [(f"cluster:{number}", 2) for number in NODES]
    before = disks(cluster)
    cluster.machines["2"].disks["data"] = b"damaged"
    del cluster.machines["3"]
    drilled = everything.drill(["proof"])
    assert drilled.outcome == "succeeded", drilled.failures
    assert {step.id for step in drilled.steps} >= {f"all/start/cluster:{number}" for number in NODES}
    request = RestoreRequest(("all",), Destination("original"))
    restored = everything.restore(everything.plan_restore(request))
    assert restored.outcome == "succeeded", restored.failures
    assert disks(cluster) == before
    assert all(cluster.machines[number].running for number in NODES)
    for verb in (everything.copy, everything.verify, everything.prune, everything.sweep, everything.rebuild):
        assert verb().outcome == "succeeded"
    assert {finding.good for finding in everything.doctor(["cluster"])} == {True}
    assert [line.workload for line in everything.inventory().lines] == [f"cluster:{number}" for number in NODES]
    assert everything.status().sets[0].set == "all"
    assert everything.forecast().rto_forecasts
    hold = everything.hold_add("all", until=None, reason="a look")
    assert everything.hold_release(hold.id)
    refused = everything.restore(everything.plan_undo(everything.last_restore()))
    assert (refused.outcome, disks(cluster)) == ("refused", before)


def test_a_dead_run_is_settled_where_there_is_no_shell(toys: Toys) -> None:
    toys.app.initialise()
    dead = Runs(toys.state).create(identifier(0, bytes(10)))
    Path(dead.lock).touch()
    swept = toys.app.sweep()
    assert (swept.outcome, swept.failures) == ("succeeded", ())
    assert not Path(dead.lock).exists()


def test_the_platform_knows_the_ports_alone() -> None:
    source = Path(__file__).with_name("cluster.py").read_text()
    assert len(source.splitlines()) < 300
    own = {name for name in re.findall(r"^from (drtool\.\S+)", source, re.MULTILINE) if not name.startswith("drtool.model.")}
    assert own == {"drtool.ports", "drtool.process", "drtool.testing.memory_store"}
    assert not re.search(r"^(?:import|from) (?:os|pathlib|shutil|subprocess)", source, re.MULTILINE)
