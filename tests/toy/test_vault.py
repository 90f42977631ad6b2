"""The toy's vault passes what every native store promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from drtool.model.errors import Refused
from drtool.model.native import NativePlace
from drtool.model.plan import Destination
from drtool.model.point import Artifact, Census, Member
from drtool.ports import LandRequest, RecallRequest
from drtool.sources.sandbox_only import SandboxOnly
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_store import MemoryStore
from drtool.testing.native_store_contract import Kept, NativeStoreContract
from drtool.testing.source_contract import LATER, NOW, POINT, RUN, Subject, reserve
from tests.toy.cluster import VAULTED, Cluster, Toy
from tests.toy.toy_world import THREE


def member(place: NativePlace) -> Member:
    stored = Artifact("system", "stream", "0" * 64, "/3/system", Census(1, 1))
    kept = Artifact("data", "native", "", "/3/data", Census(1, 6), places=(place,))
    return Member("toy:3", "toy", "toy", {"machine": "3", "node": VAULTED, "starts": True}, NOW, (stored, kept))


def world() -> tuple[Toy, NativePlace]:
    toy = Toy(name="toy", by="contract", cluster=Cluster(deepcopy(THREE)), clock=FixedClock())
    return toy, toy.vault.keep("3@ours", b"3 data", run=RUN)


class TestVault(NativeStoreContract):
    @pytest.fixture
    def kept(self) -> Iterator[Kept]:
        toy, ours = world()
        toy.cluster.vault.bodies["nightly"] = b"theirs"
        (held,) = toy.vault.present((NativePlace("toy", "", "nightly"),))
        assert held is not None
        foreign = NativePlace("toy", "", "nightly", held.digest)
        with toy.land(LandRequest(member(ours), POINT, RUN, "contract", Destination("original"), LATER)) as landing:
            into = landing.way_of("data").recalled
            assert into is not None
            number = str(into.facts["number"])

            def spoil() -> None:
                toy.cluster.vault.bodies["3@ours"] = b"ransom"

            yield Kept(
                toy.vault,
                "toy",
                ours,
                foreign,
                b"3 data",
                into,
                lambda: toy.cluster.machines[number].disks.get("data"),
                lambda: toy.leftovers(()),
                spoil,
            )


@pytest.mark.parametrize("moment", range(1, 5))
def test_killed_while_it_is_kept_or_removed_its_label_outlives_it(moment: int) -> None:
    toy, ours = world()
    moments = iter(range(1, 5))

    def die(_words: str) -> None:
        if next(moments) == moment:
            raise KeyboardInterrupt

    mortal = MemoryStore(name="toy", by="contract", shelf=toy.cluster.vault, put=lambda *_all: None, before_change=die)
    toy.vault.forget(ours)
    with contextlib.suppress(KeyboardInterrupt):
        mortal.keep("3@ours", b"3 data", run=RUN)
        mortal.forget(ours)
    assert toy.cluster.vault.bodies.keys() <= toy.cluster.vault.labels.keys()
    toy.vault.forget(ours)
    assert not toy.cluster.vault.labels


@pytest.mark.parametrize("touch", ["forget", "recall elsewhere", "recall afterwards"])
def test_a_drill_only_recalls_into_what_it_landed(touch: str) -> None:
    toy, ours = world()
    drill = SandboxOnly(toy)
    (store,) = drill.stores()
    subject = Subject(drill, {}, {}, None, directories=False)  # type: ignore[arg-type]
    request = LandRequest(
        member(ours), POINT, RUN, "contract", Destination("sandbox", sandbox="lab"), LATER, reserved=reserve(subject).locator
    )
    with toy.land(LandRequest(member(ours), POINT, RUN, "contract", Destination("original"), LATER)) as production:
        theirs = production.way_of("data").recalled
    with drill.land(request) as landing:
        own = landing.way_of("data").recalled
        assert own is not None
        assert theirs is not None
        assert store.recall(RecallRequest(ours, own, "toy:3")) == store.verify(ours)
        refused: dict[str, Callable[[], object]] = {
            "forget": lambda: store.forget(ours),
            "recall elsewhere": lambda: store.recall(RecallRequest(ours, theirs, "toy:3")),
        }
        if touch in refused:
            with pytest.raises(Refused, match="a drill may not"):
                refused[touch]()
    if touch == "recall afterwards":
        with pytest.raises(Refused, match="a drill may not"):
            store.recall(RecallRequest(ours, own, "toy:3"))
    assert toy.cluster.vault.bodies == {"3@ours": b"3 data"}
