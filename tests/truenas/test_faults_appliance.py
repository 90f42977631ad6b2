"""Faults of the jobs that write an appliance's configuration, and of datasets whose key is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drtool.model.errors import Conflict
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.land.create import create_dataset
from tests.truenas.conftest import FAULTS
from tests.truenas.nas_world import NasWorld, code_of, words_of

Record = Callable[[str, object], None]
SECRET = "tank/secret"
PASSPHRASE = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "correct horse"}}
LOCK = ["pool.dataset.lock", SECRET]


def appliance(world: NasWorld) -> dict[str, Any]:
    """A policy that protects the configuration alone."""
    policy = world.policy()
    settings = policy["sources"]["nas"]["truenas"]
    settings |= {"user": "truenas_admin", "key": f"file:{world.lab.started.administrator_key_file}"}
    return {**policy, "sets": {"appliance": {"protect": [{"nas": {"system": True}}], "to": "near", "keep": {"last": 2}}}, "drills": {}}


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ({"method": "config.save", "kind": "events_lost"}, 0, ""),
        ({"method": "config.save", "kind": "events_doubled"}, 0, ""),
        ({"method": "config.save", "kind": "events_reordered"}, 0, ""),
        (
            {"method": "config.save", "kind": "job_fails_after", "reason": "half way", "call": 0},
            6,
            "config.save failed on nas: [EFAULT] half",
        ),
        ({"method": "config.save", "kind": "job_never_ends", "call": 0}, 1, "it took too long"),
        ({"method": "core.get_jobs", "kind": "reboot_before", "seconds": 0.1}, 0, ""),
        ({"method": "core.get_jobs", "kind": "cut_after", "every": 2}, 0, ""),
        ({"method": "core.download", "kind": "cut_after"}, 0, ""),
        ({"method": "/_download", "kind": "cut_before"}, 0, ""),
        ({"method": "/_download", "kind": "cut_after"}, 0, ""),
        ({"method": "/_download", "kind": "cut_after", "call": 0}, 1, "the connection was cut"),
    ],
    ids=lambda value: f"{value['method']}-{value['kind']}-{value.get('call', 1)}" if isinstance(value, dict) else "",
)
def test_a_job_that_goes_wrong(nas_world: NasWorld, fault: dict[str, Any], code: int, says: str, record_property: Record) -> None:
    """A short answer is never taken for the whole, whatever the events say."""
    world = nas_world
    world.prepare("run")
    world.write_policy(appliance(world))
    points = set(world.points())
    world.lab.faults(fault)
    ended = world.drtool("run", "appliance")
    assert code_of(ended) == code, ended.explain()
    assert says in words_of(ended)
    assert code == 0 or "look at the jobs of the NAS" in words_of(ended)
    assert len(set(world.points()) - points) == (code == 0)
    if fault["kind"] == "job_never_ends":  # until then it keeps every other one of its kind waiting
        world.lab.faults({"method": "core.ping", "kind": "reboot_before"})
        world.client.read("core.ping")
    world.settle("run")
    record_property(FAULTS, 1)


@pytest.fixture
def locked_world(nas_world: NasWorld) -> Iterator[NasWorld]:
    """The world with a dataset that has a passphrase, and a set that protects it."""
    world = nas_world
    world.prepare("run")
    create_dataset(world.client, SECRET, {}, PASSPHRASE)
    (world.lab.root / SECRET / "letter").write_text("secret\n")
    policy = world.policy()
    sets = {"secret": {"protect": [{"nas": {"dataset": SECRET}}], "to": "near", "keep": {"last": 2}}}
    world.write_policy({**policy, "sets": {**policy["sets"], **sets}})
    yield world
    world.ask_as_administrator("pool.dataset.unlock", SECRET, {"datasets": [{"name": SECRET, "passphrase": "correct horse"}]})
    world.ask_as_administrator("pool.dataset.delete", f"{SECRET}*", {"recursive": True, "force": True})
    world.settle("run")


def test_a_locked_dataset_is_told_and_no_point_of_it_is_sealed(locked_world: NasWorld, record_property: Record) -> None:
    world = locked_world
    points = set(world.points())
    world.ask_as_administrator(*LOCK)
    world.ask_as_administrator("pool.dataset.unlock", SECRET, {"datasets": [{"name": SECRET, "passphrase": "a wrong one"}]})
    ended = world.drtool("run", "secret")
    assert code_of(ended) != 0, ended.explain()
    assert "tank/secret is locked (a passphrase opens it): unlock it on the NAS" in words_of(ended)
    assert set(world.points()) == points
    record_property(FAULTS, 2)


@pytest.mark.parametrize(
    "fault",
    [
        {"method": "pool.snapshot.clone", "kind": "meanwhile", "asks": [LOCK]},
        {"method": "pool.snapshot.create", "kind": "meanwhile", "asks": [LOCK]},
        {"method": "pool.snapshot.create", "kind": "reboot_after", "seconds": 0.1},
    ],
    ids=["before the clone", "before the snapshot", "by a reboot"],
)
def test_a_dataset_that_is_locked_in_the_middle_is_not_stored(
    locked_world: NasWorld, fault: dict[str, Any], record_property: Record
) -> None:
    world = locked_world
    points = set(world.points())
    world.lab.faults(fault)
    ended = world.drtool("run", "secret")
    world.lab.faults()
    assert code_of(ended) == 6, ended.explain()
    assert "it was locked after the plan was made" in words_of(ended)
    assert "unlock it on the NAS and run again" in words_of(ended)
    assert set(world.points()) == points
    record_property(FAULTS, 1)


def test_a_dataset_comes_back_encrypted_although_its_key_was_rotated(locked_world: NasWorld, record_property: Record) -> None:
    world = locked_world
    world.must("run", "secret")
    world.ask_as_administrator("pool.dataset.delete", SECRET, {"recursive": True, "force": True})
    other = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "another horse"}}
    create_dataset(world.client, SECRET, {}, other)
    world.must("restore", "secret")
    assert (world.lab.root / SECRET / "letter").read_text() == "secret\n"
    found = find_dataset(world.client, SECRET)
    assert found is not None
    assert found.encrypted
    world.must("sweep", kept=True)
    record_property(FAULTS, 1)


def test_what_stands_in_the_way_of_a_clone_and_is_not_ours_is_left_alone(nas_world: NasWorld, record_property: Record) -> None:
    world = nas_world
    world.prepare("run")
    name = next(str(call["params"][0]["dataset_dst"]) for call in world.ran("run") if call["method"] == "pool.snapshot.clone")
    create_dataset(world.client, name, {})
    ended = world.drtool("run")
    assert code_of(ended) == 1, ended.explain()
    assert "exists and is not ours" in words_of(ended)
    assert "rename it on the NAS, and run again" in words_of(ended)
    assert Conflict.__name__ in words_of(ended)
    assert world.left() == [name]
    world.ask_as_administrator("pool.dataset.delete", name, {"recursive": True, "force": True})
    world.settle("run")
    record_property(FAULTS, 1)
