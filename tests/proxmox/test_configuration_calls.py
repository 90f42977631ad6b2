"""The table of questions against the vendor's schemas: what is asked exists, is taken, and comes in that shape."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drtool.lab.proxmox.state import RELEASES
from drtool.sources.proxmox.configuration.calls import NOT_ASKED, OF_CLUSTER, OF_GUEST, OF_NODE, Call
from drtool.sources.proxmox.privileges import NEEDS
from tests.proxmox.test_schema_table import needs_schemas
from tests.rig.pve_schema import Schema, problems_of_request, vendor_call, vendor_calls

WHOLE_TO_ANYBODY = {
    *("/version", "/access/roles", "/access/domains", "/cluster/acme/account", "/cluster/firewall/groups"),
    *("/nodes/{node}/network", "/nodes/{node}/subscription", "/nodes/{node}/certificates/info"),
}
"""What the vendor tells everybody, and all of it, as far as is known."""
HIDDEN = "the work itself looks what somebody may see"


def release_of(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def paths() -> Iterator[tuple[Call, str]]:
    """Each call with its path as the vendor writes it."""
    yield from ((call, call.path) for call in OF_CLUSTER)
    yield from ((call, f"/nodes/{{node}}{call.path}") for call in OF_NODE)
    yield from ((call, f"/nodes/{{node}}/{kind}/{{vmid}}{call.path}") for kind in ("qemu", "lxc") for call in OF_GUEST)


def row_paths(call: Call, path: str) -> Iterator[str]:
    base = path.removesuffix(call.path)
    yield from (f"{base}{each}".replace("{}", f"{{{NAMES.get(call.path, call.each)}}}") for each in call.of if not call.by)


NAMES = {"/cluster/metrics/server": "id"}


def vendor(release: str, path: str) -> Schema:
    found = vendor_call(release, "GET", path)
    assert found is not None, f"{path} is not in {release}"
    return found


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_every_question_is_one_of_the_vendors(release: str) -> None:
    given = {"node": "pve1", "vmid": "100"}
    for call, path in paths():
        if not call.is_in(release_of(release)):
            continue
        theirs = vendor(release, path)
        of_path = {name: value for name, value in given.items() if f"{{{name}}}" in path}
        assert list(problems_of_request(theirs, {**of_path, **call.parameters})) == [], path
        assert theirs["returns"]["type"] == ("array" if call.rows else "object"), path
        assert theirs["allowtoken"], path
        for row_path in row_paths(call, path):
            assert vendor(release, row_path)["allowtoken"], row_path
        if call.by:
            assert call.by in theirs["parameters"]["properties"], path


@needs_schemas
def test_what_a_release_does_not_have_is_not_asked_of_it() -> None:
    for call, path in paths():
        if call.since > (8, 4):
            assert vendor_call("8.4", "GET", path) is None, path
        if call.until is not None:
            assert vendor_call("8.4", "GET", path) is not None, path


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_what_may_be_less_than_there_is_names_who_sees_all(release: str) -> None:
    """The vendor lets everybody ask, and looks at each row."""
    for call, path in paths():
        if not call.is_in(release_of(release)):
            continue
        user = (vendor(release, path)["permissions"] or {}).get("user")
        if user in {"all", "world"} and path not in WHOLE_TO_ANYBODY:
            assert call.whole_with is not None, (path, HIDDEN)
            assert call.whole_with in NEEDS[release_of(release)[0]]


@needs_schemas
@pytest.mark.parametrize("release", RELEASES)
def test_what_is_not_asked_is_there_and_needs_more_than_looking(release: str) -> None:
    for path in NOT_ASKED:
        needs = vendor(release, path).get("permissions")
        assert needs is None or needs["check"][2] == ["Sys.Modify"], path
    assert vendor_calls(release)
    assert not NOT_ASKED.keys() & {path for call, path in paths() for path in (path, *row_paths(call, path))}


def test_no_two_questions_share_a_file() -> None:
    for table in (OF_CLUSTER, OF_NODE, OF_GUEST):
        files = [file for call in table for file in call.files]
        assert len(files) == len(set(files))
    assert not [file for call in OF_CLUSTER for file in call.files if file.startswith("nodes/")]
