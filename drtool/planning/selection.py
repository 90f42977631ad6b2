"""Which members of a point are restored, and which paths of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drtool.model.errors import NotFound, Refused
from drtool.model.point import Manifest, Member


@dataclass(frozen=True, slots=True)
class Selected:
    """A member to be restored; no paths: all of it."""

    member: Member
    paths: tuple[str, ...] = ()


def select_members(
    manifests: Mapping[str, Manifest], *, workloads: tuple[str, ...], paths: tuple[str, ...]
) -> dict[str, tuple[Selected, ...]]:
    """Return the chosen members of each set; without `workloads` and `paths` all of them.

    A path goes to the member that contains it most closely. Raises NotFound for a workload or a path that no member has, Refused for a
    path that is not absolute or climbs with `..`.
    """
    every = [(name, member) for name, manifest in manifests.items() for member in manifest.members]
    if workloads:
        names = {member.workload for _, member in every}
        for workload in workloads:
            if workload not in names:
                raise NotFound(f"the point holds no {workload}", hint=_absent(manifests, workload, names))
        every = [(name, member) for name, member in every if member.workload in workloads]
    if not paths:
        chosen = [(name, Selected(member)) for name, member in every]
    else:
        chosen = _by_paths(every, tuple(dict.fromkeys(_clean(path) for path in paths)))
    return {name: tuple(item for owner, item in chosen if owner == name) for name in manifests}


def _absent(manifests: Mapping[str, Manifest], workload: str, names: set[str]) -> str:
    for manifest in manifests.values():
        for missing in manifest.missing:
            if missing.workload == workload:
                return f"it was not stored: {missing.reason}; choose another point with `drtool points {manifest.set}`"
    return f"it holds {', '.join(sorted(names)) or 'nothing'}"


def _clean(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise Refused(f"`{path}` is not a path inside a point", hint="an absolute path without `..`, as `drtool ls` shows")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _by_paths(every: list[tuple[str, Member]], paths: tuple[str, ...]) -> list[tuple[str, Selected]]:
    wanted: dict[int, list[str]] = {}
    for path in paths:
        best = -1
        owners: list[int] = []
        for index, (_, member) in enumerate(every):
            depth = max((_depth(artifact.path, path) for artifact in member.artifacts), default=-1)
            if depth > best:
                best, owners = depth, [index]
            elif depth == best and depth >= 0:
                owners.append(index)
        if best < 0:
            roots = ", ".join(sorted({artifact.path for _, member in every for artifact in member.artifacts}))
            raise NotFound(f"no member contains {path}", hint=f"the point holds {roots or 'nothing'}")
        for index in owners:
            wanted.setdefault(index, []).append(path)
    chosen = []
    for index, inside in sorted(wanted.items()):
        name, member = every[index]
        whole = len(member.artifacts) == 1 and member.artifacts[0].path.rstrip("/") in {path.rstrip("/") for path in inside}
        chosen.append((name, Selected(member, () if whole else tuple(inside))))
    return chosen


def _depth(root: str, path: str) -> int:
    """Return how long the containing path is, -1 when it does not contain `path`."""
    bare = root.rstrip("/")
    return len(bare) if path == bare or path.startswith(f"{bare}/") else -1
