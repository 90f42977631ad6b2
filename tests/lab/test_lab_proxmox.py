"""The simulated cluster behaves as the vendor's: conventions of HTTP, logins, nodes that are down, tasks, snapshots."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.lab.proxmox import dispatch
from drtool.lab.proxmox.run import Settings, start
from drtool.lab.proxmox.state import User
from drtool.model.errors import Refused
from tests.rig.pve import PveServer
from tests.rig.pve_lab import PveLab, Told, running_pve


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PveLab]:
    """A cluster that no test changes."""
    with running_pve(tmp_path_factory.mktemp("pve")) as running:
        yield running


@pytest.fixture
def pve(tmp_path: Path) -> Iterator[PveLab]:
    with running_pve(tmp_path) as running:
        yield running


def told(answer: Told) -> tuple[int, str]:
    return answer.status, answer.reason


def ended(pve: PveLab, answer: Told) -> str:
    """Return how the task ended that a call has started."""
    assert answer.status == 200, answer
    upid = answer.data
    ended: str = pve.ask(f"/nodes/{upid.split(':')[1]}/tasks/{upid}/status").data["exitstatus"]
    assert pve.ask(f"/nodes/{upid.split(':')[1]}/tasks/{upid}/log").data[-1]["t"] == (
        "TASK OK" if ended == "OK" else f"TASK ERROR: {ended}"
    )
    return ended


def test_nobody_is_let_in_who_shows_nothing_or_what_is_worthless(whole: PveLab) -> None:
    nothing = whole.ask("/version", token="")
    assert (*told(nothing), nothing.body) == (401, "No ticket", b"")
    assert told(whole.ask("/versions", token="")) == (401, "No ticket"), "a stranger is not told which calls there are"
    for token in (f"{whole.token}0", "drtool@pve!other=1", "nobody@pve!drtool=1", "drtool@pve", ""):
        answer = whole.ask("/version", token="", headers={"Authorization": f"PVEAPIToken={token}"})
        assert (*told(answer), answer.body) == (401, "Authentication failed!", b"")
    assert told(whole.ask("/version", token="", headers={"Cookie": "PVEAuthCookie=PVE:root@pam:6B0C46EA::00"})) == (
        401,
        "Authentication failed!",
    )


def test_somebody_switched_off_or_too_old_is_not_let_in(pve: PveLab) -> None:
    user = pve.state.users["drtool@pve"]
    for change, back in ((("enable", False), True), (("expire", 1), 0)):
        setattr(user, *change)
        assert pve.ask("/version").status == 401
        setattr(user, change[0], back)
    assert pve.ask("/version").status == 200
    user.tokens["drtool"].expire = 1
    assert pve.ask("/version").status == 401


def test_whoever_is_not_let_in_waits(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(dispatch, "_wait", waits.append)
    pve.cluster.refusal_seconds = 3.0
    pve.ask("/version")
    assert waits == []
    pve.ask("/version", token="")
    assert waits == [3.0]


def test_a_ticket_needs_its_proof_to_change_anything_and_ends(pve: PveLab) -> None:
    assert told(pve.ask("/access/ticket", "POST", given={"username": "root@pam", "password": "no"}, token="")) == (
        401,
        "authentication failure",
    )
    ticket = pve.ask("/access/ticket", "POST", given={"username": "root", "realm": "pam", "password": pve.password}, token="").data
    cookie = {"Cookie": f"PVEAuthCookie={ticket['ticket']}"}
    assert pve.ask("/version", token="", headers=cookie).status == 200
    role = {"roleid": "looks", "privs": "VM.Audit"}
    assert told(pve.ask("/access/roles", "POST", given=role, token="", headers=cookie)) == (401, "Permission denied - invalid csrf token")
    shown = {**cookie, "CSRFPreventionToken": ticket["CSRFPreventionToken"]}
    assert pve.ask("/access/roles", "POST", given=role, token="", headers=shown).status == 200
    words, _, signature = ticket["ticket"].partition("::")
    pve.state.users["other@pam"] = User()
    for forged in (f"{words}::{signature[::-1]}", f"{words.replace('root@pam', 'other@pam')}::{signature}", words):
        assert told(pve.ask("/version", token="", headers={"Cookie": f"PVEAuthCookie={forged}"})) == (401, "Authentication failed!")
    again = pve.ask("/access/ticket", "POST", given={"username": "root@pam", "password": ticket["ticket"]}, token="")
    assert again.data["username"] == "root@pam"

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=2, minutes=1)

    pve.cluster.clock = Later()
    assert told(pve.ask("/version", token="", headers=cookie)) == (401, "Authentication failed!")


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "said"),
    [
        ("/versions", "GET", None, 501, "Method 'GET /versions' not implemented"),
        ("/version", "POST", None, 501, "Method 'POST /version' not implemented"),
        ("/nodes/pve1/qemu/100/snapshot/a", "DELETE", b"force=1", 501, "Unexpected content for method 'DELETE'"),
        ("/nodes/pve1/qemu/999/config", "GET", None, 500, "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"),
        ("/nodes/pve2/qemu/100/config", "GET", None, 500, "Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist"),
        ("/nodes/pve1/lxc/100/config", "GET", None, 500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist"),
        ("/nodes/pve9/time", "GET", None, 500, "hostname lookup 'pve9' failed"),
        ("/nodes/pve1/storage/floppy/content", "GET", None, 500, "storage 'floppy' does not exist"),
        ("/nodes/pve1/storage/floppy/status", "GET", None, 400, "Parameter verification failed."),
        ("/nodes/pve1/storage?storage=floppy", "GET", None, 400, "Parameter verification failed."),
        ("/access/roles", "POST", b"roleid=mine", 403, "Permission check failed (/access, Sys.Modify)"),
        ("/storage/nas", "GET", None, 403, "Permission check failed (/storage/nas, Datastore.Allocate)"),
        ("/nodes/pve1/time?node=pve2", "GET", None, 400, "Parameter verification failed."),
        ("/nodes/pve1/tasks/UPID:no/status", "GET", None, 400, "Parameter verification failed."),
    ],
)
def test_what_cannot_be_done_is_told_in_the_status_line(
    whole: PveLab, path: str, method: str, body: bytes | None, status: int, said: str
) -> None:
    answer = whole.ask(path, method, body=body)
    assert answer.status == status
    assert answer.reason.startswith(said)
    assert answer.json["data"] is None
    assert said in answer.json["message"]


def test_a_body_that_is_too_large_is_not_looked_at(whole: PveLab) -> None:
    answer = whole.ask("/access/roles", "POST", body=b"a" * (513 << 10))
    assert told(answer) == (501, "for data too large")


def test_the_text_of_a_node_is_one_line_whatever_it_is_asked(whole: PveLab) -> None:
    """What a name brings along does not begin a header of its own."""
    answer = whole.ask("/nodes/pve1/storage/local/content/local:backup%0d%0aSet-Cookie:%20a=b")
    assert answer.status == 500
    assert "Set-Cookie: a=b" in answer.reason


def test_a_reason_beyond_ascii_kills_the_worker_that_has_to_say_it(whole: PveLab) -> None:
    for name in ("%C3%A4", "%E4%B8%AD"):
        assert told(whole.ask(f"/nodes/pve1/storage/local/content/local:iso/{name}.iso")) == (596, "Broken pipe")
    assert whole.ask("/nodes/pve1/storage/%C3%A4/status").json["errors"] == {
        "storage": "invalid format - value does not look like a valid pve-storage-id"
    }


def test_each_node_answers_for_all_and_says_which_it_is(whole: PveLab) -> None:
    for node in ("pve1", "pve2"):
        assert whole.ask("/nodes/pve1/qemu/100/config", node=node).data["name"] == "web"
        rows = whole.ask("/cluster/status", node=node).data
        assert [row["name"] for row in rows if row.get("local")] == [node]
    assert rows[0] | {"version": 0} == {
        "type": "cluster", "id": "cluster", "name": "lab", "version": 0, "nodes": 2, "quorate": 1
    }  # fmt: skip


def test_a_node_that_is_down(tmp_path: Path) -> None:
    with running_pve(tmp_path, offline=("pve2",)) as pve:
        assert told(pve.ask("/nodes/pve2/time")) == (595, "No route to host")
        with pytest.raises((http.client.HTTPException, OSError)):
            pve.ask("/version", node="pve2")
        assert {row["node"]: row["status"] for row in pve.ask("/nodes").data} == {"pve1": "online", "pve2": "offline"}
        rows = {row["vmid"]: row for row in pve.ask("/cluster/resources", given={"type": "vm"}).data}
        assert rows[105] == {"id": "qemu/105", "vmid": 105, "node": "pve2", "type": "qemu", "status": "unknown", "lock": "backup"}
        assert rows[100]["status"] == "running"
        assert told(pve.ask("/nodes/pve2/qemu/105/config", token=pve.new_token(["Sys.Audit"]))) == (
            403, "Permission check failed (/vms/105, VM.Audit)"
        )  # fmt: skip


@pytest.mark.parametrize("stopped", [False, True])
def test_a_node_that_goes_down_answers_no_more_on_a_connection_that_is_open(pve: PveLab, *, stopped: bool) -> None:
    server = pve.lab.servers["pve2"]
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=ssl.create_default_context(cafile=pve.ca))
    for _ in range(2):
        connection.request("GET", "/api2/json/version", headers={"Authorization": f"PVEAPIToken={pve.token}"})
        assert connection.getresponse().read().startswith(b'{"data": {"version"')
    if stopped:
        server.stop()
    else:
        pve.state.nodes["pve2"].online = False
    calls = len(pve.calls())
    with pytest.raises((http.client.HTTPException, OSError)):  # noqa: PT012 - sending or reading may be what fails
        connection.request("GET", "/api2/json/version", headers={"Authorization": f"PVEAPIToken={pve.token}"})
        connection.getresponse()
    assert len(pve.calls()) == calls
    connection.close()


@pytest.mark.parametrize(("release", "newer"), [("8.4", False), ("9.2", True)])
def test_each_release_has_its_own_words(tmp_path: Path, release: str, *, newer: bool) -> None:
    with running_pve(tmp_path, release=release) as pve:
        assert pve.ask("/version").data["release"] == release
        assert ("memhost" in pve.ask("/cluster/resources", given={"type": "vm"}).data[0]) is newer
        token = pve.new_token(["Sys.Modify"])
        monitor = pve.ask("/access/roles", "POST", given={"roleid": "agents", "privs": "VM.Audit,VM.Monitor"}, token=token)
        assert monitor.status == (400 if newer else 200)
        agent = pve.ask("/access/roles", "POST", given={"roleid": "newer", "privs": "VM.GuestAgent.Audit"}, token=token)
        assert agent.status == (200 if newer else 400)


def test_a_role_a_user_and_a_token_made_by_calls_let_somebody_look(pve: PveLab) -> None:
    """What `pveum` does, by the same calls."""
    shown = pve.ask("/access/ticket", "POST", given={"username": "root@pam", "password": pve.password}, token="").data
    headers = {"Cookie": f"PVEAuthCookie={shown['ticket']}", "CSRFPreventionToken": shown["CSRFPreventionToken"]}

    def made(path: str, method: str = "POST", /, **given: str) -> Told:
        return pve.ask(path, method, given=given, token="", headers=headers)

    assert made("/access/roles", roleid="looks", privs="VM.Audit Sys.Audit").status == 200
    assert made("/access/users", userid="eye@pve").status == 200
    assert told(made("/access/users", userid="eye@pve")) == (500, "create user failed: user 'eye@pve' already exists")
    token = made("/access/users/eye@pve/token/one", privsep="1").data
    assert token["full-tokenid"] == "eye@pve!one"
    secret = f"eye@pve!one={token['value']}"
    assert pve.ask("/access/permissions", token=secret).data == {}
    assert made("/access/acl", "PUT", path="/guests", roles="looks", users="eye@pve").json["errors"] == {
        "path": "invalid ACL path '/guests'"
    }
    assert made("/access/acl", "PUT", path="/", roles="looks", tokens="eye@pve!one").status == 200
    assert pve.ask("/access/permissions", token=secret).data == {}, "a token may no more than its user"
    assert made("/access/acl", "PUT", path="/", roles="looks", users="eye@pve").status == 200
    assert pve.ask("/access/permissions", token=secret).data["/"] == {"Sys.Audit": 1, "VM.Audit": 1}
    assert made("/access/acl", "PUT", path="/", roles="looks", users="eye@pve", delete="1").status == 200
    assert pve.ask("/access/permissions", token=secret).data == {}


def test_whose_privileges_somebody_may_ask_for(pve: PveLab) -> None:
    token = pve.new_token(["VM.Audit"])
    for other in ("other@pve", "drtool@pve!drtool", "root@pam"):
        assert told(pve.ask("/access/permissions", given={"userid": other}, token=token)) == (
            403,
            "Permission check failed (/access, Sys.Audit)",
        )
    assert pve.ask("/access/permissions", given={"path": "/vms/7"}, token=token).data == {"/vms/7": {"VM.Audit": 1}}
    assert "/" in pve.ask("/access/permissions", given={"userid": "other@pve"}).data, "whoever audits /access asks for anybody"


def test_tasks_are_told_as_a_node_tells_them(pve: PveLab) -> None:
    done = pve.ask("/nodes/pve1/qemu/100/snapshot", "POST", given={"snapname": "before"}, token=pve.new_token(["VM.Snapshot"])).data
    assert pve.ask(f"/nodes/pve1/tasks/{done}/status").data | {"pid": 0, "pstart": 0, "starttime": 0} == {
        "upid": done, "node": "pve1", "pid": 0, "pstart": 0, "starttime": 0, "type": "qmsnapshot", "id": "100", "user": "other@pve",
        "tokenid": done.split("!")[1].removesuffix(":"), "status": "stopped", "exitstatus": "OK",
    }  # fmt: skip
    task = pve.state.tasks[-1]
    task.end, task.exit, task.log = 0, "", [f"line {number}" for number in range(1, 121)]
    assert "exitstatus" not in pve.ask(f"/nodes/pve1/tasks/{done}/status").data
    log = f"/nodes/pve1/tasks/{done}/log"
    assert [len(pve.ask(log, given=given).data) for given in ({}, {"limit": "0"}, {"start": "100", "limit": "0"}, {"limit": "7"})] == [
        50,
        120,
        20,
        7,
    ]
    assert done not in {row["upid"] for row in pve.ask("/nodes/pve1/tasks").data}, "only what has ended is listed"
    assert [(row["upid"], row["status"]) for row in pve.ask("/nodes/pve1/tasks", given={"source": "active"}).data] == [(done, "RUNNING")]
    assert pve.ask("/nodes/pve1/tasks", given={"source": "all", "limit": "0"}).data == [], "here 0 is none, and not all"
    raw = pve.ask(log, given={"download": "1"})
    assert raw.body == "".join(f"line {number}\n" for number in range(1, 121)).encode()
    assert pve.ask(log, given={"download": "1", "limit": "0"}).reason.startswith("'download' cannot be used together with")
    assert {row["upid"] for row in pve.ask("/nodes/pve1/tasks", given={"source": "all"}).data} > {done}
    assert [row["status"] for row in pve.ask("/nodes/pve2/tasks", given={"errors": "1"}).data] == ["unexpected status"]
    stranger = pve.new_token(["VM.Audit"], user="stranger@pve")
    assert pve.ask("/cluster/tasks", token=stranger).data == []
    assert pve.ask(log, token=stranger).reason == "Permission check failed (/nodes/pve1, Sys.Audit)"
    assert pve.ask(f"/nodes/pve2/tasks/{done}/status").json["errors"] == {"upid": "no such task"}
    assert pve.ask(f"/nodes/pve2/tasks/{done}/log").data == [{"n": 1, "t": "unable to open file - No such file or directory"}]
    task.log = []
    assert pve.ask(log).data == [{"n": 1, "t": "no content"}]


def test_snapshots_follow_each_other_and_leave(pve: PveLab) -> None:
    token = pve.new_token(["VM.Snapshot", "VM.Audit", "Sys.Audit"])
    place = "/nodes/pve1/qemu/100/snapshot"
    for name in ("first", "second"):
        given = {"snapname": name, "description": f"the {name}", "vmstate": "1" if name == "second" else "0"}
        assert pve.ask(place, "POST", given=given, token=token).status == 200
    assert ended(pve, pve.ask(place, "POST", given={"snapname": "first"}, token=token)) == "snapshot name 'first' already used"
    assert told(pve.ask(place, "POST", given={"snapname": "current"}, token=token)) == (
        500, "unable to use snapshot name 'current' (reserved name)"
    )  # fmt: skip
    rows = pve.ask(place).data
    assert [(row["name"], row.get("parent"), row.get("vmstate")) for row in rows] == [
        ("first", None, 0), ("second", "first", 1), ("current", "second", None)
    ]  # fmt: skip
    kept = pve.ask("/nodes/pve1/qemu/100/config", given={"snapshot": "second"}).data
    assert (kept["scsi0"], kept["parent"], "description" in kept) == ("local-zfs:vm-100-disk-0,size=32G", "first", True)
    assert pve.ask(f"{place}/first", "DELETE", token=token).status == 200
    assert [(row["name"], row.get("parent")) for row in pve.ask(place).data] == [("second", None), ("current", "second")]
    assert ended(pve, pve.ask(f"{place}/first", "DELETE", token=token)) == "snapshot 'first' does not exist"
    locked = pve.ask("/nodes/pve2/qemu/105/snapshot", "POST", given={"snapname": "one"}, token=token)
    assert ended(pve, locked) == "VM is locked (backup)", "a call that starts a task succeeds, and the task does not"
    pve.state.quorate = False
    assert ended(pve, pve.ask(place, "POST", given={"snapname": "third"}, token=token)).endswith("Permission denied")
    assert len(pve.ask(place).data) == 2
    assert pve.ask("/cluster/status").data[0]["quorate"] == 0


def test_a_configuration_with_what_is_pending(pve: PveLab) -> None:
    place = "/nodes/pve1/qemu/100/config"
    before = pve.ask(place).data
    pve.state.guests[100].pending = {"memory": "4096", "agent": None}
    after, now = pve.ask(place).data, pve.ask(place, given={"current": "1"}).data
    assert (before["memory"], after["memory"], now["memory"]) == ("2048", "4096", "2048")
    assert ("agent" in after, "agent" in now, before["digest"] == after["digest"]) == (False, True, False)
    rows = {row["key"]: row for row in pve.ask("/nodes/pve1/qemu/100/pending").data}
    assert rows["memory"] == {"key": "memory", "value": "2048", "pending": "4096"}
    assert rows["agent"] == {"key": "agent", "value": "1", "delete": 1}
    assert told(pve.ask(place, given={"snapshot": "none"})) == (500, "snapshot 'none' does not exist")


def test_jobs_and_what_is_in_none_of_them(whole: PveLab) -> None:
    """A job that is switched off counts here as one, as it does for the vendor."""
    missed = {row["vmid"] for row in whole.ask("/cluster/backup-info/not-backed-up").data}
    assert missed == {102, 103, 104, 201, 202}
    guests = whole.ask("/cluster/backup/backup-daily/included_volumes").data["children"]
    disks = {disk["id"]: (disk["included"], disk["reason"]) for guest in guests if guest["id"] == 101 for disk in guest["children"]}
    assert disks == {"101:scsi0": (1, "backup=yes"), "101:scsi1": (0, "backup=no")}


@pytest.mark.parametrize(
    ("job", "guests"),
    [
        ({"vmid": "100,201,777"}, {100: "qemu", 201: "lxc", 777: "unknown"}),
        ({"all": 1, "exclude": "100,101,102,103,104,105,200"}, {201: "lxc", 202: "lxc"}),
        ({"all": 1, "node": "pve2"}, {105: "qemu", 201: "lxc", 202: "lxc"}),
        ({"pool": "production", "all": 1}, {100: "qemu", 101: "qemu", 200: "lxc"}),
        ({}, {}),
    ],
)
def test_the_guests_of_a_job(pve: PveLab, job: dict[str, object], guests: dict[int, str]) -> None:
    pve.state.jobs = {"one": {"id": "one", "type": "vzdump", "schedule": "daily", **job}}
    assert {row["id"]: row["type"] for row in pve.ask("/cluster/backup/one/included_volumes").data["children"]} == guests
    missed = {row["vmid"] for row in pve.ask("/cluster/backup-info/not-backed-up").data}
    assert missed == pve.state.guests.keys() - guests.keys()
    assert pve.ask("/cluster/backup/two").json["errors"] == {"id": "No such job 'two'"}


def test_which_disks_of_a_container_and_of_firmware_are_in_a_job(pve: PveLab) -> None:
    pve.state.jobs["one"] = {"id": "one", "type": "vzdump", "vmid": "105 200 201 202"}
    pve.state.guests[105].config |= {"sata0": "local:iso/x.iso,media=cdrom", "virtio1": "local-zfs:vm-105-disk-9,backup=1,size=1G"}
    guests = pve.ask("/cluster/backup/one/included_volumes").data["children"]
    found = {disk["id"]: (disk["included"], disk["reason"]) for guest in guests for disk in guest["children"]}
    assert found == {
        "105:efidisk0": (1, "backup=yes"), "105:tpmstate0": (1, "backup=yes"), "105:virtio0": (1, "backup=yes"),
        "105:virtio1": (1, "backup=no"),
        "200:rootfs": (1, "rootfs"), "200:mp0": (1, "enabled"),
        "201:rootfs": (1, "rootfs"), "201:mp0": (0, "not a volume"),
        "202:rootfs": (1, "rootfs"), "202:mp0": (0, "disabled"),
    }  # fmt: skip
    pve.state.guests[105].config["bios"] = "seabios"
    guests = pve.ask("/cluster/backup/one/included_volumes").data["children"]
    assert [disk["included"] for guest in guests for disk in guest["children"] if disk["id"] == "105:efidisk0"] == [0]


def test_a_pool_tells_all_that_is_in_it(pve: PveLab) -> None:
    """Also to somebody who may see none of its guests."""
    token = pve.new_token(["Pool.Audit"])
    told = pve.ask("/pools/production", token=token).data
    assert [row["id"] for row in told["members"]] == ["qemu/100", "qemu/101", "lxc/200", "storage/pve1/nas"]
    assert pve.ask("/pools", given={"poolid": "production", "type": "lxc"}, token=token).data[0]["members"][0]["vmid"] == 200
    assert [row["type"] for row in pve.ask("/cluster/resources", token=token).data] == ["pool", "node", "node"]


def test_whose_tasks_the_cluster_tells(pve: PveLab) -> None:
    token = pve.new_token(["VM.Snapshot"], user="shot@pve")
    assert ended(pve, pve.ask("/nodes/pve1/qemu/100/snapshot", "POST", given={"snapname": "mine"}, token=token)) == "OK"
    assert pve.ask("/cluster/tasks", token=token).data == [], "to a token without audit none, not even its own"
    assert [row["type"] for row in pve.ask("/nodes/pve1/tasks", token=token).data] == ["qmsnapshot"]
    assert len(pve.ask("/cluster/tasks").data) == 3


def test_the_next_free_number(whole: PveLab) -> None:
    assert whole.ask("/cluster/nextid").data == "106"
    assert whole.ask("/cluster/nextid", given={"vmid": "300"}).data == "300"
    assert whole.ask("/cluster/nextid", given={"vmid": "100"}).json["errors"] == {"vmid": "VM 100 already exists"}


def test_a_storage_that_is_dead_and_clocks_that_differ(pve: PveLab) -> None:
    pve.state.down = ["nas"]
    rows = {row["storage"]: row for row in pve.ask("/nodes/pve1/storage").data}
    assert (rows["nas"]["active"], rows["nas"]["total"], rows["local"]["active"]) == (0, 0, 1)
    assert told(pve.ask("/nodes/pve1/storage/nas/content")) == (500, "storage 'nas' is not online")
    pve.state.nodes["pve2"].skew_seconds = 600
    clocks = [pve.ask(f"/nodes/{node}/time").data["time"] for node in ("pve1", "pve2")]
    assert 590 < clocks[1] - clocks[0] < 700


@pytest.mark.parametrize(
    ("privileges", "backups", "disks"),
    [
        (["Datastore.Audit", "VM.Audit"], False, False),  # whoever only looks is told of no backup, and not that he is not told
        (["Datastore.AllocateSpace"], False, False),
        (["Datastore.AllocateSpace", "VM.Backup"], True, False),
        (["Datastore.Audit", "VM.Config.Disk"], False, True),
        (["Datastore.Allocate", "Datastore.Audit"], True, True),
    ],
)
def test_what_lies_on_a_storage_is_told_to_whoever_may_use_it(pve: PveLab, privileges: list[str], *, backups: bool, disks: bool) -> None:
    token = pve.new_token(privileges)
    assert len(pve.ask("/nodes/pve1/storage/nas/content", token=token).data) == (4 if backups else 0)
    own = pve.ask("/nodes/pve1/storage/local-zfs/content", token=token).data
    other = pve.ask("/nodes/pve2/storage/local-zfs/content", token=token).data
    assert {row["vmid"] for row in own} == ({100, 101, 102, 103, 104, 200} if disks else set())
    assert {row["vmid"] for row in other} == ({105, 201, 202} if disks else set())
    volume = pve.state.volumes[-1]["volid"]
    assert pve.ask(f"/nodes/pve1/storage/nas/content/{volume}", token=token).status == (200 if backups else 403)


def test_the_storages_of_a_node(pve: PveLab) -> None:
    pve.state.storages["nas"]["nodes"] = "pve2"
    pve.state.storages["pbs"]["disable"] = 1
    rows = {row["storage"]: row["enabled"] for row in pve.ask("/nodes/pve1/storage").data}
    assert rows == {"local": 1, "local-zfs": 1, "nas": 0, "pbs": 0}, "also what it has not, or what is switched off"
    assert [row["storage"] for row in pve.ask("/nodes/pve1/storage", given={"content": "backup"}).data] == ["local"]
    assert [row["storage"] for row in pve.ask("/nodes/pve2/storage", given={"content": "backup"}).data] == ["local", "nas"]
    assert "pbs" not in {row["storage"] for row in pve.ask("/nodes/pve1/storage", given={"enabled": "1"}).data}
    formats = {row["storage"]: row["formats"]["supported"] for row in pve.ask("/nodes/pve2/storage", given={"format": "1"}).data}
    assert (formats["local"], formats["local-zfs"]) == (["qcow2", "raw", "subvol", "vmdk"], ["raw", "subvol"])
    assert pve.ask("/nodes/pve2/storage", given={"target": "pve1"}).data == [], "nothing that is shared is on both"
    assert told(pve.ask("/nodes/pve1/storage/nas/content")) == (500, "storage 'nas' is not available on node 'pve1'")


def test_it_is_all_there_when_it_is_started_again(tmp_path: Path) -> None:
    with running_pve(tmp_path) as pve:
        token, fingerprints = pve.token, pve.started.fingerprints
        pve.ask("/nodes/pve1/qemu/100/snapshot", "POST", given={"snapname": "kept"}, token=pve.new_token(["VM.Snapshot"]))
    assert (tmp_path / "pve" / "state.json").stat().st_mode & 0o777 == 0o600
    with running_pve(tmp_path) as pve:
        assert (pve.token, pve.started.fingerprints) == (token, fingerprints)
        assert [row["name"] for row in pve.ask("/nodes/pve1/qemu/100/snapshot").data] == ["kept", "current"]
    with pytest.raises(Refused, match=r"is a Proxmox VE 9\.2, not 8\.4"):
        start(Settings(str(tmp_path / "pve"), release="8.4"), clock=SystemClock())


def test_only_who_trusts_its_authority_gets_through(whole: PveLab) -> None:
    connection = http.client.HTTPSConnection("localhost", whole.lab.servers["pve1"].port, timeout=10, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/api2/json/version")
    assert whole.ask("/version").status == 200
    assert len(set(whole.started.fingerprints.values())) == 2


def test_no_secret_is_written_down(pve: PveLab) -> None:
    pve.ask("/access/ticket", "POST", given={"username": "root@pam", "password": pve.password}, token="")
    written = "".join(file.read_text() for file in Path(pve.started.directory).glob("*.json*"))
    assert pve.password not in written
    assert pve.token.partition("=")[2] not in written
    assert [call["parameters"]["password"] for call in pve.calls("/access/ticket")] == ["********"]


def test_a_single_node_is_in_no_cluster(pve: PveLab) -> None:
    pve.state.name = ""
    del pve.state.nodes["pve2"]
    (row,) = pve.ask("/cluster/status").data
    assert (row["type"], row["name"], row["nodeid"]) == ("node", "pve1", 0)


def test_somebody_in_no_list_sees_nothing_of_others(pve: PveLab) -> None:
    pve.state.users["guest@pve"] = User()
    token = f"guest@pve!a={pve.state.add_token('guest@pve', 'a', privsep=False)}"
    for path in ("/cluster/resources", "/access/acl", "/storage", "/pools", "/cluster/tasks", "/nodes/pve1/qemu", "/nodes/pve1/storage"):
        seen = pve.ask(path, token=token).data
        assert all(row.get("type") == "node" and "maxmem" not in row for row in seen), path
    assert [row["userid"] for row in pve.ask("/access/users", token=token).data] == []


def test_the_command_starts_it_and_goes_on() -> None:
    with_token = {}
    server = PveServer("--offline", "pve2")
    try:
        server.start()
        context = ssl.create_default_context(cafile=str(server.authority))
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
        with_token["Authorization"] = f"PVEAPIToken={server.token}"
        connection.request("GET", "/api2/json/nodes", headers=with_token)
        answer = connection.getresponse()
        assert (answer.status, b"offline" in answer.read()) == (200, True)
        connection.close()
        server.stop()
        assert server.url in (server.home / "policy.yaml").read_text()
        assert "Traceback" not in server.log_tail()
    finally:
        server.close()
