"""A stored configuration is judged without any cluster, and each loss is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.model.plan import Destination, Restored
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy
from drtool.ports import Inspection, Question
from drtool.runners.local import LocalRunner
from drtool.sources.proxmox.configuration.check import ConfigurationCheck
from drtool.sources.proxmox.configuration.gather import gather
from drtool.sources.proxmox.configuration.verify import verify
from tests.proxmox.cluster_world import client_of
from tests.rig.pve_lab import running_pve

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    with running_pve(tmp_path_factory.mktemp("pve")) as pve:
        yield gather(client_of(pve)).content()


def put(files: Files, name: str, change: Callable[[Any], Any]) -> Files:
    """Return files of which one says something else."""
    return {**files, name: json.dumps(change(json.loads(files[name]))).encode()}


def without(files: Files, *names: str) -> Files:
    return {name: body for name, body in files.items() if name not in names}


def indexed(files: Files, **keys: object) -> Files:
    return put(files, "index.json", lambda index: {**index, **keys})


WEB = "nodes/pve1/qemu/100.json"
LOSSES: dict[str, Callable[[Files], Files]] = {
    "index.json is missing": lambda files: without(files, "index.json"),
    "index.json cannot be read": lambda files: {**files, "index.json": b"{"},
    "not of a kind that this release": lambda files: indexed(files, format="drtool.proxmox/2"),
    "does not tell release, nodes, guests": lambda files: indexed(files, guests=None),
    "does not tell release, nodes, guests and": lambda files: indexed(files, release="nine"),
    "no node is listed": lambda files: indexed(files, nodes={}),
    "storage.json is missing": lambda files: without(files, "storage.json"),
    "storage.json lists nothing": lambda files: {**files, "storage.json": b"[]"},
    "access/users.json cannot be read": lambda files: {**files, "access/users.json": files["access/users.json"][:-9]},
    "access/users.json lists nothing": lambda files: {**files, "access/users.json": b"[]"},
    "cluster/firewall/groups/each.json is missing": lambda files: without(files, "cluster/firewall/groups/each.json"),
    "cluster/ha/rules.json is missing": lambda files: without(files, "cluster/ha/rules.json"),
    "nodes/pve2/network.json is missing": lambda files: without(files, "nodes/pve2/network.json"),
    "guest 100 was listed, and its configuration is missing": lambda files: without(files, WEB),
    f"{WEB} holds no configuration": lambda files: put(files, WEB, lambda guest: {**guest, "config": {}}),
    f"{WEB} holds no configuration ": lambda files: {**files, WEB: b"[]"},
    f"{WEB} lacks firewall/rules": lambda files: put(files, WEB, lambda guest: {k: v for k, v in guest.items() if k != "firewall/rules"}),
    "nodes/pve1/qemu/777.json is of no guest that was listed": lambda files: {**files, "nodes/pve1/qemu/777.json": files[WEB]},
    "nodes/pve2/qemu/100.json is of no guest": lambda files: {**without(files, WEB), "nodes/pve2/qemu/100.json": files[WEB]},
    "strange.json is nothing of this configuration": lambda files: {**files, "strange.json": b"{}"},
    "version.json does not tell the release 9.2": lambda files: put(files, "version.json", lambda told: {**told, "version": "8.4.1"}),
    "version.json does not tell": lambda files: {**files, "version.json": b"null"},
    "storage.json holds something else": lambda files: {**files, "storage.json": b"{}"},
    "cluster/options.json holds something else": lambda files: {**files, "cluster/options.json": b"null"},
    "access/users.json holds something else": lambda files: {**files, "access/users.json": b"[1]"},
    "nodes/pve2/dns.json holds something else": lambda files: {**files, "nodes/pve2/dns.json": b"[]"},
    "pools/each.json holds something else": lambda files: {**files, "pools/each.json": b"null"},
    "pools/each.json lacks production": lambda files: {**files, "pools/each.json": b"{}"},
    "version.json is missing": lambda files: without(files, "version.json"),
}


def test_what_was_read_is_whole(stored: Files) -> None:
    looked = verify(stored)
    assert looked.problems == []
    assert looked.compared == len(stored) > 70
    assert looked.bytes == sum(map(len, stored.values()))


@pytest.mark.parametrize("said", LOSSES)
def test_each_loss_is_seen(stored: Files, said: str) -> None:
    problems = verify(LOSSES[said](stored)).problems
    assert any(said.strip() in each for each in problems), problems


def test_nothing_at_all_is_red() -> None:
    assert verify({}).problems


def test_what_the_index_names_as_missing_is_not_missed_and_nothing_else_is(stored: Files) -> None:
    away = indexed(stored, missing={"nodes/pve2": "it is offline", "storage.json": "refused", WEB: "firewall: refused"})
    assert verify(without(away, *(name for name in stored if name.startswith("nodes/pve2/")), "storage.json", WEB)).problems == []
    assert verify(without(away, "nodes/pve1/dns.json")).problems == ["nodes/pve1/dns.json is missing"]


def asked(files: Files, directory: Path, **keys: object) -> tuple[ConfigurationCheck, Question]:
    for name, body in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(body)
    artifact = Artifact("pve:system", "tree", "0" * 64, "/run/x", Census(1, 1))
    member = Member("pve:system", "pve", "proxmox", {"system": True}, NOW, (artifact,))
    restored = replace(Restored("pve:system", "pve", Destination("sandbox"), str(directory), member), **keys)  # type: ignore[arg-type]
    inspections = {"pve:system": Inspection(up=True, runner=LocalRunner(), root=str(directory))}
    return ConfigurationCheck(), Question(CheckPolicy("proxmox_config", "config"), (restored,), inspections, NOW, NOW)


def test_the_check_looks_at_what_was_restored(stored: Files, tmp_path: Path) -> None:
    check, question = asked(stored, tmp_path)
    answer = check.ask(question)
    assert answer.passed, answer.observed
    assert answer.compared == len(stored)
    (tmp_path / WEB).unlink()
    (tmp_path / "storage.json").unlink()
    (tmp_path / "storage.json").symlink_to("/etc/hostname")
    answer = check.ask(question)
    assert not answer.passed
    assert "guest 100 was listed, and its configuration is missing" in answer.observed
    assert "storage.json is missing" in answer.observed


def test_the_check_passes_nothing_that_is_not_there(stored: Files, tmp_path: Path) -> None:
    check, question = asked({}, tmp_path)
    assert not check.ask(question).passed
    assert not check.ask(replace(question, restored=())).passed
    assert not check.ask(replace(question, inspections={})).passed
    partly = check.ask(asked(stored, tmp_path / "partly", paths=("/run/x/storage.json",))[1])
    assert not partly.passed
    assert partly.skipped
    gone = {"pve:system": Inspection(up=False, runner=LocalRunner(), root=str(tmp_path / "nowhere"))}
    assert not check.ask(replace(question, inspections=gone)).passed
