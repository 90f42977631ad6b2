"""What goes over the wire: every answer fits our list and the vendor's schemas, what is wrong is refused, and what does not fit is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from drtool.lab.proxmox.cluster import Exchange
from drtool.lab.proxmox.methods.every import every_call
from drtool.lab.proxmox.state import RELEASES
from tests.rig.pve_calls import ANSWERS
from tests.rig.pve_lab import PveLab, running_pve
from tests.rig.pve_schema import VARIABLE, Schema, problems_of_request, vendor_call, vendor_file
from tests.rig.pve_witness import PveWitness

Json: TypeAlias = Any
Given: TypeAlias = Mapping[str, str] | list[tuple[str, str]]
needs_schemas: Final = pytest.mark.skipif(
    any(vendor_file(release) is None for release in RELEASES), reason=f"{VARIABLE} does not say where the vendor's schemas are"
)
IN_PATHS: Final = {
    "node": "pve1",
    "vmid": "100",
    "storage": "nas",
    "userid": "drtool@pve",
    "tokenid": "fresh",
    "roleid": "PVEAuditor",
    "poolid": "production",
    "id": "backup-daily",
    "sid": "vm:100",
    "snapname": "before",
    "realm": "house",
    "name": "trusted",
    "group": "web",
    "vnet": "lan",
}
SENT: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("POST", "/access/users"): {"userid": "fresh@pve"},
    ("POST", "/access/roles"): {"roleid": "fresh", "privs": "VM.Audit"},
    ("PUT", "/access/acl"): {"path": "/vms", "roles": "PVEAuditor", "users": "drtool@pve"},
    ("POST", "/nodes/{node}/qemu/{vmid}/snapshot"): {"snapname": "before"},
    ("POST", "/nodes/{node}/lxc/{vmid}/snapshot"): {"snapname": "before"},
}


@pytest.fixture(scope="module", params=RELEASES)
def pve(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PveLab]:
    with running_pve(tmp_path_factory.mktemp("pve"), release=request.param) as running:
        yield running


def root(pve: PveLab, method: str) -> dict[str, str]:
    """Log root in and return what he shows."""
    told = pve.ask("/access/ticket", "POST", given={"username": "root@pam", "password": pve.password}, token="").data
    return {
        "Cookie": f"PVEAuthCookie={told['ticket']}",
        **({"CSRFPreventionToken": told["CSRFPreventionToken"]} if method != "GET" else {}),
    }


def filled(pve: PveLab, path: str) -> str:
    parts = dict(IN_PATHS, upid=next(task.upid for task in pve.state.tasks if task.node == "pve1"), volume=pve.state.volumes[-1]["volid"])
    if "/lxc/" in path:
        parts["vmid"] = "200"
    if path.startswith("/cluster/metrics/"):
        parts["id"] = "graphs"
    return path.format_map(parts)


def test_every_call_of_the_table_answers_what_the_list_says(pve: PveLab) -> None:
    assert ANSWERS.keys() == {(call.method, call.path) for call in every_call()}
    for call in [each for each in every_call() if each.is_in(pve.state.release)]:
        given = SENT.get((call.method, call.path), {})
        if call.path == "/access/ticket":
            root(pve, call.method)
            continue
        told = pve.ask(filled(pve, call.path), call.method, given=given, token="", headers=root(pve, call.method))
        assert (told.status, told.reason) == (200, "OK"), (call.path, told)
    assert pve.witness.answers >= len([each for each in every_call() if each.is_in(pve.state.release)])
    pve.witness.require_none()


@needs_schemas
def test_what_went_through_was_held_against_the_vendors_schemas(pve: PveLab) -> None:
    before = pve.witness.by_vendor
    pve.ask("/version")
    assert pve.witness.by_vendor == before + 1


@pytest.mark.parametrize(
    ("path", "given", "errors"),
    [
        ("/version", {"wrong": "1"}, {"wrong": "property is not defined in schema and the schema does not allow additional properties"}),
        ("/cluster/nextid", {"vmid": "99"}, {"vmid": "value must have a minimum value of 100"}),
        ("/cluster/nextid", {"vmid": "many"}, {"vmid": "type check ('integer') failed - got 'many'"}),
        (
            "/cluster/resources",
            {"type": "guest"},
            {"type": "value 'guest' does not have a value in the enumeration 'vm, storage, node, sdn'"},
        ),
        (
            "/nodes/pve1/tasks",
            {"limit": "-1", "errors": "maybe"},
            {"limit": "minimum", "errors": "type check ('boolean') failed - got 'maybe'"},
        ),
        ("/nodes/pve1/qemu/99/config", {}, {"vmid": "minimum"}),
        ("/nodes/pve1/qemu/100/config", {"snapshot": "1"}, {"snapshot": "invalid format"}),
        ("/pools", {"type": "lxc"}, {"poolid": "missing property - 'type' requires this property"}),
        ("/cluster/nextid", [("vmid", "100"), ("vmid", "101")], {"vmid": "got ARRAY"}),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_name(pve: PveLab, path: str, given: Given, errors: Mapping[str, str]) -> None:
    told = pve.ask(path, given=given)
    assert (told.status, told.reason) == (400, "Parameter verification failed.")
    assert told.json["errors"].keys() == errors.keys()
    assert all(said in told.json["errors"][name] for name, said in errors.items())
    pve.witness.require_none()


def wrong_values(name: str, schema: Schema) -> Iterator[tuple[str, str]]:
    """Return values that a parameter may not have."""
    match schema.get("type"):
        case "integer":
            yield name, "x1"
            yield from [(name, str(int(schema["minimum"]) - 1))] if "minimum" in schema else []
            yield from [(name, str(int(schema["maximum"]) + 1))] if "maximum" in schema else []
        case "boolean":
            yield name, "2"
        case _:
            yield from [(name, "none-of-them")] if "enum" in schema else []
            yield from [(name, "a" * (int(schema["maxLength"]) + 1))] if "maxLength" in schema else []
            yield from [(name, "a" * (int(schema["minLength"]) - 1))] if "minLength" in schema else []


@needs_schemas
def test_what_the_vendor_would_not_take_is_refused(pve: PveLab) -> None:
    """Each parameter of each call, made wrong in every way that its schema knows."""
    release, tried = pve.state.release, 0
    shown = {method: root(pve, method) for method in ("GET", "POST")}
    for call in [each for each in every_call() if each.is_in(release)]:
        vendor = vendor_call(release, call.method, call.path)
        assert vendor is not None
        known: Mapping[str, Schema] = vendor["parameters"].get("properties") or {}
        own = dict(SENT.get((call.method, call.path), {})) | ({"username": "root@pam", "password": "x"} if "ticket" in call.path else {})
        bad: list[dict[str, str]] = [{**own, "unheard-of": "1"}]
        bad += [{key: value for key, value in own.items() if key != name} for name in own if not known[name].get("optional")]
        bad += [{**own, name: value} for name in known if f"{{{name}}}" not in call.path for _, value in wrong_values(name, known[name])]
        for given in bad:
            of_path = {name: IN_PATHS.get(name, "x") for name in known if f"{{{name}}}" in call.path}
            assert list(problems_of_request(vendor, {**of_path, **given})), (call.path, given)
            told = pve.ask(
                filled(pve, call.path), call.method, given=given, token="", headers=shown["GET" if call.method == "GET" else "POST"]
            )
            assert told.status == 400, (call.method, call.path, given, told)
            tried += 1
    assert tried > 3 * len(every_call()) / 2


def right_values(name: str, schema: Schema) -> Iterator[tuple[str, str]]:
    """Return values that a parameter may have, up to its bounds."""
    match schema.get("type"):
        case "integer":
            yield name, str(schema.get("minimum", 0))
            yield name, str(schema.get("maximum", 1 << 31))
        case "boolean":
            yield from ((name, word) for word in ("1", "0", "on", "No", "TRUE", "false", "yes", "off"))
        case _ if "enum" in schema:
            yield from ((name, word) for word in schema["enum"])
        case _:
            yield name, SAMPLES.get(name, "a" * min(int(schema.get("maxLength", 20)), 20))


SAMPLES: Final = {
    "userid": "drtool@pve",
    "target": "pve2",
    "storage": "nas",
    "email": "a@b",
    "content": "backup",
    "poolid": "production",
    "path": "/vms/100",
}
SAMPLES_OF_LISTS: Final = {
    "statusfilter": "ok,error",
    "privs": "VM.Audit",
    "users": "drtool@pve",
    "tokens": "drtool@pve!drtool",
    "groups": "staff",
}


@needs_schemas
def test_what_the_vendor_would_take_is_taken(pve: PveLab) -> None:
    """Each parameter of each call that only looks, with every word it may be and at its bounds."""
    tried = 0
    for call in [each for each in every_call() if each.method == "GET" and each.is_in(pve.state.release)]:
        vendor = vendor_call(pve.state.release, call.method, call.path)
        assert vendor is not None
        known: Mapping[str, Schema] = vendor["parameters"].get("properties") or {}
        for name in [each for each in known if f"{{{each}}}" not in call.path]:
            for _, value in right_values(name, {**known[name]}):
                given = {name: SAMPLES_OF_LISTS.get(name, value)} | (
                    {known[name]["requires"]: "production"} if "requires" in known[name] else {}
                )
                told = pve.ask(filled(pve, call.path), given=given, token="", headers=root(pve, "GET"))
                assert told.status == 200 or (told.status, call.path) in MAY_BE_REFUSED, (call.path, given, told)
                tried += 1
    assert tried > 50
    pve.witness.require_none()


MAY_BE_REFUSED: Final = {(400, "/cluster/nextid"), (500, "/nodes/{node}/qemu/{vmid}/config"), (500, "/nodes/{node}/lxc/{vmid}/config")}
"""A number that is taken, and a snapshot that is not there."""


@pytest.mark.parametrize(
    ("path", "given", "status", "data", "said"),
    [
        ("/version", {}, 200, {"version": "9.2.8", "release": "9.2"}, "'repoid' is a required property"),
        ("/version", {}, 200, {"version": 9, "release": "9.2", "repoid": "0" * 16}, "version: fails type"),
        ("/cluster/status", {}, 200, [{"id": "node/a", "name": "a", "type": "quorum"}], "0.type: fails enum"),
        ("/cluster/resources", {}, 200, [{"id": "qemu/1", "type": "qemu", "vmid": 1}], "0.vmid: fails minimum"),
        ("/nodes/{node}/qemu/{vmid}/config", {"node": "a", "vmid": "100"}, 200, {"digest": "0" * 40, "scsi0": {}}, "scsi0: fails type"),
        ("/nodes/{node}/qemu/{vmid}/snapshot", {"node": "a", "vmid": "100"}, 200, None, "fails type"),
        ("/nodes/{node}/tasks", {"node": "a"}, 200, [{"upid": "OK"}], "0.upid: fails pattern"),
        ("/unheard/of", {}, 200, {}, "it is in no list"),
    ],
)
def test_an_answer_that_does_not_fit_is_seen(path: str, given: Mapping[str, Any], status: int, data: Json, said: str) -> None:
    witness = PveWitness()
    witness("9.2", Exchange("GET", path, given, status, data))
    assert any(said in each for each in witness.violations), witness.violations
    with pytest.raises(AssertionError, match="does not fit"):
        witness.require_none()


@needs_schemas
@pytest.mark.parametrize(
    ("release", "path", "given", "status", "data", "said"),
    [
        (
            "8.4",
            "/version",
            {"wrong": "1"},
            200,
            {"version": "a", "release": "8.4", "repoid": "0" * 8},
            "asked and done, vendor's schema: .wrong: unknown",
        ),
        ("8.4", "/nodes", {}, 200, [{"node": "a", "status": "asleep"}], "it[0].status: not one of the words"),
        ("8.4", "/nodes", {}, 400, None, "refused, and the vendor would take it"),
        ("9.2", "/nodes/{node}/time", {"node": "a"}, 200, {"time": 1, "localtime": 1, "timezone": "UTC"}, "it.time: too small"),
        ("9.2", "/nodes/{node}/time", {"node": "a"}, 200, {"time": 1.8e9, "localtime": 1, "timezone": "UTC"}, "it.time: no integer"),
        ("9.2", "/cluster/nextid", {}, 200, "next", "it: no integer"),
        (
            "9.2",
            "/nodes/{node}/qemu/{vmid}/config",
            {"node": "a", "vmid": "100"},
            200,
            {"digest": "0" * 40, "scsi0": "local:vm-100-disk-0,size=1G,backups=0"},
            "scsi0.backups: unknown",
        ),
        (
            "9.2",
            "/nodes/{node}/lxc/{vmid}/config",
            {"node": "a", "vmid": "100"},
            200,
            {"digest": "0" * 40, "mp3": "local:x,size=1G"},
            "mp3.mp: missing",
        ),
        ("9.2", "/access/acl", {}, 200, [{"path": "/", "type": "user", "ugid": "a", "roleid": "b", "more": 1}], "it[0].more: unknown"),
    ],
)
def test_what_the_vendor_would_not_say_or_take_is_seen(
    release: str, path: str, given: Mapping[str, Any], status: int, data: Json, said: str
) -> None:
    witness = PveWitness()
    witness(release, Exchange("GET", path, given, status, data))
    assert any(said in each for each in witness.violations), witness.violations


def test_a_wrong_answer_of_a_cluster_fails_the_test_that_ran_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"/cluster/resources answered: 0\.type: fails enum"), running_pve(tmp_path) as running:  # noqa: PT012
        running.ask("/version")
        assert not running.witness.violations
        assert running.witness.calls == 1
        running.witness("9.2", Exchange("GET", "/cluster/resources", {}, 200, [{"id": "x", "type": "thing"}]))
