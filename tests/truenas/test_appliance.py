from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.model.errors import Corrupt, DrtoolError, Refused
from drtool.model.plan import Destination, Restored
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy
from drtool.ports import Question, ReserveRequest
from drtool.sources.truenas.configuration.appliance import _encryption_roots, pools_without_datasets
from drtool.sources.truenas.configuration.check import ApplianceCheck
from drtool.sources.truenas.configuration.verify import verify
from drtool.sources.truenas.land.create import create_dataset, rename_dataset
from drtool.testing.source_contract import inspected
from tests.rig.small_nas import SmallNas
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, RUN, put_back, tidy


def exported(lab: Lab, copies: Path) -> Member:
    source = lab.source(by=BY, administrator=True)
    (workload,) = source.discover({"system": True})
    with source.export(source.snapshot(workload, f"{RUN}/1")) as export:
        (artifact,) = export.artifacts
        root = Path(artifact.path)
        assert {path.name: path.stat().st_mode & 0o777 for path in root.iterdir()} == dict.fromkeys(
            ("config.tar", "keys.json", "facts.json"), 0o600
        )
        assert root.stat().st_mode & 0o777 == 0o700
        assert [leftover.what for leftover in source.leftovers(())] == ["staging"]
        shutil.copytree(root, copies / workload.name)
    assert not root.exists()
    assert source.leftovers(()) == ()
    source.close()
    stored = Artifact(artifact.name, "tree", "0" * 64, artifact.path, Census(3, 1))
    return Member(workload.name, "nas", workload.kind, workload.selector, datetime.now(UTC), (stored,))


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_configuration_is_whole_in_a_sandbox_and_nowhere_else(lab: Lab, tmp_path: Path) -> None:
    admin = lab.source(by=BY, administrator=True)
    create_dataset(
        admin.client, "tank/secret", {}, {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    )
    member = exported(lab, tmp_path / "copies")
    files = read(tmp_path / "copies" / "nas:system")
    assert json.loads(files["keys.json"])["tank"].keys() == {"tank/secret"}
    looked = verify(files)
    assert looked.problems == []
    assert looked.compared == 7
    with pytest.raises(Refused, match="by a person"):
        put_back(admin, member, tmp_path / "copies")
    until = datetime.now(UTC) + timedelta(hours=1)
    reserved = admin.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    landed = put_back(admin, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
    restored = Restored("nas:system", "nas", landed.destination, landed.target, member, locator=landed.locator)
    question = Question(CheckPolicy("truenas_config", "config"), (restored,), {"nas:system": inspected(admin, restored)}, until, until)
    answer = ApplianceCheck().ask(question)
    assert answer.passed, answer.observed
    keys = Path(landed.target) / "keys.json"
    keys.write_text(json.dumps({"tank": {}}))
    answer = ApplianceCheck().ask(question)
    assert not answer.passed
    assert "the key of tank/secret is missing" in answer.observed
    tidy(admin)


def whole(tmp_path: Path, lab: Lab) -> dict[str, bytes]:
    admin = lab.source(by=BY, administrator=True)
    options = {"encryption": True, "inherit_encryption": False}
    create_dataset(admin.client, "tank/secret", {}, {**options, "encryption_options": {"generate_key": True}})
    create_dataset(admin.client, "tank/phrase", {}, {**options, "encryption_options": {"passphrase": "correct horse"}})
    admin.close()
    exported(lab, tmp_path / "copies")
    return read(tmp_path / "copies" / "nas:system")


def test_each_loss_is_seen(lab: Lab, tmp_path: Path) -> None:
    files = whole(tmp_path, lab)
    assert verify(files).problems == []
    archive = files["config.tar"]
    keys, facts = json.loads(files["keys.json"]), json.loads(files["facts.json"])
    spoiled: dict[str, dict[str, bytes]] = {
        "does not open": {"config.tar": archive[:700]},
        "config.tar does not open": {"config.tar": gzip.compress(archive)},
        "config.tar does not open as an archive": {"config.tar": b""},
        "facts.json is missing or cannot be read": {"facts.json": b""},
        "does not tell which datasets are encrypted": {"facts.json": b"{}"},
        "keys.json is missing or cannot be read": {"keys.json": files["keys.json"][:-9]},
        "the key of tank/secret is missing": {"keys.json": json.dumps({"tank": {}}).encode()},
        "lists no dataset": {"facts.json": json.dumps({**facts, "pool.dataset.query": []}).encode()},
        "lists no datasets": {"facts.json": json.dumps({**facts, "pool.dataset.query": None}).encode()},
        "does not tell whether tank/secret is encrypted": {"facts.json": told(facts, encrypted=None)},
        "does not tell whose key tank/secret has": {"facts.json": told(facts, encryption_root=None)},
        "does not tell what opens tank/secret": {"facts.json": told(facts, key_format=None)},
        "the key of tank/secret is no key": {"keys.json": json.dumps({"tank": {"tank/secret": keys["tank"]["tank/secret"][:-1]}}).encode()},
        "the secret seed (pwenc_secret) is missing": {"config.tar": without(archive, "pwenc_secret")},
        "(pwenc_secret) is missing": {"config.tar": without(archive, "pwenc_secret", kind=tarfile.SYMTYPE)},
        "holds pwenc_secret twice": {"config.tar": twice(archive, "pwenc_secret")},
        "(freenas-v1.db) is missing": {"config.tar": without(archive, "freenas-v1.db")},
        "(freenas-v1.db) is damaged": {"config.tar": without(archive, "freenas-v1.db", instead=b"x" * 5000)},
        "(freenas-v1.db) has no tables": {"config.tar": without(archive, "freenas-v1.db", instead=empty_database(tmp_path))},
    }
    for said, changed in spoiled.items():
        problems = verify({**files, **changed}).problems
        assert any(said in problem for problem in problems), f"{said}: {problems}"


def told(facts: dict[str, Any], **otherwise: object) -> bytes:
    """Return facts in which the listing tells otherwise of one dataset."""
    rows = [row | otherwise if row["id"] == "tank/secret" else row for row in facts["pool.dataset.query"]]
    return json.dumps({**facts, "pool.dataset.query": rows}).encode()


def test_keys_are_expected_by_what_the_listing_shows_and_by_nothing_beside_it(lab: Lab, tmp_path: Path) -> None:
    files = whole(tmp_path, lab)
    facts = json.loads(files["facts.json"])
    no_keys = {**files, "keys.json": b"{}", "facts.json": json.dumps({**facts, "encryption_roots": {}}).encode()}
    assert verify(no_keys).problems == ["the key of tank/secret is missing"]
    row = next(row for row in facts["pool.dataset.query"] if row["id"] == "tank/secret")
    below = {**facts, "encryption_roots": {}, "pool.dataset.query": [{**row, "id": "tank/secret/below"}]}
    assert verify({**no_keys, "facts.json": json.dumps(below).encode()}).problems == ["the key of tank/secret is missing"]


@pytest.mark.parametrize(
    ("method", "said"),
    [("pool.dataset.query", "tells of no dataset"), ("pool.dataset.export_keys", "the key of tank/secret is missing")],
)
def test_a_nas_that_tells_nothing_of_what_must_be_gives_no_backup(lab: Lab, method: str, said: str) -> None:
    admin = lab.source(by=BY, administrator=True)
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    create_dataset(admin.client, "tank/secret", {}, options)
    (workload,) = admin.discover({"system": True})
    lab.faults({"method": method, "kind": "nothing", "call": 0})
    with pytest.raises(DrtoolError, match=said), admin.export(admin.snapshot(workload, f"{RUN}/1")):
        pass
    lab.faults()
    tidy(admin)


@pytest.mark.parametrize(
    ("pools", "datasets", "silent"),
    [
        (["tank", "other"], ["tank", "tank/a"], ["other"]),
        (["tank"], ["tank"], []),
        ([], ["tank"], []),
        (["tank"], [], ["tank"]),
    ],
)
def test_a_pool_of_which_no_dataset_is_told_is_named(pools: list[str], datasets: list[str], silent: list[str]) -> None:
    assert pools_without_datasets([{"name": name, "status": "ONLINE"} for name in pools], datasets) == silent


def test_a_database_with_a_broken_page_is_seen(lab: Lab, tmp_path: Path) -> None:
    files = whole(tmp_path, lab)
    with tarfile.open(fileobj=io.BytesIO(files["config.tar"])) as tar:
        file = tar.extractfile("freenas-v1.db")
        assert file is not None
        database = bytearray(file.read())
    for place in range(4096, 4096 + 200):
        database[place] ^= 0xFF
    problems = verify({**files, "config.tar": without(files["config.tar"], "freenas-v1.db", instead=bytes(database))}).problems
    assert any("is damaged" in problem for problem in problems)


def test_what_a_run_has_under_way_is_not_missed(lab: Lab, tmp_path: Path) -> None:
    """The clone of an encrypted dataset has no key of its own in the NAS's database."""
    admin = lab.source(by=BY, administrator=True)
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    create_dataset(admin.client, "tank/secret", {}, options)
    (workload,) = admin.discover({"dataset": "tank/secret"})
    with admin.export(admin.snapshot(workload, "drtool-x")):
        assert len(admin.client.read("pool.dataset.query", [["encrypted", "=", True]], {"extra": {"retrieve_children": False}})) == 2
        assert _encryption_roots(admin.client) == {"tank/secret": "HEX"}
    tidy(admin)


def test_a_key_that_the_nas_lost_is_told_and_not_hidden(lab: Lab, tmp_path: Path) -> None:
    admin = lab.source(by=BY, administrator=True)
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    create_dataset(admin.client, "tank/secret", {}, options)
    rename_dataset(admin.client, "tank/secret", "tank/renamed")
    (workload,) = admin.discover({"system": True})
    with pytest.raises(Corrupt, match="the key of tank/renamed is missing") as caught, admin.export(admin.snapshot(workload, f"{RUN}/1")):
        pass
    assert "keeps no key under that name" in caught.value.hint
    admin.close()


@pytest.mark.parametrize(
    ("saved_by", "said", "hint"),
    [
        ("25.10.5", "this NAS is 25.10.5: the same release", "upload config.tar"),
        ("25.04.2", "this NAS is 25.10.5: a newer release, which converts it", "removes the authorized keys"),
        ("26.0.0", "saved by 26.0.0, and this NAS is 25.10.5: an older release refuses it", "install 26.0.0 or later first"),
        ("26.0.0-BETA.1", "an older release refuses it", "install 26.0.0-BETA.1 or later first"),
        ("", "saved by an unknown release", "upload config.tar"),
    ],
)
def test_putting_it_back_says_whether_this_nas_takes_it(lab: Lab, tmp_path: Path, saved_by: str, said: str, hint: str) -> None:
    admin = lab.source(by=BY, administrator=True)
    (workload,) = admin.discover({"system": True})
    assert workload.selector["version"] == "25.10.5"
    stored = Artifact("nas:system", "tree", "0" * 64, "/run/x", Census(3, 1))
    member = Member(workload.name, "nas", workload.kind, {"system": True, "version": saved_by}, datetime.now(UTC), (stored,))
    uploads = lab.calls("config.upload")
    with pytest.raises(Refused) as caught:
        put_back(admin, member, tmp_path / "copies")
    assert said in caught.value.what
    assert hint in caught.value.hint
    assert "runbooks/truenas-lost.md" in caught.value.hint
    assert lab.calls("config.upload") == uploads
    admin.close()


def test_a_drill_of_it_never_leaves_this_host(lab: Lab, tmp_path: Path) -> None:
    admin = lab.source(by=BY, administrator=True)
    member = exported(lab, tmp_path / "copies")
    place = {"directory": str(tmp_path / "sandboxes")}
    until = datetime.now(UTC) + timedelta(hours=1)
    reserved = admin.reserve(ReserveRequest(place, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    assert Path(reserved.locator).stat().st_mode & 0o777 == 0o700
    made, shared = lab.calls("pool.dataset.create"), lab.calls("sharing.nfs.create")
    landed = put_back(admin, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
    assert landed.target.startswith(f"{reserved.locator}/")
    restored = Restored("nas:system", "nas", landed.destination, landed.target, member, locator=landed.locator)
    question = Question(CheckPolicy("truenas_config", "config"), (restored,), {"nas:system": inspected(admin, restored)}, until, until)
    answer = ApplianceCheck().ask(question)
    assert answer.passed, answer.observed
    assert (lab.calls("pool.dataset.create"), lab.calls("sharing.nfs.create")) == (made, shared)
    assert [leftover.what for leftover in admin.leftovers((place,))] == ["sandbox"]
    admin.release(reserved)
    assert admin.leftovers((place,)) == ()
    assert list((tmp_path / "sandboxes").iterdir()) == []
    admin.close()


def empty_database(tmp_path: Path) -> bytes:
    path = tmp_path / "empty.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table t (x)")
        database.execute("drop table t")
        database.commit()
    return path.read_bytes()


def twice(archive: bytes, name: str) -> bytes:
    result = io.BytesIO(archive)
    with tarfile.open(fileobj=result, mode="a") as tar:
        item = tarfile.TarInfo(f"./{name}")
        item.size = 4
        tar.addfile(item, io.BytesIO(b"evil"))
    return result.getvalue()


def without(archive: bytes, name: str, *, instead: bytes = b"", kind: bytes = b"") -> bytes:
    result = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=result, mode="w") as new:
        for item in old.getmembers():
            file = old.extractfile(item)
            body = file.read() if file is not None else b""
            if Path(item.name).name == name:
                body = instead
                item.size = len(body)
                if kind:
                    item.type, item.linkname = kind, "/etc/shadow"
            new.addfile(item, io.BytesIO(body))
    return result.getvalue()


def test_a_worker_may_not_take_the_configuration(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload,) = source.discover({"system": True})
    with pytest.raises(DrtoolError), source.export(source.snapshot(workload, f"{RUN}/1")):
        pass
    assert source.leftovers(()) == ()
    source.close()


def test_a_configuration_without_its_seed_is_not_stored(tmp_path: Path) -> None:
    from tests.contracts.test_truenas_source import make_source  # noqa: PLC0415 - its server loses the seed

    with SmallNas(tmp_path / "nas") as nas:
        nas.add("tank")
        nas.seed = b""
        source = make_source(nas)
        (workload,) = source.discover({"system": True})
        with pytest.raises(Corrupt, match="secret seed"), source.export(source.snapshot(workload, f"{RUN}/1")):
            pass
        source.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_its_database_is_looked_at_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """A directory whose time of change stays never had a file in it."""
    database = journalled(tmp_path, mode)
    assert database[18:20] == {"delete": b"\1\1", "wal": b"\2\2"}[mode]
    broken = bytearray(database)
    for place in range(4096, 4096 + 200):
        broken[place] ^= 0xFF
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    os.utime(temporary, ns=(0, 0))
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(temporary)
    listed = {"encryption_roots": {}, "pool.dataset.query": [{"id": "tank", "encrypted": False}]}
    facts = {"facts.json": json.dumps(listed).encode(), "keys.json": b"{}"}
    assert verify({**facts, "config.tar": archived(database)}).problems == []
    for spoiled in (bytes(broken), database[:5000], database[:100], b"SQLite format 3\0", database[:18] + b"\7\7" + database[20:]):
        (problem,) = verify({**facts, "config.tar": archived(spoiled)}).problems
        assert problem.startswith("the database (freenas-v1.db) is damaged"), problem
    assert list(temporary.iterdir()) == []
    assert temporary.stat().st_mtime_ns == 0


def journalled(tmp_path: Path, mode: str) -> bytes:
    path = tmp_path / "journalled.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"pragma journal_mode = {mode}")
        database.execute("create table t (x)")
        database.executemany("insert into t values (?)", [("word" * 100,)] * 200)
        database.execute("create index i on t (x)")
        database.commit()
    return path.read_bytes()


def archived(database: bytes) -> bytes:
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as tar:
        for name, body in (("freenas-v1.db", database), ("pwenc_secret", b"seed")):
            item = tarfile.TarInfo(name)
            item.size = len(body)
            tar.addfile(item, io.BytesIO(body))
    return result.getvalue()
