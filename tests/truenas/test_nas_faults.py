"""The fault list of a NAS: what drtool answers, what is true on the NAS then and after the next sweep; nothing wrong is sealed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.truenas.conftest import FAULTS
from tests.truenas.fault_list import EVERY, Case
from tests.truenas.nas_world import BY, VERBS, NasWorld, answers_of, code_of, words_of

Record = Callable[[str, object], None]
READS = ("*.query", "*.get_*", "core.get_jobs", "core.ping", "filesystem.*", "pool.dataset.attachments")
CHANGES = {
    "run": ("pool.snapshot.create", "pool.snapshot.delete", "pool.snapshot.clone", "sharing.nfs.*e", "pool.dataset.delete"),
    "restore": ("pool.dataset.create", "sharing.nfs.*e", "pool.dataset.update", "pool.dataset.rename"),
    "drill": ("pool.dataset.create", "sharing.nfs.*e", "pool.dataset.update", "pool.dataset.rename", "pool.dataset.delete"),
}


def put_right(world: NasWorld, case: Case) -> None:
    """Do what a person does who was told of it."""
    kinds = {fault["kind"] for fault in case.faults}
    world.lab.faults()
    if "revoke" in kinds:
        world.renew_key()
    if "certificate" in kinds:
        world.trust()


@pytest.mark.parametrize("case", EVERY, ids=lambda case: f"{case.verb}-{case.name.replace(' ', '-')}")
def test_fault(nas_world: NasWorld, case: Case, record_property: Record) -> None:
    world = nas_world
    world.prepare(case.verb)
    if case.lease:
        world.write_policy(world.policy(lease=case.lease))
    points = set(world.points())
    world.lab.faults(*case.faults)
    if case.action:
        world.act(case.action)
    ended = world.drtool(case.verb)
    words = words_of(ended)
    assert code_of(ended) == case.code, f"{ended.explain()} {answers_of(ended)}"
    assert case.says in words
    assert case.types in words
    assert "drtool-secret" not in words
    made = world.made()
    assert len(made) == len(set(made)), "something was made twice"
    assert all(call["user"] != "drtool" for call in world.calls() if call["method"] == "pool.snapshot.release"), "holds of others"
    put_right(world, case)
    sealed = [complete for point, complete in world.points().items() if point not in points]
    assert sealed == [True] * case.seals
    if case.in_service:
        assert world.content() == {"old": world.damaged, "new": world.before}[case.in_service]
    if case.resisting:
        again = world.drtool("sweep")
        assert again.outcome != "succeeded"
        assert case.resisting in words_of(again)
        assert world.left() != []
    world.end_tasks()
    for call in case.undo:
        world.ask_as_administrator(*call)
    if case.lease:
        time.sleep(2)
    world.settle(case.verb, strict=case.strict)
    record_property(FAULTS, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_connection_is_cut_in_every_call(nas_world: NasWorld, verb: str, when: str, record_property: Record) -> None:
    """Every read is cut at its first attempt; every change before the NAS works at its first attempt, or each time after it worked."""
    world = nas_world
    world.prepare(verb)
    faults = [{"method": method, "kind": f"cut_{when}", "every": 2} for method in READS]
    faults += [{"method": method, "kind": f"cut_{when}", "every": 2 if when == "before" else 1} for method in CHANGES[verb]]
    world.lab.faults(*faults)
    ended = world.must(verb)
    assert code_of(ended) == 0
    calls = world.calls()
    made = world.made()
    assert len(made) == len(set(made)), "something was made twice"
    cut = [call["method"] for call in calls if call["outcome"] == f"cut_{when}"]
    changed = {call["method"] for call in calls if call["method"].rpartition(".")[2] in ("create", "clone", "delete", "update", "rename")}
    assert changed <= set(cut), f"never cut: {changed - set(cut)}"
    world.settle(verb)
    record_property(FAULTS, len(cut))


@pytest.mark.parametrize(("verb", "method"), [(verb, method) for verb in VERBS for method in CHANGES[verb]])
def test_the_connection_is_cut_for_good(nas_world: NasWorld, verb: str, method: str, record_property: Record) -> None:
    """Then the verb says so, and the next sweep has everything."""
    world = nas_world
    world.prepare(verb)
    world.write_policy(world.policy(lease="2s"))
    points = set(world.points())
    world.lab.faults({"method": method, "kind": "cut_before", "call": 0})
    ended = world.drtool(verb)
    assert code_of(ended) == 1, ended.explain()
    assert "Unavailable" in words_of(ended)
    assert "the connection" in words_of(ended)
    assert ended.report is not None
    assert verb != "run" or all(failure["safe"] for failure in ended.report["failures"])
    world.lab.faults()
    assert all(complete for point, complete in world.points().items() if point not in points)
    if verb == "drill":
        time.sleep(2)
    world.settle(verb)
    record_property(FAULTS, 1)


def test_a_restore_after_one_that_stopped_half_way_leaves_nothing_behind(nas_world: NasWorld, record_property: Record) -> None:
    """Who repeats the restore instead of sweeping has what lay below the dataset in service again too."""
    world = nas_world
    world.prepare("restore")
    world.lab.faults({"method": "pool.dataset.rename", "kind": "storage", "reason": "out of space", "call": 3})
    assert world.drtool("restore").outcome == "refused"
    world.lab.faults()
    (world.data / "folder" / "letter").write_text("written meanwhile")
    world.must("restore")
    assert (world.data / "letters" / "read-me").read_text() == "This lies in tank/documents/letters.\n"
    first, second = world.kept()
    assert (world.lab.root / first / "folder" / "letter").read_bytes() == b"damaged"
    assert (world.lab.root / second / "folder" / "letter").read_text() == "written meanwhile"
    assert world.drtool("sweep", kept=True).outcome == "succeeded"
    world.settle("run")
    record_property(FAULTS, 1)


def test_a_source_that_makes_things_twice_is_seen(nas_world: NasWorld) -> None:
    """The other way round: what the NAS wrote down would tell."""
    world = nas_world
    world.prepare("run")
    world.must("run")
    source = world.lab.source(by=BY)
    rows = [
        source.client.change("sharing.nfs.create", {"path": "/mnt/tank/documents", "hosts": [host]}, look=lambda: False)
        for host in ("192.0.2.1", "192.0.2.2")
    ]
    for row in rows:
        source.client.change("sharing.nfs.delete", row["id"], look=lambda: True)
    source.close()
    made = world.made()
    assert len(made) == len(set(made)) + 1
    world.settle("run")
