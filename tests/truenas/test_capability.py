"""What each release offers and each role allows: the tables of the document, tried on the simulated appliance."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.lab.truenas.appliance import Appliance
from drtool.model.errors import NotFound, Refused
from drtool.model.plan import Destination
from drtool.ports import ReserveRequest
from drtool.sources.truenas.api.release_number import read_release
from drtool.sources.truenas.api.roles import FULL, ROLES, STOPPING, lacking
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, POINT, RUN, content, put_back, take, tidy
from tests.truenas.killed_paths import pour, request_for

DOCUMENT = (Path(__file__).parents[2] / "docs" / "platforms" / "truenas.md").read_text()
RELEASES = ("25.04", "25.10", "26")
ONE: dict[str, object] = {"dataset": "tank/documents"}
WORKER = tuple(dict.fromkeys(role for verb, roles in ROLES.items() if verb != "doctor" for role in roles))


def table(first: str, *, last: str = "") -> list[list[str]]:
    """Return the rows of the table whose head begins, and ends, so."""
    head, rows = "", []
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and cells[0] == first and (cells[-1] == last or (not last and cells[-1] != "backed by")):
            head = first
        elif not cells:
            head = ""
        elif head and not set(cells[0]) <= {"-", " "}:
            rows.append(cells)
    return rows


def back_up(source: TruenasSource, lab: Lab, copies: Path) -> None:
    assert take(source, copies, ONE)


def replace(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = take(source, copies, ONE)
    put_back(source, member, copies)


def replace_paths(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = take(source, copies, ONE)
    source.cutover(pour(source, request_for(member, "read-me"), copies))


def drill(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = take(source, copies, ONE)
    until = datetime.now(UTC) + timedelta(hours=2)
    request = ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until)
    reserved = source.reserve(request)
    landed = put_back(source, member, copies, form="sandbox", reserved=reserved.locator)
    assert content(Path(landed.target)) == content(copies / member.workload.replace("/", "%"))
    source._parts.done.clear()
    assert source.cutover(landed).target == landed.target
    source.release(reserved)


def to_directory(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = take(source, copies, ONE)
    request = request_for(member)
    object.__setattr__(request, "destination", Destination("directory", path=str(copies / "directory")))
    object.__setattr__(request, "paths", (member.artifacts[0].path,))
    source.cutover(pour(source, request, copies))


def save(source: TruenasSource, lab: Lab, copies: Path) -> None:
    admin = lab.source(by=BY, administrator=True)
    (workload,) = admin.discover({"system": True})
    with admin.export(admin.snapshot(workload, f"{RUN}/1")) as export:
        assert export.artifacts
    admin.close()


CAPABILITIES: dict[str, Callable[[TruenasSource, Lab, Path], None]] = {
    "back up datasets": back_up,
    "save the configuration with its seed and keys": save,
    "restore to a directory": to_directory,
    "drill in a sandbox": drill,
    "put single files and folders back in place": replace_paths,
    "replace a whole dataset": replace,
}


@pytest.mark.parametrize("release", RELEASES)
def test_each_release_does_what_the_table_says(tmp_path: Path, release: str) -> None:
    rows = table("what")
    assert [row[0] for row in rows] == list(CAPABILITIES)
    with running_lab(tmp_path, release=release) as lab:
        for number, row in enumerate(rows):
            source = lab.source(by=BY, watch=("tank/documents",))
            said = row[1 + RELEASES.index(release)]
            assert said in ("yes", "no")
            with contextlib.nullcontext() if said == "yes" else pytest.raises(Refused, match="this release of TrueNAS cannot") as refused:
                CAPABILITIES[row[0]](source, lab, tmp_path / str(number))
            assert refused is None or "--to directory" in refused.value.hint
            tidy(source)
        source = lab.source(by=BY)
        version = source.examine()[0]
        assert version.good is (None if release == "25.04" else True)
        source.close()


def test_each_verb_is_backed_by_a_test_of_each_release_it_is_said_to_work_on() -> None:
    rows = table("verb", last="backed by")
    assert len(rows) >= len(ROLES)
    for verb, *said, named in rows:
        path, _, name = named.strip("`").partition("::")
        tree = ast.parse((Path(__file__).parents[2] / path).read_text())
        (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
        releases = [node for node in function.decorator_list if "release" in ast.unparse(node)]
        assert releases, f"{verb}: {name} tries one release only"
        tried = RELEASES if "RELEASES" in ast.unparse(releases[0]) else ast.unparse(releases[0])
        assert all(cell == "no" or release in tried for cell, release in zip(said, RELEASES, strict=True)), verb


def test_the_table_of_roles_says_what_doctor_asks() -> None:
    told = {row[0].strip("`"): tuple(re.findall(r"[A-Z_]{6,}", row[1])) for row in table("verb")}
    assert {verb: set(roles) for verb, roles in told.items() if verb in ROLES} == {verb: set(roles) for verb, roles in ROLES.items()}
    assert set(told["`run` of `system: true`".strip("`")]) == {FULL}
    assert set(told["restore`, `sweep` with `stop:"]) == set(STOPPING.values())


def test_the_roles_suffice_and_each_is_needed(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, user: held if user == "drtool" else ["FULL_ADMIN"])
    numbers = itertools.count()

    def try_with(roles: Iterable[str], work: Callable[[TruenasSource, Lab, Path], None], *, enough: bool) -> None:
        held[:] = sorted(set(roles))
        source = lab.source(by=BY)
        with contextlib.nullcontext() if enough else pytest.raises((Refused, NotFound)):
            work(source, lab, tmp_path / str(next(numbers)))
            assert {leftover.what for leftover in source.leftovers(())} <= {"kept", "mount", "share"}
        held[:] = sorted(WORKER)
        tidy(source)

    try_with(ROLES["run"], back_up, enough=True)
    for role in ROLES["run"]:
        try_with({*ROLES["run"]} - {role}, back_up, enough=False)
    for verb, work in (("restore", replace), ("restore", replace_paths), ("drill", drill)):
        both = {*ROLES[verb], *ROLES["run"]}  # each takes a backup first
        try_with(both, work, enough=True)
        try_with(both - {"DATASET_WRITE"}, work, enough=False)


def test_doctor_says_which_role_is_missing_for_what_and_where_to_click(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lab.source(by=BY)
    held = [*WORKER]
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: held)
    (roles,) = [finding for finding in source.examine() if "its key" in finding.text]
    assert (roles.good, roles.text) == (None, "its key lacks READONLY_ADMIN: version and clock cannot be asked")
    held.remove("SNAPSHOT_DELETE")
    held.append("READONLY_ADMIN")
    (roles,) = [finding for finding in source.examine() if "its key" in finding.text]
    assert roles.good is False
    assert roles.text == "its key lacks SNAPSHOT_DELETE: it cannot do run, restore, drill, sweep"
    assert "Credentials, Groups, Privileges" in roles.remedy
    assert "add SNAPSHOT_DELETE" in roles.remedy
    held[:] = [*WORKER, "READONLY_ADMIN"]
    (roles,) = [finding for finding in source.examine() if "its key" in finding.text]
    assert roles.good is True
    assert roles.text.startswith("its key has every role that inventory, run, restore, drill, sweep, doctor need, and not FULL_ADMIN")
    held[:] = ["FULL_ADMIN"]
    (roles,) = [finding for finding in source.examine() if "full administrator" in finding.text]
    assert roles.good is None
    assert "too much" in roles.text
    source.close()


def test_doctor_finds_nothing_wrong_with_the_lab(lab: Lab) -> None:
    for administrator in (False, True):  # as its own policy names them: one for datasets, one for the configuration
        source = lab.source(by=BY, administrator=administrator, system="appliance" if administrator else "")
        findings = source.examine()
        assert [finding for finding in findings if finding.good is False] == []
        assert any("temporary NFS shares" in finding.text for finding in findings) is not administrator
        source.close()


def test_a_source_for_the_configuration_needs_just_that(lab: Lab) -> None:
    for administrator, good in ((True, True), (False, False)):
        source = lab.source(by=BY, administrator=administrator, system="appliance")
        (roles,) = [finding for finding in source.examine() if "configuration" in finding.text or "`system: true`" in finding.text]
        assert roles.good is good
        source.close()


def test_a_role_that_writes_reads() -> None:
    assert lacking(["READONLY_ADMIN", *WORKER], shares=True) == {}
    assert lacking([], shares=False).keys() == {"DATASET_WRITE", "SNAPSHOT_WRITE", *_of_none(), "READONLY_ADMIN"}
    assert "SHARING_NFS_WRITE" in lacking([], shares=True)
    backs_up = ["DATASET_READ", "SNAPSHOT_WRITE", "SNAPSHOT_DELETE", "DATASET_DELETE", "SHARING_NFS_WRITE", "FILESYSTEM_ATTRS_READ"]
    assert "run" not in lacking(backs_up, shares=True)["DATASET_WRITE"]
    assert "run" not in lacking(backs_up, shares=True).get("DATASET_WRITE", ())
    assert lacking([], shares=True)["DATASET_WRITE"][0] == "inventory"


def _of_none() -> set[str]:
    return {"SNAPSHOT_DELETE", "DATASET_DELETE", "FILESYSTEM_ATTRS_READ"}


def test_releases_are_in_their_order() -> None:
    words = ("25.04.2.6", "25.10.0", "TrueNAS-25.10.1", "26.0.0-BETA.1", "TrueNAS-26.0.0-BETA.3", "26.0.0-RC.1", "26.0.0", "27.0.0")
    releases = [read_release(word) for word in words]
    assert None not in releases
    assert releases == sorted(release for release in releases if release)
    assert read_release("unknown") is None
    assert read_release("25.10") == read_release("25.10.0")
    assert POINT
