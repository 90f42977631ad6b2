"""What an audit of locks costs: `python -m benchmarks.immutable` (benchmarks/README.md explains it)."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.s3_pages import indexes
from drtool.catalog.known_locks import known_locks
from drtool.engine.clock import SystemClock
from drtool.engine.immutable.audit import audit
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.repositories.s3.store import S3Store

ROOT = Path(__file__).resolve().parent.parent


class Index:
    """Tells of packs as restic would; made of arithmetic, and not counted."""

    name = "off"

    def __init__(self, count: int) -> None:
        self.files = indexes(count)

    def packs_in(self, index: str) -> Iterator[str]:
        yield from self.files[index]

    def unsound(self, point: str = "") -> str:
        return point and ""


class Secrets:
    def resolve(self, reference: SecretReference) -> Secret:
        return Secret(reference.value)


def once(port: int, count: int, state: str) -> dict[str, float]:
    """Audit once in this process, and say what it cost."""
    index, clock = Index(count), SystemClock()
    keys = {name: SecretReference("env", "benchmark") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    policy = RepositoryPolicy("off", Address(f"s3:http://127.0.0.1:{port}/bucket/dr", SecretReference("env", "X"), keys), "home")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.monotonic()
    with closing(S3Store(policy, secrets=Secrets(), clock=clock)) as store, known_locks(state, "off", now=clock.now()) as known:
        found = audit(store, index, known, clock=clock, promised=timedelta(days=30))
    seconds = time.monotonic() - started
    assert not found.attention, found.attention
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "requests": found.requests,
        "locks": found.asked,
        "needed": found.needed,
        "mebibytes": peak,
        "before": before,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=200_000, help="packs in the bucket")
    options.add_argument("--once", nargs=2, metavar=("PORT", "STATE"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.once:
        print(json.dumps(once(int(given.once[0]), given.objects, given.once[1])))
        return
    with tempfile.TemporaryDirectory(prefix="drtool-benchmark-") as state:
        argv = [sys.executable, "-m", "benchmarks.s3_pages", str(given.objects)]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            print(f"{'':14}{'objects':>9}{'requests':>10}{'locks asked':>13}{'seconds':>9}{'peak MiB':>10}{'of that the benchmark':>23}")
            for name in ("first audit", "second audit"):
                again = [sys.executable, "-m", "benchmarks.immutable", f"--objects={given.objects}", "--once", port, state]
                cost = json.loads(subprocess.run(again, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
                row = f"{cost['needed']:9.0f}{cost['requests']:10.0f}{cost['locks']:13.0f}{cost['seconds']:9.1f}"
                print(f"{name:14}{row}{cost['mebibytes']:10.0f}{cost['before']:23.0f}", flush=True)
            print(f"what is remembered: {sum(each.stat().st_size for each in Path(state).rglob('*') if each.is_file()) / 2**20:.0f} MiB")
            server.terminate()


if __name__ == "__main__":
    main()
