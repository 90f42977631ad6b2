"""How fast drtool is beside bare restic: `python -m benchmarks.speed` prints one table (benchmarks/README.md explains it)."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import paper, plant, world
from benchmarks.world import World

GIBIBYTE = 1 << 30
ALLOWANCE_SECONDS = 2.0
"""What drtool may take for itself, whatever the size; a ratio is (drtool - this) / bare."""


_SETS = 2000
"""Of a policy that is read without its cache."""


@dataclass(frozen=True)
class Sizes:
    gib: float
    rounds: int
    workloads: int
    restored: int
    points: int
    paper_workloads: int
    paper_points: int


@dataclass(frozen=True)
class Row:
    what: str
    drtool: str
    bare: str = ""
    ratio: str = ""


def main(arguments: list[str] | None = None) -> int:
    sizes, restic, keep = _read(arguments)
    root = Path(tempfile.mkdtemp(prefix="drtool-benchmark-"))
    try:
        here = World(root, restic)
        print(
            f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start, {sizes.gib:g} GiB, median of {sizes.rounds}",
            flush=True,
        )
        print(f"{'':58}{'drtool':>16}{'bare restic':>16}{'ratio':>8}", flush=True)
        for row in _rows(here, sizes):
            print(f"{row.what:58}{row.drtool:>16}{row.bare:>16}{row.ratio:>8}", flush=True)
    finally:
        if not keep:
            shutil.rmtree(root)
    return 0


def _rows(here: World, sizes: Sizes) -> Iterator[Row]:
    yield from _big_tree(here, sizes)
    yield from _many_workloads(here, sizes)
    yield from _many_restored(here, sizes)
    yield from _one_file(here, sizes)
    yield from _cold_and_many_points(here, sizes)
    yield from _on_paper(sizes)


def _big_tree(here: World, sizes: Sizes) -> Iterator[Row]:
    tree = here.root / "tree"
    world.make_tree(tree, int(sizes.gib * GIBIBYTE))
    ours: dict[str, list[float]] = {"run": [], "restore": []}
    theirs: dict[str, list[float]] = {"run": [], "restore": []}
    synced: dict[str, list[float]] = {"restore": []}
    for number in range(sizes.rounds):
        mine, bare = here.root / f"mine-{number}", here.root / f"bare-{number}"
        policy = here.policy(f"tree-{number}", mine, {"tree": [tree]})
        here.drtool(policy, "init")
        here.bare(bare, "init")
        back, bare_back = here.root / "back", here.root / "bare-back"

        def run(policy: Path = policy) -> None:
            ours["run"].append(here.drtool(policy, "run").wall)

        def bare_run(bare: Path = bare) -> None:
            theirs["run"].append(here.bare(bare, "backup", str(tree)).wall)

        def restore(policy: Path = policy, back: Path = back) -> None:
            ours["restore"].append(here.drtool(policy, "restore", "tree", "--to", "directory", str(back), "--yes").wall)

        def bare_restore(bare: Path = bare, back: Path = bare_back) -> None:
            restored = here.bare(bare, "restore", "latest", "--target", str(back)).wall
            theirs["restore"].append(restored)
            synced["restore"].append(restored + here.measure(["sync", "-f", str(back)]).wall)

        _alternate(number, run, bare_run)
        _alternate(number, restore, bare_restore)
        for path in (mine, bare, back, bare_back, here.root / "cache"):
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(tree)
    for verb, words in (("run", "first backup of the tree, s"), ("restore", "restore of the tree with its checks, s")):
        yield _compared(words, statistics.median(ours[verb]), statistics.median(theirs[verb]))
    yield _compared(
        "   the same, bare restic and a sync behind it", statistics.median(ours["restore"]), statistics.median(synced["restore"])
    )


def _many_workloads(here: World, sizes: Sizes) -> Iterator[Row]:
    paths = world.make_small_trees(here.root / "small", sizes.workloads)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(sizes.rounds):
        mine, bare = here.root / f"small-{number}", here.root / f"small-bare-{number}"
        policy = here.policy(f"small-{number}", mine, {"small": paths})
        here.drtool(policy, "init")
        here.bare(bare, "init")

        def run(policy: Path = policy) -> None:
            ours.append(here.drtool(policy, "run").wall)

        def loop(bare: Path = bare) -> None:
            script = 'for path do "$RESTIC" -q -r "$REPOSITORY" backup "$path" || exit 1; done'
            command = ["env", f"RESTIC={here.restic}", f"REPOSITORY={bare}", "sh", "-c", script, "loop", *map(str, paths)]
            theirs.append(here.measure(command).wall)

        _alternate(number, run, loop)
    yield _compared(f"{len(paths)} small workloads / a shell loop, s", statistics.median(ours), statistics.median(theirs))
    for count in dict.fromkeys((1, min(10, len(paths)), len(paths))):
        repository = here.root / f"calls-{count}"
        policy = here.policy(f"calls-{count}", repository, {"small": paths[:count]})
        here.drtool(policy, "init")
        here.calls()
        here.drtool(policy, "run", counted=True)
        yield Row(f"restic calls for a set of {count}", str(len(here.calls())), str(count))


def _many_restored(here: World, sizes: Sizes) -> Iterator[Row]:
    """Put many small folders that lie in one folder back into service, all of them and a tenth of them: what each costs does not grow."""
    paths = world.make_small_trees(here.root / "restored", sizes.restored)
    bare = here.root / "restored-bare"
    here.bare(bare, "init")
    script = 'for path do "$RESTIC" -q -r "$REPOSITORY" {} || exit 1; done'
    looped = ["env", f"RESTIC={here.restic}", f"REPOSITORY={bare}", "sh", "-c"]
    here.measure([*looped, script.format('backup "$path"'), "loop", *map(str, paths)])
    for count in dict.fromkeys((max(1, len(paths) // 10), len(paths))):
        repository = here.root / f"restored-{count}"
        policy = here.policy(f"restored-{count}", repository, {"small": paths[:count]})
        here.drtool(policy, "init")
        here.drtool(policy, "run")
        ours: list[float] = []
        theirs: list[float] = []

        def restore(policy: Path = policy, ours: list[float] = ours) -> None:
            ours.append(here.drtool(policy, "restore", "small", "--yes").wall)

        def loop(count: int = count, theirs: list[float] = theirs) -> None:
            words = (
                script.format(f'restore latest --path "$path" --target "{here.root}/restored-back"')
                + f'; sync -f "{here.root}/restored-back"'
            )
            theirs.append(here.measure([*looped, words, "loop", *map(str, paths[:count])]).wall)

        for number in range(sizes.rounds):
            _alternate(number, restore, loop)
        yield _compared(f"restore of {count} workloads in place / a loop and a sync, s", statistics.median(ours), statistics.median(theirs))


def _one_file(here: World, sizes: Sizes) -> Iterator[Row]:
    """Drill a set of one file, and call a timer's verb when nothing is due: what is left is what drtool needs for itself."""
    tree, sandbox = here.root / "one-file", here.root / "one-file-drilled"
    tree.mkdir()
    (tree / "file").write_text("the only one\n")
    sandbox.mkdir()
    policy = here.policy(
        "one-file",
        here.root / "one-file-points",
        {"one": [tree]},
        sandboxes={"lab": {"here": {"directory": str(sandbox)}}},
        drills={"proof": {"sets": ["one"], "from": "near", "sandbox": "lab", "schedule": "0 3 1 1 *"}},
    )
    here.drtool(policy, "init")
    here.drtool(policy, "run")
    verdicts: list[float] = []
    whole: list[float] = []
    idle: list[float] = []
    here.drtool(policy, "drill", "--due")
    here.calls()
    for _ in range(sizes.rounds):
        whole.append(here.drtool(policy, "drill", "proof", "--json").wall)
        report = json.loads(here.output()[here.output().index("{\n") :])
        verdicts.append(report["sets"][0]["objective"]["rto_seconds"])
        idle.append(here.drtool(policy, "drill", "--due", counted=True).processor)
    yield Row("drill of one file, declaration to verdict, s", f"{statistics.median(verdicts):.1f}")
    yield Row("   the whole call, s", f"{statistics.median(whole):.1f}")
    yield Row("`drtool drill --due` when nothing is, CPU ms", f"{statistics.median(idle) * 1000:.0f}")
    yield Row("   its restic calls", str(len(here.calls())))


def _cold_and_many_points(here: World, sizes: Sizes) -> Iterator[Row]:
    repository = here.root / "points"
    (path,) = world.make_small_trees(here.root / "one", 1)
    policy = here.policy("points", repository, {"one": [path]})
    here.drtool(policy, "init")
    here.drtool(policy, "run")
    usage = here.drtool(policy, "--help")
    yield Row("`drtool --help`, CPU ms", f"{usage.processor * 1000:.0f}")
    plant.plant_points(here, repository, sizes.points)
    here.calls()
    rebuilt = here.drtool(policy, "rebuild", counted=True)
    listings = [call for call in here.calls() if "snapshots" in call.split()]
    yield Row(f"`drtool rebuild` of {sizes.points} points, s", f"{rebuilt.wall:.1f}")
    yield Row("   its listing calls", str(len(listings)))
    looked = here.drtool(policy, "status")
    yield Row(f"`drtool status` with {sizes.points} points, CPU ms", f"{looked.processor * 1000:.0f}")
    yield Row("   its peak memory, MiB", f"{looked.peak_mebibytes:.0f}")


def _on_paper(sizes: Sizes) -> Iterator[Row]:
    seconds, peak = paper.plan(workloads=sizes.paper_workloads, points=sizes.paper_points)
    yield Row(f"plan of {sizes.paper_workloads} workloads, {sizes.paper_points} points, CPU s", f"{seconds:.2f}")
    yield Row(f"a policy of {_SETS} sets read anew, CPU s", f"{paper.load_sets(_SETS):.2f}")
    yield Row("   peak memory of that process, MiB", f"{peak:.0f}")


def _alternate(number: int, first: Callable[[], None], second: Callable[[], None]) -> None:
    """Who comes second finds warmer pages: they take turns."""
    for work in (first, second) if number % 2 == 0 else (second, first):
        work()


def _compared(what: str, ours: float, theirs: float) -> Row:
    ratio = max(0.0, ours - ALLOWANCE_SECONDS) / theirs
    return Row(what, f"{ours:.1f}", f"{theirs:.1f}", f"{ratio:.2f}")


def _read(arguments: list[str] | None) -> tuple[Sizes, str, bool]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=4.0, help="size of the tree")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the median is shown")
    parser.add_argument("--workloads", type=int, default=50)
    parser.add_argument("--restored", type=int, default=100, help="workloads of one folder that are put back into service")
    parser.add_argument("--points", type=int, default=5000, help="points in the repository for rebuild and status")
    parser.add_argument("--paper-workloads", type=int, default=10_000)
    parser.add_argument("--paper-points", type=int, default=100_000)
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder")
    given = parser.parse_args(arguments)
    sizes = Sizes(given.gib, given.rounds, given.workloads, given.restored, given.points, given.paper_workloads, given.paper_points)
    return sizes, given.restic, given.keep


if __name__ == "__main__":
    sys.exit(main())
