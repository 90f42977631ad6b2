"""How good forecasts are: `python -m benchmarks.forecast` prints each restore beside its forecast (benchmarks/README.md explains it)."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import world
from benchmarks.world import World

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Tree:
    """One set: about so many bytes in so many files."""

    mebibytes: float
    files: int

    @property
    def name(self) -> str:
        return f"m{self.mebibytes:g}-f{self.files}".replace(".", "x")


MEASURED = (Tree(2, 4), Tree(16, 4000), Tree(32, 100), Tree(128, 20), Tree(256, 8000), Tree(512, 16))
FORECAST = (
    Tree(3, 1),
    Tree(4, 1000),
    Tree(8, 8),
    Tree(24, 24),
    Tree(48, 6000),
    Tree(64, 4),
    Tree(96, 2000),
    Tree(160, 10),
    Tree(192, 5000),
    Tree(288, 300),
    Tree(384, 12),
    Tree(448, 10000),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes and numbers of files")
    parser.add_argument("--measured", type=int, default=len(MEASURED), help="so many trees are measured first")
    parser.add_argument("--forecast", type=int, default=len(FORECAST), help="so many others are forecast")
    parser.add_argument("--restic", default="restic")
    given = parser.parse_args(arguments)
    measured, others = MEASURED[: given.measured], FORECAST[: given.forecast]
    root = Path(tempfile.mkdtemp(prefix="drtool-benchmark-"))
    try:
        here = World(root, given.restic)
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start", flush=True)
        policy = _prepare(here, (*measured, *others), given.scale)
        for tree in measured:
            _restore(here, policy, tree)
        print(f"{len(measured)} restores and {len(measured)} drills measured; now forecast, then carried out:", flush=True)
        print(f"{'tree':16}{'cache':>6}{'forecast, s':>14}{'p90, s':>10}{'took, s':>10}{'error':>8}", flush=True)
        for tree in others:
            _restore(here, policy, tree)
            for each in (each for each in _past(here, policy, others) if each["set"] == tree.name):
                error = abs(each["p50_seconds"] - each["real_seconds"]) / each["real_seconds"]
                cache = "cold" if each["verb"] == "drill" else "warm"
                times = f"{each['p50_seconds']:14.2f}{each['p90_seconds']:10.2f}{each['real_seconds']:10.2f}"
                print(f"{tree.name:16}{cache:>6}{times}{error:8.0%}", flush=True)
        _sum_up(_past(here, policy, others))
        looked = here.drtool(policy, "status")
        print(f"`drtool status` of {len(measured) + len(others)} sets with all of this, CPU ms: {looked.processor * 1000:.0f}")
    finally:
        shutil.rmtree(root)
    return 0


def _prepare(here: World, trees: Sequence[Tree], scale: float) -> Path:
    sets = {}
    for number, tree in enumerate(trees):
        path = here.root / "trees" / tree.name
        size, files = int(tree.mebibytes * scale * MEBIBYTE), max(1, int(tree.files * scale))
        world.make_tree(path, max(size, files), seed=number, largest=max(1, size // files))
        sets[tree.name] = [path]
    lab = {"lease": "1h", "here": {"directory": str(here.root / "sandbox")}}
    policy = here.policy("forecast", here.root / "repository", sets, sandboxes={"lab": lab})
    here.drtool(policy, "init")
    here.drtool(policy, "run")
    return policy


def _restore(here: World, policy: Path, tree: Tree) -> None:
    back = here.root / "back"
    here.drtool(policy, "restore", tree.name, "--to", "directory", str(back), "--yes")
    shutil.rmtree(back)
    here.drtool(policy, "drill", tree.name)


def _past(here: World, policy: Path, trees: Sequence[Tree]) -> list[Any]:
    here.drtool(policy, "forecast", *(tree.name for tree in trees), "--json", accept=(0, 1))
    past: list[Any] = json.loads((here.root / "output").read_text())["past"]
    return past


def _sum_up(past: list[Any]) -> None:
    for cache, verb in (("warm", "restore"), ("cold", "drill")):
        errors = [abs(each["p50_seconds"] - each["real_seconds"]) / each["real_seconds"] for each in past if each["verb"] == verb]
        within = sum(each["real_seconds"] <= each["p90_seconds"] for each in past if each["verb"] == verb)
        words = f"median {statistics.median(errors):.0%}, worst {max(errors):.0%}" if errors else "none"
        print(f"error of the p50, {cache}: {words}; {within} of {len(errors)} within the p90", flush=True)


if __name__ == "__main__":
    sys.exit(main())
