"""The house in figures: modules, import arrows between packages, circles, the largest module, the longest function.

    scripts/figures            what lies here
    scripts/figures COMMIT     what lay there then

Every import counts, also one inside a function or for a type alone: who reads the code has to follow it all the same.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Figures:
    modules: int
    lines: int
    arrows: int
    imports: int
    circles: tuple[tuple[str, ...], ...]
    largest: tuple[int, str]
    longest: tuple[int, str]

    def __str__(self) -> str:
        circles = "; ".join(" ".join(each) for each in self.circles)
        return "\n".join(
            [
                f"modules                       {self.modules}, {self.lines} lines",
                f"arrows between packages       {self.arrows}, of {self.imports} imports between modules",
                f"circles of modules            {len(self.circles)}{': ' if circles else ''}{circles}",
                f"largest module                {self.largest[0]} lines: {self.largest[1]}",
                f"longest function              {self.longest[0]} lines: {self.longest[1]}",
            ]
        )


@cache
def trees(package: Path) -> dict[str, ast.Module]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Which modules each module imports; the front door of the package is left out, since it gives others lazily what they ask for."""
    return {name: set(_imported(name, tree, modules)) - {name} for name, tree in modules.items() if "." in name}


def _imported(name: str, tree: ast.Module, modules: Mapping[str, ast.Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield from (each for each in ((inside if inside in modules else node.module),) if each in modules)


def circles(arrows: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Groups of modules that each lead to each other."""
    left = {name: set(others) & arrows.keys() for name, others in arrows.items()}
    while ends := {name for name, others in left.items() if not others}:  # what leads nowhere is in no circle
        left = {name: others - ends for name, others in left.items() if name not in ends}
    ahead = {name: _reached(name, left) for name in left}
    groups = {tuple(sorted(other for other in ahead[name] if name in ahead[other])) for name in left}
    return tuple(sorted(group for group in groups if group))


def _reached(start: str, arrows: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = set(arrows[waiting.pop()]) - found
        found |= fresh
        waiting += fresh
    return found


def measured(package: Path) -> Figures:
    modules = trees(package)
    arrows = imports(modules)
    crossing = {(_room(one), _room(other)) for one, others in arrows.items() for other in others if "." in other}
    sizes = sorted(
        (len(path.read_text(encoding="utf-8").splitlines()), str(path.relative_to(package.parent))) for path in package.rglob("*.py")
    )
    functions = sorted(
        (node.end_lineno - node.lineno + 1, f"{name}.{node.name}")
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    )
    return Figures(
        modules=len(sizes),
        lines=sum(lines for lines, _name in sizes),
        arrows=sum(one != other for one, other in crossing),
        imports=sum(len(others) for others in arrows.values()),
        circles=circles(arrows),
        largest=sizes[-1],
        longest=functions[-1],
    )


def _room(module: str) -> str:
    return module.split(".")[1]


def main(commits: list[str]) -> None:
    if not commits:
        print(measured(ROOT / "drtool"))  # noqa: T201
    for commit in commits:
        with tempfile.TemporaryDirectory() as directory:
            archive = subprocess.run(["git", "archive", commit, "drtool"], cwd=ROOT, check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", directory], input=archive, check=True)
            print(f"{commit}\n{measured(Path(directory) / 'drtool')}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
