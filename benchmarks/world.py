"""What the benchmarks run on: trees, a policy, a restic that logs its calls, and clocks for child processes."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
SMALL_FILES = 200


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall and of the processors, and peak memory in MiB, of one command and its children."""

    wall: float
    processor: float
    peak_mebibytes: float


class World:
    """One temporary folder: key, cache, state, and a restic wrapper whose calls are counted."""

    def __init__(self, root: Path, restic: str = "restic") -> None:
        self.root = root
        self.restic = shutil.which(restic) or restic
        self.key = root / "key"
        self.key.touch(mode=0o600)
        self.key.write_text("only for measuring")
        self.calls_log = root / "calls"
        self.wrapper = root / "restic-that-logs"
        self.wrapper.write_text(f'#!/bin/sh\necho "$*" >>"{self.calls_log}"\nexec "{self.restic}" "$@"\n')
        self.wrapper.chmod(0o755)
        self._output = root / "output"
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root),
            "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
            "XDG_CACHE_HOME": str(root / "cache"),
            "DRTOOL_STATE_DIR": str(root / "state"),
            "RESTIC_PASSWORD_FILE": str(self.key),
        }

    def drtool(self, policy: Path, *words: str, counted: bool = False, accept: Sequence[int] = (0,)) -> Timing:
        """Measure one call of the command line; it must end with one of the codes in `accept`."""
        program = self.wrapper if counted else self.restic
        return self.measure([sys.executable, "-m", "drtool.cli.main", "--policy", str(policy), "--restic", str(program), *words], accept)

    def bare(self, repository: Path, *words: str) -> Timing:
        """Measure one call of bare restic."""
        return self.measure([self.restic, "-q", "-r", str(repository), *words])

    def measure(self, command: Sequence[str], accept: Sequence[int] = (0,)) -> Timing:
        """Run to the end; the peak is that of the command itself, not of its children."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        with self._output.open("wb") as output:
            child = subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT, cwd=self.root)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        if child.returncode not in accept:
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{self.output()}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Timing(wall, processor, usage.ru_maxrss / 1024)

    def output(self) -> str:
        """Return what the command printed that was measured last."""
        return self._output.read_text(errors="replace")

    def calls(self) -> list[str]:
        """Return the restic calls since the last time this was asked."""
        lines = self.calls_log.read_text().splitlines() if self.calls_log.exists() else []
        self.calls_log.unlink(missing_ok=True)
        return lines

    def policy(self, name: str, repository: Path, sets: Mapping[str, Sequence[Path]], **further: object) -> Path:
        """Write a policy that protects paths, by set, in one repository; `further` are more of its keys."""
        path = self.root / f"{name}.yaml"
        body = {
            "drtool": 1,
            "name": "benchmark",
            "repositories": {"near": {"restic": str(repository), "password": f"file:{self.key}"}},
            "sources": {"here": {"files": {}}},
            "defaults": {"to": "near", "keep": {"last": 100}},
            "sets": {each: {"protect": [{"here": {"paths": [str(item) for item in paths]}}]} for each, paths in sets.items()},
            **further,
        }
        path.write_text(json.dumps(body))  # JSON is YAML
        return path


def make_tree(path: Path, size: int, *, seed: int = 0, largest: int = 64 * CHUNK) -> int:
    """Fill a new folder with about `size` bytes, half of which compress, in files of up to `largest`; returns the bytes."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    path.mkdir(parents=True)
    written = number = 0
    while written < size:
        wanted = min(largest, size - written)
        with (path / f"file {number}").open("wb") as stream:
            while stream.tell() < wanted:
                stream.write((chance.randbytes(CHUNK // 2) + bytes(CHUNK // 2))[: wanted - stream.tell()])
        written += wanted
        number += 1
    return written


def make_small_trees(root: Path, count: int) -> list[Path]:
    """Make folders with a handful of small files each."""
    paths = []
    for number in range(count):
        path = root / f"workload {number:03}"
        path.mkdir(parents=True)
        for each in range(5):
            (path / f"file {each}").write_text(f"{number} {each}\n" * SMALL_FILES)
        paths.append(path)
    return paths
