"""How often a NAS is asked: whoever only looks asks as often for many datasets as for few, and a run a few times for each."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.read.clone import make_clone
from tests.rig.cheap_key import make_cheap
from tests.rig.program import called
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, tidy

RELEASES = ("25.04", "25.10", "26")
MOST_FOR_EACH = 5
MOST_FOR_ALL = 40


class Told:
    """An appliance with many datasets, and the calls that came since it was asked last."""

    def __init__(self, lab: Lab, root: Path, restic: Path) -> None:
        self.lab, self.root = lab, root
        self._ledger = Path(lab.started.directory) / "calls.jsonl"
        self._restic = restic
        self.there = 0
        self.said = ""
        self._seen = 0

    def grow(self, count: int, *, flat: bool = False) -> None:
        """Have so many datasets in all, below one or each below the pool."""
        source = self.lab.source(by="nobody")
        if not self.there and not flat:
            create_dataset(source.client, "tank/many", {})
            self.there = 1
        while self.there < count:
            name = f"tank/flat{self.there}" if flat else f"tank/many/set{self.there}"
            create_dataset(source.client, name, {})
            (self.lab.root / name / "file").write_text(f"{self.there}\n")
            self.there += 1
        source.close()

    def drtool(self, *words: str, selector: dict[str, object] | None = None, fails: bool = False) -> Counter[str]:
        """Run a drtool of its own, and return how often it asked for what."""
        policy = self.root / "policy.yaml"
        key = self.root / "key"
        key.write_text("a password\n")
        key.chmod(0o600)
        protect = selector or {"dataset": "tank/many", "recursive": True}
        body = {
            "drtool": 1,
            "name": "counting",
            "repositories": {"near": {"restic": str(self.root / "near"), "password": f"file:{key}"}},
            "sources": {"nas": {"truenas": self.lab.settings()}},
            "sets": {"many": {"protect": [{"nas": protect}], "to": "near", "keep": {"last": 2}}},
        }
        policy.write_text(json.dumps(body))
        binaries = f"{self._restic.parent}:{os.environ['PATH']}"
        kept = {"DRTOOL_STATE_DIR": str(self.root / "state"), "XDG_CACHE_HOME": str(self.root / "cache"), "HOME": str(self.root)}
        self._seen = len(self._lines())
        ended = called((*words, "--policy", str(policy)), env={**os.environ, **kept, "PATH": binaries})
        self.said = ended.stdout + ended.stderr
        assert (ended.returncode != 0) is fails, self.said[-4000:]
        return Counter(json.loads(line)["method"] for line in self._lines()[self._seen :])

    def make_cheap(self) -> None:
        make_cheap(self.root / "near", "a password")

    def _lines(self) -> list[str]:
        return self._ledger.read_text().splitlines()


@pytest.mark.parametrize("release", RELEASES)
def test_whoever_only_looks_asks_as_often_for_many_as_for_few(tmp_path: Path, restic_newest: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        told = Told(lab, tmp_path, restic_newest)
        told.grow(5)
        told.drtool("init")
        few = {words: told.drtool(*words) for words in (("plan", "run"), ("inventory",), ("sweep",))}
        told.grow(50)
        assert {words: told.drtool(*words) for words in few} == few
        assert all(calls["pool.dataset.query"] <= 2 for calls in few.values()), few  # to plan with, and to sweep with
        assert max(calls.total() for calls in few.values()) < MOST_FOR_ALL


def test_five_hundred_are_looked_at_by_as_many_calls_as_five(tmp_path: Path, restic_newest: Path) -> None:
    with running_lab(tmp_path) as lab:
        told = Told(lab, tmp_path, restic_newest)
        told.grow(5)
        told.drtool("init")
        few = told.drtool("plan", "run")
        told.grow(500)
        assert told.drtool("plan", "run") == few


@pytest.mark.parametrize("release", RELEASES)
def test_a_run_asks_a_few_times_for_each(tmp_path: Path, restic_newest: Path, release: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path, release=release) as lab:
        told = Told(lab, tmp_path, restic_newest)
        told.grow(3)
        told.drtool("init")
        told.make_cheap()
        few = told.drtool("run")
        told.grow(13)
        many = told.drtool("run")
        for_each = Counter({method: many[method] - few[method] for method in many})
        assert for_each.total() <= MOST_FOR_EACH * 10 + 2, dict(for_each)  # a job that is asked once more, a pause that was too short
        assert for_each["pool.dataset.query"] == 0, "each question reads every dataset"
        assert few.total() - MOST_FOR_EACH * 3 <= MOST_FOR_ALL, few


def test_datasets_that_lie_apart_cost_a_snapshot_more(tmp_path: Path, restic_newest: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path) as lab:
        told = Told(lab, tmp_path, restic_newest)
        told.grow(2, flat=True)
        selector: dict[str, object] = {"dataset": "tank/flat*"}
        told.drtool("init", selector=selector)
        told.make_cheap()
        few = told.drtool("run", selector=selector)
        told.grow(7, flat=True)
        for_each = told.drtool("run", selector=selector)
        for_each.subtract(few)
        assert for_each.total() <= (MOST_FOR_EACH + 1) * 5, dict(+for_each)


def test_what_drtool_changes_itself_is_seen(lab: Lab) -> None:
    source = lab.source(by=BY)
    assert [each.name for each in source.discover({"dataset": "tank/new*"})] == []
    create_dataset(source.client, "tank/new", {})
    assert [each.name for each in source.discover({"dataset": "tank/new*"})] == ["nas:tank/new"]
    source.client.change("pool.dataset.delete", "tank/new", {}, look=lambda: False)
    assert [each.name for each in source.discover({"dataset": "tank/new*"})] == []
    source.close()


def test_a_clone_that_somebody_made_since_the_listing_is_met_as_if_it_was_known(lab: Lab) -> None:
    source, other = lab.source(by=BY), lab.source(by=BY)
    (workload,) = source.discover({"dataset": "tank/documents"})
    snapshot = source.snapshot(workload, f"{RUN}/1")
    name = make_clone(other._parts, dataset="tank/documents", snapshot=snapshot.locator).id
    other.close()
    with source.export(snapshot) as export:  # one run, tried again by another process
        assert Path(export.artifacts[0].path, "read-me").read_text()
    assert find_dataset(source.client, name) is None
    tidy(source)
