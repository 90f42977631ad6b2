"""The simulator's table of calls against the vendor's schemas: each call, each parameter with its bounds, who may make it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from drtool.lab.proxmox.calls import EVERYBODY, Call, Needs
from drtool.lab.proxmox.methods.every import every_call
from drtool.lab.proxmox.parameters import Parameter
from drtool.lab.proxmox.privileges import every_privilege
from drtool.lab.proxmox.state import RELEASES
from tests.rig.pve_schema import VARIABLE, Schema, in_python, vendor_call, vendor_file

needs_schemas: Final = pytest.mark.skipif(
    any(vendor_file(release) is None for release in RELEASES), reason=f"{VARIABLE} does not say where the vendor's schemas are"
)
PROBES: Final = ("a", "A1", "1a", "a.b-c_d", "a/b", "a b", "a@b", "a@pve", "a@pve!t", "a@pve!1", "", "100", "a!b", "ä", "a\n")
"""Texts that two patterns judge alike if they mean the same."""
BY_THE_WORK: Final = {"userid-group", "or", "and", "perm-modify"}
"""Checks of the vendor that need more than a path and privileges: the work of a call looks itself."""


def differences(call: Call, release: str) -> Iterator[str]:
    """Return where a call of the table is not what the vendor says."""
    theirs = vendor_call(release, call.method, call.path)
    if theirs is None:
        if call.is_in(release):
            yield "the vendor does not have it"
        return
    if not call.is_in(release):
        yield "the vendor has it"
        return
    known: Mapping[str, Schema] = theirs["parameters"].get("properties") or {}
    ours = call.parameters_in(release)
    yield from [f"{name}: the table does not have it" for name in known.keys() - ours.keys()]
    yield from [f"{name}: the vendor does not have it" for name in ours.keys() - known.keys()]
    for name in known.keys() & ours.keys():
        yield from (f"{name}: {each}" for each in _differences_of(ours[name], known[name]))
    if call.proxied != (theirs.get("proxyto") == "node"):
        yield "which node does it"
    yield from _differences_in_needs(call.needs, theirs["permissions"])


def _differences_of(ours: Parameter, theirs: Schema) -> Iterator[str]:
    pairs: dict[str, tuple[Any, Any]] = {
        "type": (ours.type, theirs["type"]),
        "needed": (ours.needed, not theirs.get("optional")),
        "words": (sorted(ours.words), sorted(theirs.get("enum", ()))),
        "least": (ours.least, theirs.get("minimum")),
        "most": (ours.most, theirs.get("maximum")),
        "shortest": (ours.shortest, theirs.get("minLength", 0)),
        "longest": (ours.longest, theirs.get("maxLength")),
        "requires": (ours.requires, theirs.get("requires", "")),
        "format": (ours.format, theirs.get("format", "")),
        "pattern": (_verdicts(ours.pattern), _verdicts(in_python(str(theirs.get("pattern", ""))))),
    }
    yield from (f"{name} {mine!r} instead of {wanted!r}" for name, (mine, wanted) in pairs.items() if mine != wanted)


def _verdicts(pattern: str) -> list[bool]:
    return [re.fullmatch(pattern, probe) is not None for probe in PROBES] if pattern else []


def _differences_in_needs(needs: Needs, theirs: Schema) -> Iterator[str]:
    if theirs.get("user") == "world":
        yield from [] if needs is EVERYBODY else ["everybody may"]
        return
    check = theirs.get("check", ["none"])
    if theirs.get("user") == "all" or check[0] in BY_THE_WORK:
        yield from [f"needs {needs.privileges}"] if needs.path or needs is EVERYBODY else []
        return
    told = (check[1], tuple(check[2]), "any" in check[3:])
    if (needs.path, needs.privileges, needs.any) != told:
        yield f"needs {needs} instead of {told}"


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_every_call_of_the_table_is_the_vendors(release: str) -> None:
    found = [f"{call.method} {call.path}: {each}" for call in every_call() for each in differences(call, release)]
    assert found == []


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_only_a_login_is_nothing_for_tokens(release: str) -> None:
    calls = [call for call in every_call() if call.is_in(release)]
    found = [call.path for call in calls if not (vendor_call(release, call.method, call.path) or {}).get("allowtoken")]
    assert found == ["/access/ticket"]


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_the_privileges_are_the_vendors(release: str) -> None:
    role = vendor_call(release, "GET", "/access/roles/{roleid}")
    assert role is not None
    assert every_privilege(release) == frozenset(role["returns"]["properties"])


def _call(method: str, path: str) -> Call:
    return next(call for call in every_call() if (call.method, call.path) == (method, path))


def _changed(path: str, name: str, **change: object) -> Call:
    call = _call("GET", path)
    return replace(call, parameters={**call.parameters, name: replace(call.parameters[name], **change)})  # type: ignore[arg-type]


WRONG: Final[Mapping[str, Callable[[], Call]]] = {
    "limit: the table does not have it": lambda: replace(_call("GET", "/nodes/{node}/tasks"), parameters={}),
    "wrong: the vendor does not have it": lambda: replace(_call("GET", "/version"), parameters={"wrong": Parameter("string")}),
    "limit: type": lambda: _changed("/nodes/{node}/tasks", "limit", type="string"),
    "limit: needed": lambda: _changed("/nodes/{node}/tasks", "limit", needed=True),
    "limit: least": lambda: _changed("/nodes/{node}/tasks", "limit", least=1),
    "vmid: most": lambda: _changed("/cluster/nextid", "vmid", most=None),
    "source: words": lambda: _changed("/nodes/{node}/tasks", "source", words=("archive",)),
    "snapshot: longest": lambda: _changed("/nodes/{node}/qemu/{vmid}/config", "snapshot", longest=80),
    "storage: format": lambda: _changed("/nodes/{node}/storage", "storage", format=""),
    "userid: pattern": lambda: _changed("/access/permissions", "userid", pattern=r"\S+"),
    "type: requires": lambda: _changed("/pools", "type", requires=""),
    "which node does it": lambda: replace(_call("GET", "/nodes/{node}/time"), proxied=False),
    "needs Needs": lambda: replace(_call("GET", "/cluster/status"), needs=Needs("/", ("Sys.Modify",))),
    "needs ('Sys.Audit',)": lambda: replace(_call("GET", "/nodes"), needs=Needs("/", ("Sys.Audit",))),
    "everybody may": lambda: replace(_call("POST", "/access/ticket"), needs=Needs("/", ())),
    "the vendor does not have it": lambda: replace(_call("GET", "/version"), path="/versions"),
    "the vendor has it": lambda: replace(_call("GET", "/version"), first="9.2"),
}


@needs_schemas
@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_table_is_seen(said: str) -> None:
    found = list(differences(WRONG[said](), "8.4"))
    assert any(each.startswith(said) for each in found), found
