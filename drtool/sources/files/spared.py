"""What lies below a protected path and is drtool's own: left out of what is stored, and not moved by a restore."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from drtool.model.errors import Refused
from drtool.model.lying import lies_in
from drtool.model.workload import Workload
from drtool.staging.marker import Owner, read_markers
from drtool.trees.filesystem import ancestors


def leave_out(owner: Owner, workloads: tuple[Workload, ...], own: Iterable[str]) -> tuple[Workload, ...]:
    """Return the workloads with rules that leave out what is ours in them, and what a restore kept aside or is pouring there.

    The rules travel in the manifest as all others do, so that a restore carries back into service what they left out.
    """
    roots = [str(each.selector["path"]) for each in workloads if not each.problem]
    paths = [*own]
    for path, marker in read_markers(owner, (folder for root in roots for folder in (root, *ancestors(root)))).items():
        if marker.unproven:  # anybody who may write here could keep a folder from being stored
            continue
        if marker.what == "kept":
            paths += [marker.aside, path]
        elif marker.what == "staging":
            paths += [path.removesuffix(".json"), path]
    return tuple(_without(each, sorted(set(paths))) for each in workloads)


def refuse_in_use(target: str, spared: Iterable[tuple[str, str]]) -> None:
    """Refuse to move a path in which something lies that the restore itself is using."""
    for path, words in spared:
        if words and lies_in(path, target):
            raise Refused(
                f"{target} holds {words} ({path}), which this restore is using: it is not moved",
                hint=f"restore what lies beside it: --path {target.rstrip('/')}/FOLDER; or all of it elsewhere: --to directory PATH",
                safe=f"{target} is untouched",
            )


def _without(workload: Workload, paths: list[str]) -> Workload:
    base = str(workload.selector.get("path", ""))
    inside = [_literal(path) for path in paths if path != base and lies_in(path, base)]
    if not inside:
        return workload
    exclude = (*workload.selector.get("exclude", ()), *inside)
    return replace(workload, selector={**workload.selector, "exclude": list(dict.fromkeys(exclude))})


def _literal(path: str) -> str:
    """Spell a path as a pattern that matches nothing else."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)
