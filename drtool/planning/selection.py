"""Which members of a point are restored, and which paths of them."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drtool.model.errors import NotFound, Refused
from drtool.model.point import Manifest, Member
from drtool.planning.order import Nesting

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Selected:
    """A member to be restored; no paths: all of it."""

    member: Member
    paths: tuple[str, ...] = ()


def select_members(
    manifests: Mapping[str, Manifest], *, workloads: tuple[str, ...], paths: tuple[str, ...]
) -> dict[str, tuple[Selected, ...]]:
    """Return the chosen members of each set; without `workloads` and `paths` all of them.

    A path is one of a point, as `drtool ls` shows it; or the name of a workload and what lies in it, below one directory, as a platform
    shows it (`/mnt/tank/documents/read-me`); or relative to the workload that lies around all others. It goes to the member that contains
    it most closely. Raises NotFound for a workload or a path that no member has, Refused for a path that climbs with `..`, or a relative
    one that may be meant for several members.
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
        _require_stored(item for _, item in chosen)
    return {name: tuple(item for owner, item in chosen if owner == name) for name in manifests}


def _require_stored(chosen: Iterable[Selected]) -> None:
    for item in chosen:
        if item.paths and any(artifact.native for artifact in item.member.artifacts):
            raise Refused(
                f"a platform keeps {item.member.workload}, or a part of it, and gives it as a whole only: no single paths of it",
                hint=f"restore all of it: --workload {item.member.workload}, without --path",
                safe="nothing was changed",
            )


def _absent(manifests: Mapping[str, Manifest], workload: str, names: set[str]) -> str:
    for manifest in manifests.values():
        for missing in manifest.missing:
            if missing.workload == workload:
                return f"it was not stored: {missing.reason}; choose another point with `drtool points {manifest.set}`"
    return f"it holds {', '.join(sorted(names)) or 'nothing'}"


def _clean(path: str) -> str:
    if not path or ".." in path.split("/"):
        raise Refused(
            f"`{path}` is not a path inside a point",
            hint="a path without `..`: as `drtool ls` shows it, as its platform shows it, or relative to a --workload",
        )
    return ("/" if path.startswith("/") else "") + "/".join(part for part in path.split("/") if part not in ("", "."))


def _by_paths(every: list[tuple[str, Member]], paths: tuple[str, ...]) -> list[tuple[str, Selected]]:
    wanted: dict[int, list[str]] = {}
    for path in paths:
        for index, inside in (_stored(every, path) if path.startswith("/") else _relative(every, path)).items():
            wanted.setdefault(index, []).append(inside)
    chosen = []
    for index, found in sorted(wanted.items()):
        name, member = every[index]
        whole = len(member.artifacts) == 1 and member.artifacts[0].path.rstrip("/") in {path.rstrip("/") for path in found}
        chosen.append((name, Selected(member, () if whole else tuple(dict.fromkeys(found)))))
    return chosen


def _stored(every: list[tuple[str, Member]], path: str) -> dict[int, str]:
    """Return the members that hold an absolute path, and the path under which each does."""
    depths = {index: max((_depth(item.path, path) for item in member.artifacts), default=-1) for index, (_, member) in enumerate(every)}
    deepest = max(depths.values(), default=-1)
    if deepest >= 0:
        return {index: path for index, depth in depths.items() if depth == deepest}
    below = path[1:].partition("/")[2]
    shown = _named(every, *dict.fromkeys(f"{_source(member)}:{below}" for _, member in every))
    if not shown:
        roots = ", ".join(sorted({artifact.path for _, member in every for artifact in member.artifacts}))
        raise NotFound(f"no member contains {path}", hint=f"the point holds {roots or 'nothing'}{_examples(every)}")
    return shown


def _examples(every: list[tuple[str, Member]]) -> str:
    for _, member in every:
        name = member.workload.removeprefix(f"{_source(member)}:").rstrip("/")
        if _root(member) and member.selector.get("nests"):
            return f"; write --workload {member.workload} --path folder/file, or as its platform shows it: /…/{name}/folder/file"
    return ""


def _relative(every: list[tuple[str, Member]], path: str) -> dict[int, str]:
    nesting = Nesting(member.workload for _, member in every if member.selector.get("nests"))
    roots = [member for _, member in every if _root(member) and not nesting.depth(member.workload)]
    if len(roots) != 1:
        raise Refused(
            f"`{path}` is relative, and {'several members' if roots else 'no member'} could hold it",
            hint=_said_by_member(path, roots),
            safe="nothing was changed",
        )
    return _named(every, f"{roots[0].workload.rstrip('/')}/{path}")


def _said_by_member(path: str, roots: list[Member]) -> str:
    """Return what to type for a relative path: in which member it lies where its beginning tells, else once for each."""
    head, _, inside = path.partition("/")
    meant = [member for member in roots if posixpath.basename(_root(member).rstrip("/")) == head]
    if len(meant) == 1:
        chosen = f"--workload {shlex.quote(meant[0].workload)}"
        return f"{chosen} --path {shlex.quote(inside)}" if inside else chosen
    told = " or ".join(f"--workload {shlex.quote(member.workload)}" for member in roots[:_SHOWN]) or "--workload WORKLOAD"
    more = f" or {len(roots) - _SHOWN} more" if len(roots) > _SHOWN else ""
    return f"say in which it lies: {told}{more}, with --path {shlex.quote(path)}"


def _named(every: list[tuple[str, Member]], *names: str) -> dict[int, str]:
    """Return the members whose own name begins one of the names most closely, and where each holds what the rest of it says."""
    found: dict[int, tuple[int, str]] = {}
    for index, (_, member) in enumerate(every):
        for name in names:
            depth = _depth(member.workload, name.rstrip("/"))
            if depth >= 0 and (root := _root(member)):
                found[index] = depth, (root.rstrip("/") + name[depth:]).rstrip("/") or "/"
    deepest = max((depth for depth, _ in found.values()), default=-1)
    return {index: inside for index, (depth, inside) in found.items() if depth == deepest}


def _root(member: Member) -> str:
    """Return where the one tree of a member begins, empty where it has none or several."""
    trees = [artifact.path for artifact in member.artifacts if artifact.form == "tree"]
    return trees[0] if len(trees) == len(member.artifacts) == 1 else ""


def _depth(root: str, path: str) -> int:
    """Return how long the containing path is, -1 when it does not contain `path`."""
    bare = root.rstrip("/")
    return len(bare) if path == bare or path.startswith(f"{bare}/") else -1


def _source(member: Member) -> str:
    """Return the source by which its workload was named; it may go back by another."""
    return member.workload.partition(":")[0]
