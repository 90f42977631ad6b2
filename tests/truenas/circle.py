"""The full circle over a source's verbs, as the engine calls them, without a repository."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drtool.model.plan import Destination, Landed, Restored
from drtool.model.point import Artifact, Member
from drtool.model.workload import Leftover, Snapshot
from drtool.ports import LandRequest, PutResult
from drtool.sources.truenas.source import TruenasSource
from drtool.testing.source_contract import inspected

BY = "circle"
RUN = "01J00000000000000000000RVN"
POINT = "01J0000000000000000000PBNT"


def selector_of(pool: str) -> dict[str, object]:
    """What a fresh appliance has, whole."""
    return {"dataset": f"{pool}/documents", "recursive": True}


SELECTOR = selector_of("tank")


def take(source: TruenasSource, copies: Path, selector: dict[str, object] | None = None) -> list[Member]:
    """Snapshot and export everything the selector matches into `copies`, then release the snapshots."""
    members = []
    taken: list[Snapshot] = []
    workloads = source.discover(selector or SELECTOR)
    for number, workload in enumerate(workloads):
        assert not workload.problem, workload.problem
        taken.append(source.snapshot(workload, f"drtool-{POINT}", together=() if number else workloads[1:]))
    for snapshot in taken:
        with source.export(snapshot) as export:
            (artifact,) = export.artifacts
            target = copies / snapshot.workload.name.replace("/", "%")
            shutil.copytree(artifact.path, target, symlinks=True)
            found = [path for path in target.rglob("*") if path.is_file()]
            census = export.census(artifact, PutResult("id", len(found), sum(path.stat().st_size for path in found), 0))
        workload = snapshot.workload
        stored = Artifact(artifact.name, "tree", "0" * 64, artifact.path, census)
        assert snapshot.instant is not None
        members.append(Member(workload.name, workload.source, workload.kind, workload.selector, snapshot.instant, (stored,)))
    for snapshot in taken:
        source.release(Leftover("nas", "snapshot", snapshot.locator, RUN, BY))
    return members


def land(source: TruenasSource, member: Member, copies: Path, *, form: str = "original", reserved: str = "") -> Landed:
    """Pour one member from `copies` into a fresh staging place."""
    expires = datetime.now(UTC) + timedelta(hours=2)
    destination = Destination(form, sandbox="lab" if form == "sandbox" else "")
    request = LandRequest(member, POINT, RUN, BY, destination, expires, reserved=reserved)
    with source.land(request) as landing:
        root = Path(landing.way_of("").directory + member.artifacts[0].path)
        shutil.copytree(copies / member.workload.replace("/", "%"), root, symlinks=True)
        return landing.landed


def put_back(
    source: TruenasSource, member: Member, copies: Path, *, form: str = "original", reserved: str = "", look: bool = True
) -> Landed:
    """Land one member, cut it over, and look at it."""
    landed = source.cutover(land(source, member, copies, form=form, reserved=reserved))
    if look:
        assert inspected(source, Restored(member.workload, "nas", landed.destination, landed.target, member, locator=landed.locator)).up
    return landed


def content(root: Path) -> dict[str, bytes]:
    """Return every file below a directory, without what was kept aside in it."""
    names = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return {str(name): (root / name).read_bytes() for name in names if not any(".before-" in part for part in name.parts)}


def tidy(source: TruenasSource) -> None:
    """Release everything that was left, twice, as sweeps may."""
    left = source.leftovers(())
    for leftover in (*left, *left):
        source.release(leftover)
    assert source.leftovers(()) == ()
    source.close()
