"""A plan of very many workloads, from values in memory: `python -m benchmarks.paper 10000 100000` prints CPU seconds and peak MiB."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drtool.app.composition import KINDS
from drtool.model.identifier import identifier
from drtool.model.inventory import Inventory, Listing, SetInventory
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Address, BackupSet, CopyPolicy, Policy, Protect, RepositoryPolicy, Retention, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.model.workload import Workload
from drtool.planning.backup import plan_run
from drtool.policy.load import load

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
IN_A_SET = 100
KEEP = Retention(last=3, daily=14, weekly=8, monthly=12, verified=3)


def plan(*, workloads: int, points: int) -> tuple[float, float]:
    """Plan in a process of its own; returns its CPU seconds for the plan alone and its peak memory in MiB, values included."""
    command = [sys.executable, "-m", "benchmarks.paper", str(workloads), str(points)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).resolve().parent.parent)
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["mebibytes"]


def load_sets(count: int) -> float:
    """Read a policy of so many sets anew, with no cache; returns the CPU seconds of a process of its own for that."""
    command = [sys.executable, "-m", "benchmarks.paper", "load", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).resolve().parent.parent)
    return float(json.loads(done.stdout)["seconds"])


def _load(count: int) -> None:
    head = 'drtool: 1\nname: t\nrepositories: {near: {restic: /srv/near, password: "file:/etc/key"}}\nsources: {here: {files: {}}}\nsets:\n'
    line = "  s{0}: {{protect: [{{here: {{paths: [/srv/{0}]}}}}], to: near, keep: {{last: 3}}}}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text(head + "".join(line.format(number) for number in range(count)), encoding="utf-8")
        started = time.process_time()
        made = load((str(path),), KINDS)
        seconds = time.process_time() - started
    assert len(made.sets) == count
    print(json.dumps({"seconds": seconds}))


def main(workloads: int, points: int) -> None:
    policy, inventory = _world(workloads, points)
    fresh = {name: f"FRESH-{name}" for name in policy.sets}
    started = time.process_time()
    made = plan_run(policy, inventory, sets=tuple(policy.sets), now=NOW, run="R1", points=fresh)
    seconds = time.process_time() - started
    assert len([step for step in made.steps if "/store/" in step.id]) == workloads
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mebibytes": peak, "steps": len(made.steps)}))


def _world(workloads: int, points: int) -> tuple[Policy, Inventory]:
    count = max(1, workloads // IN_A_SET)
    names = [f"set-{number:04}" for number in range(count)]
    shares = [workloads // count + (number < workloads % count) for number in range(count)]
    sets = {
        name: BackupSet(name=name, protect=(Protect("here"),), to="near", keep=KEEP, copies=(CopyPolicy("offsite", KEEP),))
        for name in names
    }
    found = {
        name: SetInventory(name, tuple(_workload(name, each) for each in range(share))) for name, share in zip(names, shares, strict=True)
    }
    repositories = {
        name: RepositoryPolicy(name=name, address=Address(name, SecretReference("env", "PASSWORD")), site=name)
        for name in ("near", "offsite")
    }
    policy = Policy("benchmark", "here", repositories, {"here": SourcePolicy("here", "files", "here")}, sets)
    each = points // 2 // count
    listed = tuple(_point(name, age) for name in names for age in range(each))
    listings = {name: Listing(repository=name, taken=NOW, points=listed) for name in repositories}
    return policy, Inventory(taken=NOW, sets=found, repositories=listings)


def _workload(set_name: str, number: int) -> Workload:
    return Workload(name=f"here:/{set_name}/{number}", source="here", kind="files", selector={"path": f"/{set_name}/{number}"})


def _point(set_name: str, age: int) -> RecoveryPoint:
    instant = NOW - timedelta(hours=age + 1)
    name = identifier(int(instant.timestamp() * 1000), set_name.encode().rjust(10, b"0"))
    return RecoveryPoint(
        point=name,
        set=set_name,
        by="benchmark",
        run=name,
        instant=instant,
        complete=True,
        bytes=1 << 30,
        files=1000,
        members=IN_A_SET,
        digest="d" * 64,
        manifest=f"{age:064}",
        sealed=instant,
    )


if __name__ == "__main__" and sys.argv[1] == "load":
    _load(int(sys.argv[2]))
elif __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
