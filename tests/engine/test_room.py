"""A directory without room, or that cannot be made, is told before anything starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drtool.app.composition import make_adapters, make_notary
from drtool.engine.adapters import Adapters
from drtool.engine.clock import SystemClock
from drtool.engine.room import require_room
from drtool.model.errors import Refused
from drtool.model.plan import Destination, Plan
from drtool.model.policy import SourcePolicy
from drtool.planning.restore import RestoreRequest, plan_restore
from tests.planning.planning_values import NOW, backup_set, manifest, member, policy

POLICY = policy(backup_set(), sources={"here": SourcePolicy("here", "files", "home")}, sandboxes={}, drills={})


@pytest.fixture
def adapters(tmp_path: Path) -> Adapters:
    notary = make_notary(POLICY, state_directory=str(tmp_path))
    return make_adapters(POLICY, state_directory=str(tmp_path), clock=SystemClock(), notary=notary)


def plan_of(directory: Path, *sizes: int, form: str = "directory", paths: tuple[str, ...] = ()) -> Plan:
    members = []
    for number, size in enumerate(sizes):
        one = member(f"here:/{number}", f"/{number}")
        artifact = one.artifacts[0]
        members.append(replace(one, artifacts=(replace(artifact, census=replace(artifact.census, bytes=size)),)))
    request = RestoreRequest(("documents",), Destination(form, path=str(directory) if form == "directory" else ""), paths=paths)
    point = manifest("documents", *members)
    return plan_restore(POLICY, request, manifests={"documents": point}, copies={"documents": ("near",)}, now=NOW, declared=NOW, run="R1")


def test_members_that_fit_one_by_one_and_not_together_are_refused(adapters: Adapters, tmp_path: Path) -> None:
    huge = 1 << 59
    with pytest.raises(Refused, match="free and") as refused:
        require_room(adapters, plan_of(tmp_path / "not" / "yet", huge, huge))
    assert "--workload" in refused.value.hint
    require_room(adapters, plan_of(tmp_path / "not" / "yet", 1, 1))
    assert not (tmp_path / "not").exists()


def test_what_is_asked_is_this_plan_and_no_other(adapters: Adapters, tmp_path: Path) -> None:
    """In place, and of single paths, the size of the whole says nothing."""
    require_room(adapters, plan_of(tmp_path, 1 << 60, form="original"))
    require_room(adapters, plan_of(tmp_path, 1 << 60, paths=("/0/file",)))


def test_a_file_in_the_way_is_told(adapters: Adapters, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="is no directory"):
        require_room(adapters, plan_of(tmp_path / "file" / "x", 1))
