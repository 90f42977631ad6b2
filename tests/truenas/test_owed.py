"""What was stopped for a cutover is owed its start: after the last cutover that it has to do with, and never twice or by mistake."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.model.errors import DrtoolError, Refused
from drtool.model.plan import Landed
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.inventory.guests import read_guests
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.land.owed import OBEYS_WITHIN
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import land, take, tidy
from tests.truenas.test_in_use import ONE, app_at, furnished, job, running, stopping

TREE: dict[str, object] = {"dataset": "tank/documents", "recursive": True}
BOTH = ("/mnt/tank/documents", "/mnt/tank/documents/letters")


def landed_tree(source: TruenasSource, lab: Lab, tmp_path: Path) -> list[Landed]:
    """Land the files of a set of two datasets, the inner one first, as cutovers go."""
    members = [member for member in take(source, tmp_path / "copies", TREE) if not member.workload.endswith("/disk")]
    landed = [land(source, member, tmp_path / "copies") for member in members]
    assert len(landed) == 2
    return sorted(landed, key=lambda each: -len(each.workload))


def inner_volume(client: ApiClient) -> str:
    """Make a machine whose disk lies in the inner dataset of the set."""
    disk = "tank/documents/letters/disk"
    client.change("pool.dataset.create", {"name": disk, "type": "VOLUME", "volsize": 1 << 20, "sparse": True}, look=lambda: False)
    number = client.change("vm.create", {"name": "inner", "memory": 512}, look=lambda: False)["id"]
    device = {"attributes": {"dtype": "DISK", "path": f"/dev/zvol/{disk}"}, "vm": number}
    client.change("vm.device.create", device, look=lambda: False)
    client.change("vm.start", number, look=lambda: False)
    return "the virtual machine inner"


def killed_at(work: Callable[[], object], method: str, *, when: str = "before", call: int = 1) -> None:
    """Do some work in a child that dies at a call of a method."""
    before, calls = ApiClient.change, [0]

    def dies(self: ApiClient, asked: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401 - JSON
        calls[0] += asked == method
        if asked == method and calls[0] == call and when == "before":
            os._exit(9)
        answer = before(self, asked, *params, **more)
        if asked == method and calls[0] == call:
            os._exit(9)
        return answer

    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(120, exit=True)
        setattr(ApiClient, "change", dies)  # noqa: B010 - in the child alone
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def swept(lab: Lab) -> TruenasSource:
    """Release all that is left, as another process does."""
    fresh = stopping(lab)
    for leftover in fresh.leftovers(()):
        fresh.release(leftover)
    return fresh


@pytest.mark.parametrize("make", [lambda client: app_at(client, *BOTH), lambda client: app_at(client, BOTH[0]), inner_volume])
def test_a_guest_of_several_members_never_runs_on_a_mix(lab: Lab, tmp_path: Path, make: Callable[[ApiClient], str]) -> None:
    """It is stopped before the first cutover that it has to do with, and started after the last."""
    source = stopping(lab)
    landed = landed_tree(source, lab, tmp_path)
    client = furnished(lab)
    words = make(client)
    stops, starts = (sum(lab.calls(f"{kind}.{verb}") for kind in ("vm", "app")) for verb in ("stop", "start"))
    source.cutover(landed[0])
    assert running(client) == set(), "it runs on one that was restored and one that was not"
    source.cutover(landed[1])
    assert running(client) == {words}
    assert [sum(lab.calls(f"{kind}.{verb}") for kind in ("vm", "app")) for verb in ("stop", "start")] == [stops + 1, starts + 1]
    current = find_dataset(client, "tank/documents")
    assert current is not None
    assert not {"stopped", "asked", "state", "run"} & current.marks.keys()
    client.close()
    tidy(source)


def test_a_guest_of_one_member_does_not_wait_for_another(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    client = furnished(lab)
    client.change("pool.dataset.create", {"name": "tank/papers"}, look=lambda: False)
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents/letters"})
    (other,) = take(source, tmp_path / "copies", {"dataset": "tank/papers"})
    words = app_at(client, BOTH[1])
    first, second = (land(source, each, tmp_path / "copies") for each in (member, other))
    source.cutover(first)
    assert running(client) == {words}
    source.cutover(second)
    client.close()
    tidy(source)


@pytest.mark.parametrize(
    "fault",
    [
        {"method": "pool.dataset.rename", "kind": "storage", "reason": "out of space", "call": 0},
        {"method": "pool.dataset.attachments", "kind": "error", "errno": "EFAULT", "reason": "no", "call": 0},
    ],
    ids=["in the middle", "before it began"],
)
def test_where_the_last_cutover_fails_the_guest_runs_again(lab: Lab, tmp_path: Path, fault: dict[str, Any]) -> None:
    source = stopping(lab)
    landed = landed_tree(source, lab, tmp_path)
    client = furnished(lab)
    words = app_at(client, *BOTH)
    source.cutover(landed[0])
    assert running(client) == set()
    lab.faults(fault)
    with pytest.raises(DrtoolError):
        source.cutover(landed[1])
    lab.faults()
    assert running(client) == {words}
    client.close()
    tidy(source)


@pytest.mark.parametrize(("method", "call"), [("pool.dataset.rename", 1), ("pool.dataset.rename", 2), ("pool.dataset.rename", 3)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_guest_of_several_members_is_owed_to_the_sweep(lab: Lab, tmp_path: Path, method: str, call: int, when: str) -> None:
    source = stopping(lab)
    landed = landed_tree(source, lab, tmp_path)
    client = furnished(lab)
    words = app_at(client, *BOTH)
    source.close()

    def work() -> None:
        dying = stopping(lab)
        for each in landed:
            dying.cutover(each)

    killed_at(work, method, when=when, call=call)
    fresh = swept(lab)
    assert running(client) == {words}
    assert {leftover.what for leftover in fresh.leftovers(())} <= {"kept"}
    client.close()
    tidy(fresh)


def test_killed_between_two_cutovers_it_is_owed_to_the_sweep(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    landed = landed_tree(source, lab, tmp_path)
    client = furnished(lab)
    words = app_at(client, *BOTH)
    source.cutover(landed[0])
    source.close()  # and nothing more of it
    assert running(client) == set()
    fresh = swept(lab)
    assert running(client) == {words}
    client.close()
    tidy(fresh)


LATE = {"method": "vm.stop", "kind": "obeys_late"}


def late_machine(lab: Lab, tmp_path: Path, seconds: float) -> tuple[TruenasSource, ApiClient, Landed]:
    """Fail a cutover by a machine that goes off only after the NAS has stopped waiting for it."""
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, "vm")
    landed = land(source, member, tmp_path / "copies")
    lab.faults({**LATE, "seconds": seconds})
    renames = lab.calls("pool.dataset.rename")
    with pytest.raises(Refused, match="the virtual machine guest was asked to stop and runs on") as caught:
        source.cutover(landed)
    lab.faults()
    assert lab.calls("pool.dataset.rename") == renames
    assert "may still go down" in caught.value.safe
    assert "drtool sweep" in caught.value.hint
    return source, client, landed


def test_a_machine_that_obeys_late_is_started_by_the_next_sweep(lab: Lab, tmp_path: Path) -> None:
    source, client, landed = late_machine(lab, tmp_path, 1.5)
    fresh = stopping(lab)
    (waiting,) = (leftover for leftover in fresh.leftovers(()) if leftover.what == "staging")
    with pytest.raises(Refused, match="the virtual machine guest was asked to stop and still runs") as caught:
        fresh.release(waiting)
    assert "may still go down" in caught.value.what
    assert find_dataset(client, located(landed).waits) is not None, "what it is owed stands there"
    assert waiting.owes == "the virtual machine guest (it runs, and may still go down)"
    while running(client):
        pass
    fresh.release(waiting)
    assert running(client) == {"the virtual machine guest"}
    assert find_dataset(client, located(landed).waits) is None
    client.close()
    tidy(fresh)
    source.close()


def test_a_machine_that_never_obeys_is_let_go_after_a_while(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, client, _landed = late_machine(lab, tmp_path, 3000)
    fresh = stopping(lab)
    later = datetime.now(UTC) + OBEYS_WITHIN + timedelta(seconds=5)
    monkeypatch.setattr(type(fresh._parts.clock), "now", lambda _self: later)
    for leftover in fresh.leftovers(()):
        fresh.release(leftover)
    monkeypatch.undo()
    assert fresh.leftovers(()) == ()
    client.close()
    source.close()
    fresh.close()


def test_a_key_that_may_not_stop_anything_leaves_no_doubt(lab: Lab, tmp_path: Path) -> None:
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, "vm")
    landed = land(source, member, tmp_path / "copies")
    lab.faults({"method": "vm.stop", "kind": "error", "errno": "EACCES", "reason": "Not authorized"})
    with pytest.raises(Refused, match="Not authorized") as caught:
        source.cutover(landed)
    assert "may still go down" not in caught.value.safe
    lab.faults()
    assert running(client) == {"the virtual machine guest"}
    client.close()
    tidy(source)


@pytest.mark.parametrize("kinds", [("app", "iscsi"), ("vm",), ("app",)])
def test_what_its_owner_stopped_is_not_started(lab: Lab, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """Killed between the mark and the stop; then the owner stops it himself."""
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *kinds)
    landed = land(source, member, tmp_path / "copies")
    source.close()
    killed_at(lambda: stopping(lab).cutover(landed), f"{kinds[0]}.stop")
    if "app" in kinds:
        job(client, "app.stop", "cloud")
    for store in read_guests(client, ("iscsi",))["iscsi"]:
        client.change("iscsi.extent.update", int(store.id), {"enabled": False}, look=lambda: False)
    for guest in read_guests(client, ("vm",))["vm"]:
        job(client, "vm.stop", int(guest.id), {})
    fresh = swept(lab)
    assert running(client) == set()
    client.close()
    tidy(fresh)


@pytest.mark.parametrize("kind", ["vm", "app"])
def test_what_we_stopped_is_started_whatever_its_owner_did_before(lab: Lab, tmp_path: Path, kind: str) -> None:
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, kind)
    number = {"app": "cloud", "vm": next((int(guest.id) for guest in read_guests(client, ("vm",))["vm"]), 0)}[kind]
    job(client, f"{kind}.stop", number)
    begun = client.change(f"{kind}.start", number, look=lambda: False)
    if kind == "app":
        client.wait_for_job(begun, "app.start", number, what="a job")
    landed = land(source, member, tmp_path / "copies")
    source.close()
    killed_at(lambda: stopping(lab).cutover(landed), "pool.dataset.rename")
    assert running(client) == set()
    fresh = swept(lab)
    assert len(running(client)) == 1
    client.close()
    tidy(fresh)


def test_a_mark_of_an_earlier_release_is_honoured(lab: Lab, tmp_path: Path) -> None:
    """It names who is owed and nothing more."""
    source = stopping(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, "vm", "app", "iscsi")
    landed = land(source, member, tmp_path / "copies")
    words = running(client)
    owed = [guest for each in read_guests(client).values() for guest in each]
    mark = " ".join(f"{guest.kind}:{guest.id}" for guest in owed)
    change = {"user_properties_update": [{"key": "drtool:stopped", "value": mark}]}
    client.change("pool.dataset.update", located(landed).waits, change, look=lambda: False)
    for guest in owed:
        if guest.kind == "iscsi":
            client.change("iscsi.extent.update", int(guest.id), {"enabled": False}, look=lambda: False)
        else:
            job(client, f"{guest.kind}.stop", guest.id if guest.kind == "app" else int(guest.id))
    source.close()
    fresh = swept(lab)
    assert running(client) == words
    client.close()
    tidy(fresh)
