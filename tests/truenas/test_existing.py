"""Everything a NAS has, told by one listing, with what it hides named as not covered."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.run import WORKER_ROLES
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.read.clone import make_clone
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, tidy
from tests.truenas.test_in_use import app


def test_every_dataset_is_told_by_one_listing(lab: Lab) -> None:
    maker = lab.source(by="nobody")
    for number in range(20):
        create_dataset(maker.client, f"tank/documents/set{number}", {})
    maker.close()
    source = lab.source(by=BY)
    before = lab.calls("pool.dataset.query")
    matched = {each.name for each in source.discover({"dataset": "tank/documents", "recursive": True})}
    told = source.existing()
    names = [each.name for each in told.existing]
    assert lab.calls("pool.dataset.query") == before + 1, "what sets match and what exists come of one listing"
    assert len(set(names)) == len(names)
    assert matched <= set(names)
    assert {f"{source.name}:tank", f"{source.name}:tank/documents/set19", f"{source.name}:system"} <= set(names)
    assert any("ix-apps" in words and "not covered" in words for words in told.told)
    assert not any(each.kind == "apps" for each in told.existing)
    source.close()


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_every_release_tells_of_what_lies_deep(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        for name in ("deep", "deep/er", "deep/er/still"):
            create_dataset(source.client, f"tank/{name}", {})
        assert f"{source.name}:tank/deep/er/still" in {each.name for each in source.existing().existing}
        source.close()


def test_apps_are_something_that_no_set_covers(lab: Lab) -> None:
    admin = lab.source(by=BY, administrator=True)
    app(admin.client)
    admin.close()
    source = lab.source(by=BY)
    (apps,) = (each for each in source.existing().existing if each.kind == "apps")
    assert apps.name == f"{source.name}:ix-apps"
    assert "cloud" in apps.note
    assert not apps.problem
    source.close()


def test_a_key_that_may_not_ask_for_apps_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: [role for role in WORKER_ROLES if role != "READONLY_ADMIN"])
    source = lab.source(by=BY)
    (apps,) = (each for each in source.existing().existing if each.kind == "apps")
    assert "APPS_READ" in apps.problem
    source.close()


def test_what_a_run_made_there_is_nothing_to_protect(lab: Lab) -> None:
    source, other = lab.source(by=BY), lab.source(by=BY)
    before = {each.name for each in source.existing().existing}
    (workload,) = source.discover({"dataset": "tank/documents"})
    clone = make_clone(source._parts, dataset="tank/documents", snapshot=source.snapshot(workload, f"{RUN}/1").locator)
    assert find_dataset(other.client, clone.id) is not None
    assert {each.name for each in other.existing().existing} == before
    other.close()
    tidy(source)
