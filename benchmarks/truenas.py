"""TrueNAS end to end on the simulated appliance: `python -m benchmarks.truenas` prints tables (benchmarks/README.md explains them)."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import nas_tree, world
from benchmarks.world import World
from tests.rig import zfs
from tests.rig.s3 import S3Server
from tests.rig.truenas import Client, TrueNasServer

GIBIBYTE = 1 << 30
NAMES = ("bench", "bench/home", "bench/media", "bench/odd", "bench/odd/inner")
FLAT = {"extra": {"retrieve_children": False, "properties": []}}


@dataclass(frozen=True)
class Sizes:
    files: int
    gib: float
    rounds: int
    datasets: int


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circle", action="store_true", help="run, change, run, drill from S3, destroy, restore, compare: on real ZFS")
    parser.add_argument("--ratio", action="store_true", help="a run beside bare restic on a fresh clone: on real ZFS")
    parser.add_argument("--many", action="store_true", help="a run of many tiny datasets: on directories")
    parser.add_argument("--files", type=int, default=100_000, help="small files of the circle")
    parser.add_argument("--gib", type=float, default=2.0, help="size of its large file, and of the tree of the ratio")
    parser.add_argument("--rounds", type=int, default=3, help="of the ratio; the median is shown")
    parser.add_argument("--datasets", type=int, default=500, help="how many are many")
    parser.add_argument("--beside", metavar="CHECKOUT", help="an older checkout with its own .venv, whose --many is shown first")
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder")
    given = parser.parse_args(arguments)
    sizes = Sizes(given.files, given.gib, given.rounds, given.datasets)
    chosen = [part for part, wanted in ((circle, given.circle), (ratio, given.ratio), (many, given.many)) if wanted]
    root = Path(tempfile.mkdtemp(prefix="drtool-benchmark-"))
    try:
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start", flush=True)
        if given.beside:
            older(Path(given.beside), sizes, given.restic)
        for number, part in enumerate(chosen or (circle, ratio, many)):
            (root / str(number)).mkdir()
            part(World(root / str(number), given.restic), sizes)
    finally:
        if not given.keep:
            shutil.rmtree(root)
    return 0


def circle(here: World, sizes: Sizes) -> None:
    """Full circle of a recursive set of five datasets."""
    print(f"\nFull circle on real ZFS: {sizes.files} small files, one of {sizes.gib:g} GiB\n{'':52}{'seconds':>10}{'MiB':>12}", flush=True)
    with real_nas(disk=int((8 + 6 * sizes.gib) * GIBIBYTE)) as nas, S3Server() as s3, nas.client() as client:
        datasets = [f"{nas.pool}/{name}" for name in NAMES]
        for name in datasets:
            client.call("pool.dataset.create", {"name": name, "acltype": "POSIX", "aclmode": "DISCARD"})
        places = [nas.path(name) for name in datasets]
        made = timed("make the data", lambda: nas_tree.fill(places, files=sizes.files, large=int(sizes.gib * GIBIBYTE)))
        selector = {"dataset": datasets[0], "recursive": True}
        policy = write_policy(here, nas, {"tree": [selector]}, offsite=s3)
        here.drtool(policy, "init")
        stored(here, "first run, copied off-site", policy, made)
        timed("change 1 %", lambda: nas_tree.change(places))
        stored(here, "second run, copied off-site", policy)
        copies = [here.root / "copies" / str(number) for number in range(len(places))]
        timed("keep a copy to compare with", lambda: nas_tree.keep(places, copies))
        room = nas_tree.holes(places)
        timed("drill from off-site, with a cold cache", lambda: here.drtool(policy, "drill", "quick"))
        shown(here, "   ", ("back in", "checks passed"))
        client.call("pool.dataset.delete", datasets[0], {"recursive": True})
        assert not nas.path(datasets[0]).exists(), "the datasets should be gone"
        timed("restore of what was destroyed", lambda: here.drtool(policy, "restore", "tree", "--yes"))
        shown(here, "   ", ("back in", "checks passed"))
        problems = nas_tree.compare(places, copies)
        row("differences by rsync -aHAXc, getfacl, sha256", str(len(problems)))
        print("".join(f"      {problem}\n" for problem in problems[:20]), end="", flush=True)
        row("room of 256 MiB with holes, before and after, KiB", str(room >> 10), str(nas_tree.holes(places) >> 10))
        os.setxattr(places[3] / "attribute 7", "user.colour", b"red")
        row("control: one attribute changed, differences", str(len(nas_tree.compare(places[3:4], copies[3:4]))))
        here.drtool(policy, "sweep", "--kept", "--yes")
        left = [
            item["id"] for item in client.call("pool.dataset.query", [], FLAT) if "drtool-stage" in item["id"] or ".before-" in item["id"]
        ]
        row("left behind after the sweep", str(len(left) + len(client.call("sharing.nfs.query"))))


def ratio(here: World, sizes: Sizes) -> None:
    """What a run takes beside bare restic on a fresh clone."""
    print(f"\nA run beside bare restic, each on a fresh clone: {sizes.gib:g} GiB, median of {sizes.rounds}, s", flush=True)
    with real_nas(disk=int((4 + 3 * sizes.gib) * GIBIBYTE)) as nas, nas.client() as client:
        full, empty = f"{nas.pool}/full", f"{nas.pool}/empty"
        for name in (full, empty):
            client.call("pool.dataset.create", {"name": name})
        world.make_tree(nas.path(full) / "tree", int(sizes.gib * GIBIBYTE))
        (nas.path(empty) / "file").write_text("next to nothing")
        for name in (full, empty):
            client.call("pool.snapshot.create", {"dataset": name, "name": "bare"})
        ours: dict[str, list[float]] = {full: [], empty: []}
        bare: dict[str, list[float]] = {full: [], empty: []}
        for number in range(1 + sizes.rounds):
            for name in (full, empty):
                tag = f"{name.rpartition('/')[2]}-{number}"
                policy = write_policy(here, nas, {"tree": [{"dataset": name}]}, tag=tag)
                here.drtool(policy, "init")
                here.bare(here.root / f"bare-{tag}", "init")
                works: list[Callable[[], None]] = [
                    lambda name=name, policy=policy: ours[name].append(here.drtool(policy, "run").wall),  # type: ignore[misc]
                    lambda name=name, tag=tag: bare[name].append(bare_run(here, client, nas, name, tag)),  # type: ignore[misc]
                ]
                for work in works if number % 2 == 0 else reversed(works):
                    work()
                for path in (here.root / f"bare-{tag}", here.root / f"near-{tag}", here.root / "cache"):
                    shutil.rmtree(path, ignore_errors=True)
        # Whoever reads first waits for what was just written to reach the disk: that round is not counted.
        mine, theirs = statistics.median(ours[full][1:]), statistics.median(bare[full][1:])
        allowance = statistics.median(ours[empty][1:]) - statistics.median(bare[empty][1:])
        row("drtool", f"{mine:.1f}")
        row("bare restic", f"{theirs:.1f}")
        row("what drtool takes more for next to nothing", f"{allowance:.1f}")
        row("ratio without that", f"{(mine - allowance) / theirs:.2f}")


def bare_run(here: World, client: Client, nas: TrueNasServer, name: str, tag: str) -> float:
    """Return the seconds that bare restic takes for a fresh clone, of which the kernel has read nothing yet: as drtool reads it."""
    clone = f"{name}-clone"
    client.call("pool.snapshot.clone", {"snapshot": f"{name}@bare", "dataset_dst": clone, "dataset_properties": {}})
    seconds = here.bare(here.root / f"bare-{tag}", "backup", str(nas.path(clone))).wall
    client.call("pool.dataset.delete", clone)
    return seconds


def many(here: World, sizes: Sizes) -> None:
    """Many tiny datasets: what each costs."""
    print(f"\n{sizes.datasets} tiny datasets, on directories", flush=True)
    with TrueNasServer() as nas, nas.client() as client:
        top = f"{nas.pool}/many"
        client.call("pool.dataset.create", {"name": top})
        for number in range(sizes.datasets - 1):
            name = f"{top}/set{number:04}"
            client.call("pool.dataset.create", {"name": name})
            (nas.path(name) / "file").write_text(f"{number}\n" * 100)
        here.environment["PATH"] = f"{nas.mount_program}:{os.environ['PATH']}"
        policy = write_policy(here, nas, {"tree": [{"dataset": top, "recursive": True}]})
        here.drtool(policy, "init")
        for words in (("plan", "run"), ("run",)):
            before = Counter(call["method"] for call in nas.calls())
            spent = here.drtool(policy, *words)
            calls = Counter(call["method"] for call in nas.calls()) - before
            verb = " ".join(words)
            row(f"{verb}: seconds, per dataset", f"{spent.wall:.1f}", f"{spent.wall / sizes.datasets:.3f}")
            row(f"{verb}: processor seconds of all, peak MiB", f"{spent.processor:.1f}", f"{spent.peak_mebibytes:.0f}")
            row(f"{verb}: calls, per dataset", str(calls.total()), f"{calls.total() / sizes.datasets:.2f}")
            if verb == "run":
                for method, count in calls.most_common():
                    row(f"   {method}", str(count), f"{count / sizes.datasets:.2f}")
        assert client.call("pool.snapshot.query", [], {"count": True}) == 0, "snapshots were left"
        assert client.call("pool.dataset.query", [["id", "~", ".*drtool-"]], FLAT) == [], "clones were left"


def older(checkout: Path, sizes: Sizes, restic: str) -> None:
    """Show what many datasets cost another checkout, on the appliance that it simulates."""
    print(f"\nBefore: {checkout}", flush=True)
    words = ("-m", "benchmarks.truenas", "--many", "--datasets", str(sizes.datasets), "--restic", restic)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run((str(checkout / ".venv/bin/python"), *words), cwd=checkout, env=environment, check=True)
    print("\nSince:", flush=True)


@contextlib.contextmanager
def real_nas(*, disk: int) -> Iterator[TrueNasServer]:
    """Run an appliance on real ZFS with a sparse disk of so many bytes."""
    options = ("--zfs", "--zfs-programs", zfs.programs(), "--size", f"{disk >> 20}MiB")
    with TrueNasServer(*options, pool=f"bench{os.getpid()}") as nas:
        yield nas


def write_policy(
    here: World, nas: TrueNasServer, sets: dict[str, Sequence[dict[str, object]]], *, offsite: S3Server | None = None, tag: str = ""
) -> Path:
    """Write a policy for an appliance; what it names off-site is a bucket with its keys in the environment."""
    here.environment["PATH"] = f"{nas.mount_program}:{os.environ['PATH']}"
    repositories: dict[str, object] = {"near": {"restic": str(here.root / f"near-{tag}"), "password": f"file:{here.key}"}}
    further: dict[str, object] = {}
    if offsite is not None:
        here.environment |= {f"BENCH_{name}": value for name, value in offsite.environment().items()}
        keys = {name: f"env:BENCH_{name}" for name in offsite.environment()}
        repositories["offsite"] = {
            "restic": offsite.address(f"bench{os.getpid()}"),
            "site": "cloud",
            "password": f"file:{here.key}",
            "environment": keys,
        }
        further = {
            "sandboxes": {"lab": {"lease": "4h", "nas": {"dataset": f"{nas.pool}/drill"}}},
            "drills": {"quick": {"sets": list(sets), "from": "offsite", "sandbox": "lab", "negative_control": False}},
        }
    key = nas.home / "drtool.key"
    source = {"url": nas.url, "user": "drtool", "key": f"file:{key}", "ca": str(nas.certificate), "mounts": str(here.root / "mounts")}
    body = {
        "drtool": 1,
        "name": "benchmark",
        "repositories": repositories,
        "sources": {"nas": {"truenas": source}},
        "defaults": {"to": "near", "keep": {"last": 100}, **({"copies": ["offsite"]} if offsite else {})},
        "sets": {name: {"protect": [{"nas": selector} for selector in selectors]} for name, selectors in sets.items()},
        **further,
    }
    path = here.root / f"policy-{tag}.yaml"
    path.write_text(json.dumps(body))  # JSON is YAML
    return path


def stored(here: World, what: str, policy: Path, read: int = 0) -> None:
    """Run, and tell the seconds and what the near repository grew by."""
    near = here.root / "near-"
    before = size_of(near)
    spent = here.drtool(policy, "run").wall
    row(what, f"{spent:.1f}", f"{(size_of(near) - before) / (1 << 20):.1f}")
    if read:
        row("   of what was read", "", f"{read / (1 << 20):.1f}")


def timed(what: str, work: Callable[[], object]) -> int:
    """Do something and tell how long it took; returns the bytes it tells of, if any."""
    started = time.monotonic()
    result = work()
    size = result if isinstance(result, int) else 0
    row(what, f"{time.monotonic() - started:.1f}", f"{size / (1 << 20):.1f}" if size else "")
    return size


def shown(here: World, start: str, words: Sequence[str]) -> None:
    """Repeat the lines of the last command that have one of these words."""
    for line in (here.root / "output").read_text(errors="replace").splitlines():
        if any(word in line for word in words):
            print(f"{start}{line.strip()}", flush=True)


def row(what: str, first: str, second: str = "") -> None:
    """Print one line of a table."""
    print(f"{what:52}{first:>10}{second:>12}", flush=True)


def size_of(path: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


if __name__ == "__main__":
    sys.exit(main())
