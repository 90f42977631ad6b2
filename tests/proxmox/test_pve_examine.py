from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.engine.clock import SystemClock
from drtool.lab.proxmox.upid import note_task
from drtool.model.errors import Refused
from drtool.ports import Finding
from tests.proxmox.cluster_world import asked, cluster_of, written
from tests.rig.pve_lab import PveLab, running_pve


def texts(findings: Iterable[Finding], good: bool | None) -> list[str]:  # noqa: FBT001 - as a finding has it
    return [each.text for each in findings if each.good is good]


def examined(pve: PveLab, **keys: Any) -> tuple[Finding, ...]:  # noqa: ANN401 - keys of the source, and others
    return cluster_of(pve, SystemClock(), **keys).examine()


@pytest.mark.parametrize("release", ["8.4", "9.2"])
def test_a_cluster_that_is_well(tmp_path: Path, release: str) -> None:
    with running_pve(tmp_path, release=release) as pve:
        pve.state.guests[105].config.pop("lock")
        found = examined(pve)
    assert texts(found, good=False) == []
    assert texts(found, good=None) == ["it lists 9 guests, of which nothing is stored by this release"]
    answers, rights, quorum = texts(found, good=True)
    assert f"answers with Proxmox VE {release}." in answers
    assert "pve-root-ca.pem" in answers
    assert rights == "its token drtool@pve!drtool has every privilege that inventory and doctor need"
    assert quorum == "the cluster lab has quorum"


def test_each_node_that_the_policy_names_is_asked(tmp_path: Path) -> None:
    with running_pve(tmp_path, offline=("pve2",)) as pve:
        found = examined(pve, further_urls=list(pve.started.urls.values())[1:])
    assert sum("answers with Proxmox VE" in text for text in texts(found, good=True)) == 1
    assert sum("cannot be reached at" in text for text in texts(found, good=None)) == 1
    assert texts(found, good=False) == ["its node pve2 is offline: what its guests are made of cannot be asked"]


def test_where_nobody_answers_only_that_is_told(tmp_path: Path) -> None:
    with running_pve(tmp_path) as pve:
        pve.lab.stop()
        found = examined(pve)
    (only,) = found
    assert only.good is False
    assert "cannot be reached" in only.text


def test_a_refused_token_is_told_once_with_its_remedy(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, "drtool@pve!drtool=00000000-0000-4000-8000-000000000000")
    found = dict.fromkeys(examined(pve, token=token, further_urls=list(pve.started.urls.values())[1:]))
    (only,) = found
    assert only.good is False
    assert "does not accept the token" in only.text
    assert "pveum" in only.remedy
    assert len(asked(pve)) == 1


@pytest.mark.parametrize(
    ("privileges", "path", "lacking"),
    [
        (["Sys.Audit"], "/", ["VM.Audit at /vms and below, for inventory, doctor"]),
        (["VM.Audit"], "/", ["Sys.Audit at /, for inventory, doctor", "Sys.Audit at /nodes and below, for doctor"]),
        (
            ["VM.Audit", "Sys.Audit"],
            "/vms",
            ["Sys.Audit at /, for inventory, doctor", "Sys.Audit at /nodes and below, for doctor"],
        ),
        (["VM.Audit", "Sys.Audit"], "/", []),
    ],
)
def test_what_the_token_lacks_is_told_by_name(pve: PveLab, tmp_path: Path, privileges: list[str], path: str, lacking: list[str]) -> None:
    found = examined(pve, token=written(tmp_path, pve.new_token(privileges, path=path)))
    said = [each for each in found if each.text.startswith("its token lacks")]
    assert [each.text.removeprefix("its token lacks ") for each in said] == lacking
    assert all(each.good is False and each.remedy == "drtool doctor --grants pve" for each in said)
    assert any("has every privilege" in text for text in texts(found, good=True)) is not bool(lacking)


def test_what_only_runs_need_is_asked_for_where_the_configuration_is_stored(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, pve.new_token(["VM.Audit", "Sys.Audit"]))
    assert not [text for text in texts(examined(pve, token=token), good=False) if "lacks" in text]
    said = [text for text in texts(examined(pve, token=token, stores=True), good=False) if "lacks" in text]
    assert said == [
        f"its token lacks {need} and below, for run; the point is partial without it"
        for need in ("Datastore.Audit at /storage", "Pool.Audit at /pool", "SDN.Audit at /sdn", "Mapping.Audit at /mapping")
    ]
    whole = texts(examined(pve, stores=True), good=True)
    assert "its token drtool@pve!drtool has every privilege that inventory, doctor and run need" in whole


@pytest.mark.skipif(os.access("/proc/sys", os.W_OK), reason="this user may write everywhere")
def test_a_place_that_cannot_be_written_to_is_told_before_the_night(pve: PveLab) -> None:
    (said,) = [each for each in examined(pve, stores=True, staging="/proc/sys/drtool") if "may not write" in each.text]
    assert said.good is False
    assert said.remedy == "write `staging: DIRECTORY` into pve"
    assert not [each for each in examined(pve, staging="/proc/sys/drtool") if "may not write" in each.text]


def test_a_right_that_ends_at_its_path_is_none_below(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, pve.new_token(["VM.Audit", "Sys.Audit"]))
    with pve.cluster.lock:
        for grant in pve.state.grants:
            if grant.holder.startswith("other@pve"):
                grant.propagate = False
    said = [text for text in texts(examined(pve, token=token), good=False) if "lacks" in text]
    assert len(said) == 2
    assert not any(" at /, " in text for text in said)


def test_a_right_to_the_folder_of_all_guests_is_none_to_guests(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, pve.new_token(["VM.Audit"], path="/vms"))
    with pve.cluster.lock:
        for grant in pve.state.grants:
            if grant.holder.startswith("other@pve"):
                grant.propagate = False
    assert any("lacks VM.Audit at /vms and below" in text for text in texts(examined(pve, token=token), good=False))
    with pytest.raises(Refused, match="shows the token no guest"):  # an empty ledger would say that there is none
        cluster_of(pve, token=token).existing()


def test_a_token_that_may_do_more_than_is_needed_is_told(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, pve.new_token(["VM.Audit", "Sys.Audit", "VM.Allocate", "Sys.Modify"]))
    assert "its token may do more than is needed: Sys.Modify, VM.Allocate" in texts(examined(pve, token=token), good=None)


def test_lost_quorum_is_told(pve: PveLab) -> None:
    pve.state.quorate = False
    assert "the cluster lab has no quorum: nothing can be changed there" in texts(examined(pve), good=False)


@pytest.mark.parametrize(("seconds", "word"), [(400, "ahead of"), (-400, "behind")])
def test_a_clock_that_is_wrong_is_told(pve: PveLab, seconds: int, word: str) -> None:
    pve.state.nodes["pve2"].skew_seconds = float(seconds)
    (said,) = [text for text in texts(examined(pve), good=False) if "clock" in text]
    assert said.startswith("the clock of pve2 is ")
    assert said.endswith(f" s {word} ours")
    assert timedelta(seconds=390) < timedelta(seconds=float(said.split()[5])) < timedelta(seconds=410)


def test_a_lock_of_a_backup_that_died_is_named_and_one_that_runs_is_not(pve: PveLab) -> None:
    (said,) = [each for each in examined(pve) if "locked" in each.text]
    assert said.text == "vm 105 (office, on pve2) is locked by a backup, and no backup runs on its node"
    assert said.remedy.endswith("qm unlock 105")
    with pve.cluster.lock:
        note_task(pve.cluster, "pve2", "vzdump", "105", "root@pam", at=pve.cluster.now())
    assert not [each for each in examined(pve) if "locked" in each.text]


def test_a_backup_that_has_ended_holds_no_lock(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of active tasks has ended ones too, until they are filed."""
    cluster = cluster_of(pve, SystemClock())
    real = cluster._client.get
    ended = [{"type": "vzdump", "upid": "UPID:pve2:1:1:1:vzdump:105:root@pam:", "endtime": 1_790_000_000, "status": "OK"}]
    monkeypatch.setattr(cluster._client, "get", lambda *path, **more: ended if path[-1] == "tasks" else real(*path, **more))
    assert [each for each in cluster.examine() if "is locked by a backup" in each.text]


def test_a_node_that_does_not_answer_is_asked_nothing_else(pve: PveLab) -> None:
    pve.faults({"path": "/nodes/pve2/*", "kind": "unreachable", "call": 0})
    found = cluster_of(pve).examine()
    assert len([text for text in texts(found, good=False) if "got no answer to /nodes/pve2/time" in text]) == 1
    assert not pve.calls("/nodes/pve2/tasks")


def test_a_question_that_fails_stops_no_other(pve: PveLab) -> None:
    pve.faults({"path": "/cluster/status", "kind": "garbage", "call": 0}, {"path": "/nodes/pve1/time", "kind": "nothing", "call": 0})
    found = examined(pve)
    assert len([text for text in texts(found, good=False) if "not of the API" in text or "something else" in text]) == 2
    assert any("locked by a backup" in text for text in texts(found, good=False))


@pytest.mark.parametrize(
    ("version", "said"), [("7.4-3", "before 8.4"), ("8.3.1", "before 8.4"), ("10.0.1", "tried against"), ("x", "tried against")]
)
def test_releases_that_nobody_tried_are_told(pve: PveLab, monkeypatch: pytest.MonkeyPatch, version: str, said: str) -> None:
    cluster = cluster_of(pve, SystemClock())
    monkeypatch.setattr(cluster._client, "get_at", lambda _url, *_path: {"version": version})
    assert [text for text in texts(cluster.examine(), good=None) if said in text]


def test_a_listing_that_cannot_be_read_whole_is_told_and_a_clock_out_of_time_is_none(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(pve)
    real = cluster._client.get

    def lying(*path: str | int, **more: str) -> object:
        if path == ("cluster", "resources"):
            return [*real(*path, **more), {"type": ["qemu"], "vmid": 7}]
        return {"time": 10**400} if path[-1] == "time" else real(*path, **more)

    monkeypatch.setattr(cluster._client, "get", lying)
    told = texts(cluster.examine(), good=False) + texts(cluster.examine(), good=None)
    assert "unreadable in its listing, or there twice: 1: there may be more guests" in told
    assert "the clock of pve1 was not told" in told
