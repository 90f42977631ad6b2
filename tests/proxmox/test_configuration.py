"""The cluster's own configuration: all of it is read, and what is not is named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drtool.lab.proxmox.state import RELEASES, Guest, Node
from drtool.model.errors import Corrupt, DrtoolError, Refused, Unavailable
from drtool.model.plan import Destination
from drtool.ports import ArtifactRequest
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.configuration.gather import gather
from drtool.sources.proxmox.configuration.verify import verify
from drtool.testing.source_contract import RUN, land_request, take
from drtool.testing.source_contract import Subject as Tried
from tests.proxmox.cluster_world import client_of, cluster_of, written
from tests.rig.pve_lab import PveLab, running_pve

SECRETS = ("password", "PRIVATE KEY")


@dataclass
class Exported:
    """What an export offered: its files as JSON, as bytes, and what was told of it."""

    artifact: ArtifactRequest
    files: dict[str, bytes]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.files[name])

    @property
    def missing(self) -> dict[str, str]:
        return dict(self["index.json"]["missing"])


def exported(pve: PveLab, **keys: Any) -> Exported:  # noqa: ANN401 - as `cluster_of` takes them
    source = cluster_of(pve, **keys)
    (workload,) = source.discover({"system": True})
    with source.export(source.snapshot(workload, f"{RUN}/1")) as export:
        (artifact,) = export.artifacts
        root = Path(artifact.path)
        assert {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*"))} == {0}, "for nobody else's eyes"
        files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert not root.exists()
    assert source.leftovers(()) == ()
    assert verify(files).problems == []
    return Exported(artifact, files)


@contextlib.contextmanager
def changing(pve: PveLab, monkeypatch: pytest.MonkeyPatch, *, before: str, call: int, change: Callable[[], None]) -> Iterator[None]:
    """Change something when the `call`-th question for a path comes."""
    count = 0
    find = pve.lab.cluster.faults.of

    def of(method: str, path: str) -> Any:  # noqa: ANN401 - faults
        nonlocal count
        count += path == before
        if path == before and count == call:
            change()
            count += 1
        return find(method, path)

    monkeypatch.setattr(type(pve.lab.cluster.faults), "of", lambda _self, method, path: of(method, path))
    yield
    assert count > call, "it was asked"


@pytest.mark.parametrize("release", RELEASES)
def test_all_that_a_cluster_tells_is_kept(tmp_path: Path, release: str) -> None:
    with running_pve(tmp_path, release=release) as pve:
        pve.state.guests[100].snapshots["before"] = {"name": "web", "snaptime": 1_700_000_000}
        got = exported(pve)
        state = pve.state
        assert [call for call in pve.calls() if call["method"] != "GET"] == []
    assert got.artifact.lacks == got.artifact.told == ()
    assert got.missing == {}
    for number, guest in state.guests.items():
        told = got[f"nodes/{guest.node}/{guest.kind}/{number}.json"]
        assert {key: told["config"].get(key) for key in guest.config} == guest.config
        assert {row["key"] for row in told["pending"]} == set(guest.config)
    assert [row["name"] for row in got["nodes/pve1/qemu/100.json"]["snapshot"]] == ["before", "current"]
    assert got["nodes/pve1/qemu/100.json"]["firewall/ipset/each"] == {"trusted": state.configuration["/guests/100/firewall/ipset/trusted"]}
    assert {row["storage"] for row in got["storage.json"]} == set(state.storages)
    assert {row["userid"] for row in got["access/users.json"]} == set(state.users)
    assert {row["id"] for row in got["cluster/backup.json"]} == set(state.jobs)
    assert got["cluster/firewall/groups/each.json"] == {"web": state.configuration["/cluster/firewall/groups/web"]}
    assert got["nodes/pve2/hosts.json"] == state.configuration["/nodes/pve2/hosts"]
    assert got["pools/each.json"]["production"][0]["comment"] == "what the house lives on"
    members = got["pools/each.json"]["production"][0]["members"]
    assert {row.get("vmid") or row["storage"] for row in members} == {100, 101, 200, "nas"}
    assert ("cluster/ha/rules.json" in got.files) is release.startswith("9.")
    assert ("cluster/ha/groups.json" in got.files) is release.startswith("8.")
    everything = b"".join(got.files.values()).decode()
    assert not [word for word in SECRETS if word in everything]


def test_the_same_cluster_is_kept_in_the_same_words(pve: PveLab) -> None:
    """Whatever order it lists in, and whatever its clocks and counters say."""
    before = exported(pve).files
    with pve.cluster.lock:
        pve.state.users = dict(reversed(pve.state.users.items()))
        pve.state.nodes["pve1"].skew_seconds = 77.0
        pve.state.guests = dict(reversed(pve.state.guests.items()))
        pve.state.storages = dict(reversed(pve.state.storages.items()))
    assert exported(pve).files == before


def test_a_guest_that_may_not_be_read_is_named_and_the_others_are_kept(pve: PveLab) -> None:
    reason = "Permission check failed (/vms/101, VM.Audit)"
    pve.faults({"path": "/nodes/pve1/qemu/101/*", "kind": "error", "status": 403, "reason": reason, "call": 0})
    got = exported(pve)
    assert "nodes/pve1/qemu/101.json" not in got.files
    assert len([name for name in got.files if name.startswith("nodes/pve1/qemu/")]) == 4
    (lacks,) = got.artifact.lacks
    assert lacks.startswith("nodes/pve1/qemu/101.json: config: ")
    assert reason in lacks


def test_a_listing_that_is_refused_is_named_with_what_belongs_to_it(pve: PveLab) -> None:
    pve.faults({"path": "/cluster/sdn/vnets", "kind": "error", "status": 403, "reason": "Permission check failed", "call": 0})
    parts = ("vnets", "vnets/each-subnets", "vnets/each-firewall-options", "vnets/each-firewall-rules")
    assert set(exported(pve).missing) == {f"cluster/sdn/{part}.json" for part in parts}


@pytest.mark.parametrize("status", [403, 500, 501, 596])
def test_one_row_that_is_not_told_is_named_and_the_others_are_kept(pve: PveLab, status: int) -> None:
    with pve.cluster.lock:
        pve.state.configuration["/cluster/firewall/groups"].append({"group": "mail", "digest": "0" * 40})
        pve.state.configuration["/cluster/firewall/groups/mail"] = []
    pve.faults({"path": "/cluster/firewall/groups/web", "kind": "error", "status": status, "reason": "no such thing", "call": 0})
    got = exported(pve)
    assert list(got.missing) == ["cluster/firewall/groups/each.json"]
    assert got["cluster/firewall/groups/each.json"] == {"mail": []}


def test_a_node_that_is_offline_is_named_with_its_guests(tmp_path: Path) -> None:
    with running_pve(tmp_path, offline=("pve2",)) as pve:
        got = exported(pve)
        assert not [call for call in pve.calls() if call["path"].startswith("/nodes/pve2/")]
    assert got.missing == {"nodes/pve2": "it is offline; nothing more of it was read, nor of its guests 105, 201, 202"}
    assert not [name for name in got.files if name.startswith("nodes/pve2/")]
    assert [name for name in got.files if name.startswith("nodes/pve1/lxc/")] == ["nodes/pve1/lxc/200.json"]


def test_a_node_that_stops_to_answer_is_not_asked_for_ever(pve: PveLab) -> None:
    pve.faults({"path": "/nodes/pve2/*", "kind": "unreachable", "call": 0})
    got = exported(pve)
    assert len([call for call in pve.calls() if call["path"].startswith("/nodes/pve2/")]) == 6, "two questions, each three times"
    assert got.missing["nodes/pve2"].startswith("it does not answer: ")
    assert got.missing["nodes/pve2"].endswith("nor of its guests 105, 201, 202")


def test_one_question_that_is_not_answered_is_no_silent_node(pve: PveLab) -> None:
    pve.faults({"path": "/nodes/pve2/disks/list", "kind": "timeout_before", "call": 0})
    assert list(exported(pve).missing) == ["nodes/pve2/disks/list.json"]


def test_a_node_that_falls_silent_once_all_was_read_loses_nothing(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        pve.faults({"path": "/nodes/pve1/*", "kind": "unreachable", "call": 0})

    with changing(pve, monkeypatch, before="/cluster/resources", call=2, change=change):
        before = len(pve.calls())
        got = exported(pve)
    assert got.artifact.lacks == ()
    assert len(got.files) == len(exported_files(pve))
    failed = [call for call in pve.calls()[before:] if call["outcome"].startswith("595")]
    assert len(failed) == 6, "two questions, each three times, and not one of each file"
    assert len(got.artifact.told) == 2
    assert all("whether it changed could not be asked" in words for words in got.artifact.told)


def exported_files(pve: PveLab) -> set[str]:
    pve.faults()
    return set(exported(pve).files)


def test_after_three_silent_nodes_no_other_is_asked(pve: PveLab) -> None:
    with pve.cluster.lock:
        for number in range(3, 8):
            pve.state.nodes[f"pve{number}"] = Node(f"pve{number}", number, f"192.0.2.{number}")
            pve.state.guests[300 + number] = Guest(300 + number, "lxc", f"pve{number}", {"hostname": "x", "memory": 512})
    pve.faults(*({"path": f"/nodes/pve{number}/*", "kind": "unreachable", "call": 0} for number in range(3, 8)))
    got = exported(pve)
    dead = {f"nodes/pve{number}" for number in range(3, 8)}
    assert {name.removesuffix("/config.json") for name in got.missing} == dead, "nodes that answer are asked all the same"
    assert "3 nodes did not answer, and no other was asked" in got.missing["nodes/pve7"]
    assert "nor of its guests 307" in got.missing["nodes/pve7"]
    assert not [call for call in pve.calls() if call["path"].startswith("/nodes/pve7/")]


@pytest.mark.parametrize(
    ("privilege", "files"),
    [
        ("Pool.Audit", {"pools.json"}),
        ("Datastore.Audit", {"storage.json"}),
        ("SDN.Audit", {f"cluster/sdn/{each}.json" for each in ("zones", "vnets", "controllers", "dns", "ipams", "fabrics/all")}),
        ("VM.Audit", {"guests", "cluster/replication.json"}),
    ],
)
def test_a_listing_that_shows_less_without_a_word_is_not_believed(pve: PveLab, privilege: str, files: set[str]) -> None:
    with pve.cluster.lock:
        pve.state.roles["drtool-look"].remove(privilege)
    got = exported(pve)
    assert {file for file, why in got.missing.items() if f"the token lacks {privilege}" in why} == files
    assert set(got.missing) == files
    assert len(got.artifact.lacks) == len(files)


def test_one_pool_that_is_hidden_is_a_hole(pve: PveLab) -> None:
    with pve.cluster.lock:
        for kind, holder in (("user", "drtool@pve"), ("token", "drtool@pve!drtool")):
            pve.state.grants.append(type(pve.state.grants[0])("/pool/production", kind, holder, "PVEDatastoreUser"))
    assert list(exported(pve).missing) == ["pools.json"]


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("/vms/101", {"guests", "cluster/replication.json"}),
        ("/storage/nas", {"storage.json"}),
        ("/pool/production", {"pools.json", "storage.json", "guests", "cluster/replication.json"}),
        ("/mapping/pci/gpu", {f"cluster/mapping/{kind}.json" for kind in ("dir", "pci", "usb")} | {"cluster/qemu/custom-cpu-models.json"}),
    ],
)
def test_a_path_without_any_right_is_a_hole_though_the_platform_does_not_name_it(pve: PveLab, path: str, files: set[str]) -> None:
    """What a token may do is told without the paths where it may do nothing: `NoAccess` looked like nothing at all."""
    with pve.cluster.lock:
        for kind, holder in (("user", "drtool@pve"), ("token", "drtool@pve!drtool")):
            pve.state.grants.append(type(pve.state.grants[0])(path, kind, holder, "NoAccess"))
    assert {file for file, why in exported(pve).missing.items() if "the token lacks" in why} == files


def test_without_mapping_rights_what_is_refused_and_what_is_hidden_is_named(pve: PveLab) -> None:
    with pve.cluster.lock:
        pve.state.roles["drtool-look"].remove("Mapping.Audit")
    missing = exported(pve).missing
    assert "Permission check failed (/mapping/notifications" in missing["cluster/notifications/targets.json"]
    assert "the token lacks Mapping.Audit" in missing["cluster/mapping/pci.json"]
    assert {name.rpartition("/")[0] for name in missing} == {
        "cluster/notifications",
        "cluster/notifications/endpoints",
        "cluster/mapping",
        "cluster/qemu",
    }


def test_rights_that_are_lost_on_the_way_are_noticed(pve: PveLab) -> None:
    pve.faults({"path": "/pools", "kind": "unprivileged"})
    missing = gather(client_of(pve)).part.missing
    assert "the token lacks Pool.Audit" in missing["pools.json"]
    assert "Permission check failed" in missing["cluster/ha/resources.json"]


def test_what_changes_while_it_is_read_is_told_and_read_again(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        pve.state.guests[100].config["memory"] = "4096"
        pve.state.options["keyboard"] = "fr"

    with changing(pve, monkeypatch, before="/nodes/pve2/services", call=1, change=change):
        got = exported(pve)
    assert got["nodes/pve1/qemu/100.json"]["config"]["memory"] == "4096"
    assert got["cluster/options.json"]["keyboard"] == "fr"
    assert got.artifact.lacks == ()
    assert got.artifact.told == ("cluster/options.json: changed while it was read, and read again",)


def test_a_guest_that_changes_after_it_was_read_is_read_again(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        pve.state.guests[100].config["memory"] = "4096"

    with changing(pve, monkeypatch, before="/nodes/pve1/lxc/200/config", call=1, change=change):
        got = exported(pve)
    assert got["nodes/pve1/qemu/100.json"]["config"]["memory"] == "4096"
    assert got.artifact.told == ("nodes/pve1/qemu/100.json: changed while it was read, and read again",)


def test_guests_that_come_go_and_move_meanwhile_are_kept_where_they_are(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        pve.state.guests[106] = Guest(106, "qemu", "pve1", {"name": "fresh", "memory": "512"})
        pve.state.guests[104].node = "pve2"
        del pve.state.guests[102]

    with changing(pve, monkeypatch, before="/nodes/pve1/qemu/103/config", call=1, change=change):
        got = exported(pve)
    stored = {name.removeprefix("nodes/") for name in got.files if "/qemu/" in name or "/lxc/" in name}
    assert {"pve1/qemu/106.json", "pve2/qemu/104.json"} <= stored
    assert not {"pve1/qemu/104.json", "pve1/qemu/102.json"} & stored
    assert got.missing == {}
    assert sorted(words.partition(": ")[2] for words in got.artifact.told) == ["new", "new", *["removed, or moved to another node"] * 2]


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a\nb", 'say "no"', "\x1b[2J", "a/b", "..", "x" * 300, "", 7, None, "ключ"])
def test_names_of_the_platform_become_no_paths(pve: PveLab, name: object) -> None:
    """Neither of ours nor of a question; the rest of the listing is asked for all the same."""
    pve.witness.require_none()
    with pve.cluster.lock:
        pve.state.configuration["/cluster/firewall/groups"].append({"group": name, "digest": "0" * 40})
        pve.state.guests[100].config |= {"name": "n\n\x07\"'", "description": "../../\x00\x1b]0;"}
    got = exported(pve)
    pve.witness.violations.clear()  # such a group the vendor's schema does not know either
    assert not [path for path in got.files if ".." in path or not path.isascii()]
    assert all(body.isascii() and b"\x1b" not in body for body in got.files.values())
    assert list(got["cluster/firewall/groups/each.json"]) == ["web"]
    assert list(got.missing) == ["cluster/firewall/groups/each.json"]
    assert not [call for call in pve.calls() if call["path"].startswith("/cluster/firewall/groups/") and not call["path"].endswith("/web")]
    assert all(line.isprintable() for line in got.artifact.lacks)


def test_a_node_whose_name_is_none_is_not_passed_over(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    get = ApiClient.get
    hostile = {"type": "node", "node": "../pve9", "status": "online"}
    monkeypatch.setattr(
        ApiClient,
        "get",
        lambda self, *path, **given: (
            [*get(self, *path, **given), hostile] if path == ("cluster", "resources") else get(self, *path, **given)
        ),
    )
    assert exported(pve).missing == {"guests": "unreadable in the listing of guests, or there twice: 1"}


@pytest.mark.parametrize(("kind", "error"), [("nothing", Refused), ("garbage", Refused)])
def test_a_cluster_that_tells_no_release_gives_no_backup(pve: PveLab, kind: str, error: type[DrtoolError]) -> None:
    pve.faults({"path": "/version", "kind": kind, "call": 0})
    with pytest.raises(error):
        exported(pve)


def test_where_nothing_is_listed_that_must_be_nothing_is_stored(pve: PveLab) -> None:
    with pve.cluster.lock:
        pve.state.storages.clear()
        pve.state.pools.clear()
    with pytest.raises(Corrupt, match=r"storage\.json lists nothing") as caught:
        exported(pve)
    assert caught.value.safe == "it was not stored"


def test_a_token_that_is_taken_away_meanwhile_ends_it(pve: PveLab) -> None:
    pve.faults({"path": "/access/acl", "kind": "revoke"})
    with pytest.raises(Refused, match="does not accept the token"):
        exported(pve)


def test_a_cluster_that_stops_to_answer_ends_it(pve: PveLab) -> None:
    pve.faults({"path": "/cluster/*", "kind": "timeout_before", "call": 3, "times": 10_000})
    with pytest.raises(Unavailable):
        exported(pve)
    assert len([call for call in pve.calls() if call["path"].startswith("/cluster/")]) == 2 + 3 * 3, "three questions, each three times"


@pytest.mark.parametrize("verb", ["land", "survey"])
def test_nothing_is_put_in_place(pve: PveLab, tmp_path: Path, verb: str) -> None:
    source = cluster_of(pve)
    member, _content = take(Tried(source, {"system": True}, {}, tmp_path))
    assert "nothing is ever written into a cluster" in member.by_hand
    request = land_request(Tried(source, {"system": True}, {}, tmp_path), member, "original")
    assert request.destination == Destination("original")
    with pytest.raises(Refused, match="pve:system is put back by a person: nothing is ever written into a cluster") as caught:
        source.survey(request) if verb == "survey" else source.land(request).__enter__()
    assert "--to directory PATH" in caught.value.hint
    assert "docs/platforms/proxmox.md" in caught.value.hint


def test_a_token_of_the_grants_reads_all_of_it(pve: PveLab, tmp_path: Path) -> None:
    """What the table of privileges says is enough, and nothing of it can be left out."""
    needed = ["Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"]
    assert exported(pve, token=written(tmp_path, pve.new_token(needed))).missing == {}
    for each in needed:
        left = [name for name in needed if name != each]
        reading = gather(client_of(pve, token=written(tmp_path, pve.new_token(left))))
        assert reading.part.missing, each
