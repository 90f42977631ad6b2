"""What is in use is never pulled away: asked before a byte is poured, refused by name, or stopped and started again."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.run import WORKER_ROLES
from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.ports import LandRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.roles import STOPPING
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.inventory.guests import read_guests
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.land.in_use import users_of
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, POINT, RUN, land, put_back, take, tidy

RELEASES = ("25.04", "25.10", "26")
KINDS = ("vm", "app", "iscsi")
ONE: dict[str, object] = {"dataset": "tank/documents"}
VOLUME = "tank/documents/disk"


def job(client: ApiClient, *call: Any) -> Any:  # noqa: ANN401 - JSON
    return client.wait_for_job(client.change(*call, look=lambda: False), *call, what="a job")


def machine(client: ApiClient, name: str = "guest") -> str:
    number = client.change("vm.create", {"name": name, "memory": 512}, look=lambda: False)["id"]
    disk = {"attributes": {"dtype": "DISK", "path": f"/dev/zvol/{VOLUME}"}, "vm": number}
    client.change("vm.device.create", disk, look=lambda: False)
    client.change("vm.start", number, look=lambda: False)
    return "the virtual machine guest"


def app(client: ApiClient) -> str:
    config = {"services": {"web": {"image": "example/app:1", "volumes": ["/mnt/tank/documents/letters:/data"]}}}
    job(client, "app.create", {"app_name": "cloud", "custom_app": True, "custom_compose_config": config})
    return "the app cloud"


def extent(client: ApiClient) -> str:
    client.change("iscsi.extent.create", {"name": "store", "disk": f"zvol/{VOLUME}"}, look=lambda: False)
    return "the iSCSI extent store"


MAKE: dict[str, Callable[[ApiClient], str]] = {"vm": machine, "app": app, "iscsi": extent}


def furnished(lab: Lab, *kinds: str) -> ApiClient:
    """Make guests that use something below the dataset, with all rights."""
    admin = lab.source(by="nobody", administrator=True)
    create_dataset(admin.client, VOLUME, {}, {"type": "VOLUME", "volsize": 1 << 20, "sparse": True, "volblocksize": "16K"})
    for kind in kinds:
        MAKE[kind](admin.client)
    return admin.client


def running(client: ApiClient) -> set[str]:
    return {guest.words for guests in read_guests(client).values() for guest in guests if guest.runs}


ALL = {"the virtual machine guest", "the app cloud", "the iSCSI extent store"}


@pytest.mark.parametrize("release", RELEASES)
def test_what_runs_from_below_a_dataset_is_found_by_its_own_query(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        client = furnished(lab, *KINDS)
        for dataset, count in (("tank/documents", 3), (VOLUME, 2), ("tank/documents/letters", 1), ("tank/docu", 0)):
            if count:
                found, others = users_of(client, dataset)
                assert (len(found), others) == (count, "")
        assert running(client) == ALL
        client.close()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_by_name_before_a_byte_is_poured(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab)
    words = MAKE[kind](client)
    made = lab.calls("pool.dataset.create")
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1))
    for ask in (source.survey, lambda asked: source.land(asked).__enter__()):
        with pytest.raises(Refused, match=words) as caught:
            ask(request)
        assert f"`stop: [{kind}]`" in caught.value.hint
        assert caught.value.safe == "tank/documents is as it was"
    assert lab.calls("pool.dataset.create") == made
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: [role for role in WORKER_ROLES if role != "READONLY_ADMIN"])
    with pytest.raises(Refused, match="may not ask whether it runs"):  # a key that may not ask takes it for running
        source.survey(request)
    monkeypatch.undo()
    client.close()
    tidy(source)


def test_what_does_not_run_stands_against_nothing(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *KINDS)
    (guest,) = read_guests(client, ("vm",))["vm"]
    (store,) = read_guests(client, ("iscsi",))["iscsi"]
    job(client, "vm.stop", int(guest.id), {})
    job(client, "app.stop", "cloud")
    client.change("iscsi.extent.update", int(store.id), {"enabled": False}, look=lambda: False)
    put_back(source, member, tmp_path / "copies")
    assert running(client) == set()
    client.close()
    tidy(source)


def app_at(client: ApiClient, *paths: str, name: str = "outer") -> str:
    volumes = [f"{path}:/data{number}" for number, path in enumerate(paths)]
    config = {"services": {"web": {"image": "example/app:1", "volumes": volumes}}}
    job(client, "app.create", {"app_name": name, "custom_app": True, "custom_compose_config": config})
    return f"the app {name}"


@pytest.mark.parametrize(
    ("path", "uses"),
    [
        ("/mnt/tank/documents", True),
        ("/mnt/tank/documents/", True),
        ("/mnt/tank/documents/../documents/.", True),
        ("/mnt/tank", True),
        ("/mnt", True),
        ("/mnt/", True),
        ("/", True),
        ("/mnt/tank/documents/letters/folder", True),
        ("/mnt/tank/documents/letter", False),
        ("/mnt/tank/doc", False),
        ("/mnt/tan", False),
        ("/srv", False),
        ("named-volume", False),
    ],
)
def test_what_has_a_place_around_a_dataset_mounted_uses_it(lab: Lab, path: str, uses: bool) -> None:  # noqa: FBT001 - a row
    """A dataset is mounted inside the one above it: whoever has that mounted sees it, and would go on with what was put aside."""
    client = furnished(lab)
    words = app_at(client, path)
    found, others = users_of(client, "tank/documents/letters")
    assert ([guest.words for guest in found], others) == ([words] if uses else [], "")
    client.close()


def test_an_app_that_has_what_is_around_mounted_bars_a_restore_by_name(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents/letters"})
    client = furnished(lab)
    words = app_at(client, "/mnt/tank/documents")
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(Refused, match=words):
        source.survey(request)
    client.close()
    tidy(source)


def test_a_key_that_may_not_ask_takes_what_is_around_for_in_use_too(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lab.source(by=BY)
    create_dataset(source.client, "tank/documents/letters/old", {})
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents/letters/old"})
    client = furnished(lab)
    words = app_at(client, "/mnt/tank/documents/letters")
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1))
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: [role for role in WORKER_ROLES if role != "READONLY_ADMIN"])
    with pytest.raises(Refused, match=f"{words}, of which the key may not ask whether it runs: APPS_READ"):
        source.survey(request)
    monkeypatch.undo()
    client.close()
    tidy(source)


def stopping(lab: Lab) -> TruenasSource:
    return lab.source(by=BY, administrator=True, stop=list(KINDS))


def test_what_the_policy_lets_be_stopped_runs_again_after_it(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *KINDS)
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1))
    note, compared = source.survey(request).notes
    assert "not compared on a NAS" in compared
    assert all(words in note for words in ALL)
    landed = land(source, member, tmp_path / "copies")
    assert running(client) == ALL, "nothing is stopped while data is poured"
    renamed: list[set[str]] = []
    before = ApiClient.change

    def watch(self: ApiClient, method: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401 - JSON
        if method == "pool.dataset.rename":
            renamed.append(running(client))
        return before(self, method, *params, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ApiClient, "change", watch)
        source.cutover(landed)
    assert renamed
    assert set().union(*renamed) == set(), "something ran while datasets were renamed"
    assert running(client) == ALL
    current = find_dataset(client, "tank/documents")
    assert current is not None
    assert not {"stopped", "state", "run"} & current.marks.keys()
    client.close()
    tidy(source)


@pytest.mark.parametrize(("kind", "role"), STOPPING.items())
def test_what_the_key_may_not_stop_is_refused_before_a_byte_is_poured(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, role: str
) -> None:
    """`stop:` without the role to stop: the plan says so, and not the cutover after half of a set was put in place."""
    source = lab.source(by=BY, stop=list(KINDS))
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab)
    words = MAKE[kind](client)
    made = lab.calls("pool.dataset.create")
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=1))
    for ask in (source.survey, lambda asked: source.land(asked).__enter__()):
        with pytest.raises(Refused, match=f"may not stop and start {words}") as caught:
            ask(request)
        assert f"add {role}" in caught.value.hint
        assert caught.value.safe == "tank/documents is as it was"
    assert lab.calls("pool.dataset.create") == made
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: [*WORKER_ROLES, role])
    fresh = lab.source(by=BY, stop=list(KINDS))
    assert words in fresh.survey(request).notes[0]
    monkeypatch.undo()
    fresh.close()
    client.close()
    tidy(source)


def test_doctor_asks_for_the_roles_to_stop_what_the_policy_lets_be_stopped(lab: Lab) -> None:
    for stop in ([], ["app"], list(KINDS)):
        source = lab.source(by=BY, stop=stop)
        told = {finding.text for finding in source.examine() if finding.good is False}
        assert told == {f"its key lacks {STOPPING[kind]}: it cannot do restore, sweep" for kind in stop}
        source.close()


def test_a_cutover_that_fails_starts_again_what_it_stopped(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *KINDS)
    landed = land(source, member, tmp_path / "copies")
    lab.faults({"method": "pool.dataset.rename", "kind": "storage", "reason": "out of space", "call": 0})
    with pytest.raises(Refused, match="out of space"):
        source.cutover(landed)
    lab.faults()
    assert running(client) == ALL
    client.close()
    tidy(source)


def test_a_guest_that_does_not_stop_is_told_and_nothing_is_moved(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, "app")
    landed = land(source, member, tmp_path / "copies")
    lab.faults({"method": "app.stop", "kind": "job_fails_after"})
    before = lab.calls("pool.dataset.rename")
    with pytest.raises(Refused, match="stopping the app cloud failed"):
        source.cutover(landed)
    lab.faults()
    assert lab.calls("pool.dataset.rename") == before
    assert running(client) == {"the app cloud"}
    client.close()
    tidy(source)


@pytest.mark.parametrize("method", ["vm.stop", "app.stop", "iscsi.extent.update", "pool.dataset.rename", "vm.start", "app.start"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2])
def test_what_was_stopped_is_owed_to_the_next_sweep(lab: Lab, tmp_path: Path, method: str, when: str, call: int) -> None:
    """Whoever is killed at any of these calls leaves a mark by which the sweep starts again what does not run."""
    if call == 2 and method not in ("pool.dataset.rename", "iscsi.extent.update"):
        pytest.skip("it is called once")
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *KINDS)
    landed = land(source, member, tmp_path / "copies")
    source.close()
    calls = [0]

    def dies(self: ApiClient, asked: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401 - JSON
        calls[0] += asked == method
        hit = asked == method and calls[0] == call
        if hit and when == "before":
            os._exit(9)
        answer = before(self, asked, *params, **more)
        if hit:
            os._exit(9)
        return answer

    before = ApiClient.change
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(120, exit=True)
        setattr(ApiClient, "change", dies)  # noqa: B010 - in the child alone
        try:
            stopping(lab).cutover(landed)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    fresh = stopping(lab)
    for leftover in fresh.leftovers(()):
        fresh.release(leftover)
    assert running(client) == ALL
    assert find_dataset(client, "tank/documents") is not None
    assert {leftover.what for leftover in fresh.leftovers(())} <= {"kept"}
    client.close()
    tidy(fresh)
