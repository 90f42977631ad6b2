"""What differs between the releases of the vendor's: each is asked so that it finds everything, and labelled as it takes labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Conflict, Locked
from drtool.sources.truenas.datasets.dataset import find_dataset, free_bytes, names_of_tree, read_datasets
from drtool.sources.truenas.datasets.labels import Label, stable_name
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.read.clone_label import takes_label
from tests.rig.truenas_lab import running_lab
from tests.truenas.circle import BY, RUN, tidy

RELEASES = ("25.04", "25.10", "26")
EVERY = ("tank", "tank/documents", "tank/documents/letters", "tank/locked")


@pytest.mark.parametrize("release", RELEASES)
def test_every_query_finds_what_lies_deep(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        client = source.client
        secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
        create_dataset(client, "tank/locked", {}, secret)
        assert tuple(item.id for item in read_datasets(client)) == EVERY
        assert [item.id for item in read_datasets(client, ["encrypted", "=", True])] == ["tank/locked"]
        assert [item.id for item in read_datasets(client, ["id", "^", "tank/documents/"])] == ["tank/documents/letters"]
        assert [item.id for item in read_datasets(client, ["type", "=", "FILESYSTEM"])] == list(EVERY)
        assert names_of_tree(client, "tank/documents") == EVERY[1:3]
        assert find_dataset(client, "tank/documents/letters") is not None
        assert find_dataset(client, "tank/documents/lettersX") is None
        assert free_bytes(client, "tank/documents/letters") > 0
        assert {each.selector["dataset"] for each in source.discover({"dataset": "tank/*"})} == {"tank/documents", "tank/locked"}
        assert {each.selector["dataset"] for each in source.discover({"dataset": "tank/documents", "recursive": True})} == set(EVERY[1:3])
        tidy(source)


@pytest.mark.parametrize("release", RELEASES)
def test_the_vendors_own_words_are_no_properties_of_a_user(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        create_dataset(source.client, "tank/told", {"org.example:owner": "anna"}, {"comments": "for all"})
        (workload,) = source.discover({"dataset": "tank/told"})
        assert workload.selector["users"] == {"org.example:owner": "anna"}
        tidy(source)


@pytest.mark.parametrize("release", RELEASES)
def test_a_configuration_holds_the_keys_of_what_lies_deep(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        admin = lab.source(by=BY, administrator=True)
        secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
        create_dataset(admin.client, "tank/documents/secret", {}, secret)
        (workload,) = admin.discover({"system": True})
        with admin.export(admin.snapshot(workload, f"{RUN}/1")) as export:
            place = Path(export.artifacts[0].path)
            assert "tank/documents/secret" in (place / "keys.json").read_text()
            assert '"tank/documents/secret": "HEX"' in (place / "facts.json").read_text()
        admin.close()


def test_a_clone_that_died_before_its_label_is_known_by_its_name(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        assert not takes_label(source.client)
        (workload,) = source.discover({"dataset": "tank/documents"})
        snapshot = source.snapshot(workload, f"{RUN}/1")
        name = stable_name("tank/documents", by=BY, source="nas", what="clone")
        request = {"snapshot": snapshot.locator, "dataset_dst": name, "dataset_properties": {"readonly": "on"}}
        source.client.change("pool.snapshot.clone", request, look=lambda: False)
        assert [each.selector["dataset"] for each in source.discover({"dataset": "tank/*"})] == ["tank/documents"]
        assert {(each.what, each.locator, each.run) for each in source.leftovers(())} >= {("clone", name, RUN)}
        with pytest.raises(Locked, match=RUN), source.export(snapshot):  # another run waits for its maker
            pass
        for leftover in source.leftovers(()):
            source.release(leftover)
        assert find_dataset(source.client, name) is None
        snapshot = source.snapshot(workload, f"{RUN}/2")
        with source.export(snapshot):
            found = find_dataset(source.client, name)
            assert found is not None
            assert found.is_bare_clone
            assert [each.run for each in source.leftovers(()) if each.what == "clone"] == [RUN]
        assert lab.calls("pool.dataset.update") == 0, "a key that only makes backups may not change datasets"
        tidy(source)


def test_a_strangers_clone_of_that_name_is_his(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        name = stable_name("tank/documents", by=BY, source="nas", what="clone")
        source.client.change("pool.snapshot.create", {"dataset": "tank/documents", "name": "drtool-his"}, look=lambda: False)
        request = {"snapshot": "tank/documents@drtool-his", "dataset_dst": name}
        source.client.change("pool.snapshot.clone", request, look=lambda: False)
        assert source.leftovers(()) == ()
        (workload,) = source.discover({"dataset": "tank/documents"})
        with pytest.raises(Conflict, match="not ours"), source.export(source.snapshot(workload, f"{RUN}/1")):
            pass
        assert find_dataset(source.client, name) is not None
        tidy(source)


def test_where_a_clone_takes_its_label_it_has_it_at_once(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="25.10") as lab:
        source = lab.source(by=BY)
        assert takes_label(source.client)
        label = Label("clone", BY, "nas", RUN)
        source.client.change("pool.snapshot.create", {"dataset": "tank/documents", "name": "one"}, look=lambda: False)
        request = {"snapshot": "tank/documents@one", "dataset_dst": "tank/two", "dataset_properties": label.properties("tank/two")}
        source.client.change("pool.snapshot.clone", request, look=lambda: False)
        found = find_dataset(source.client, "tank/two")
        assert found is not None
        assert found.label == label
        tidy(source)
