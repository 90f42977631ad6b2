"""Many hosts on one repository: `python -m benchmarks.hosts` lets them work side by side and counts (benchmarks/README.md explains it)."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.many_hosts import KEEP, Host, Repository, Sealed

_KILL_WITHIN_SECONDS = 6.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="so long they work side by side")
    parser.add_argument("--hosts", type=int, default=3, help="2 at least")
    parser.add_argument("--one-in", type=int, default=6, help="of so many turns of a host one is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--restic", default="restic")
    given = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="drtool-benchmark-"))
    try:
        hosts, repository = _prepare(root, given.hosts, shutil.which(given.restic) or given.restic, given.seed)
        _work(hosts, one_in=given.one_in, until=time.monotonic() + given.minutes * 60)
        problems = _end(hosts, repository, root)
    finally:
        shutil.rmtree(root)
    for problem in problems:
        print(f"WRONG: {problem}", flush=True)
    return 1 if problems else 0


def _prepare(root: Path, count: int, restic: str, seed: int) -> tuple[list[Host], Repository]:
    key = root / "key"
    key.touch(mode=0o600)
    key.write_text("only for measuring\n")
    repository = Repository(root / "shared", key, restic, root)
    hosts = []
    for number in range(count):
        # The last one has a policy name of its own, all others a copied one: machines are told apart by more than a name.
        name = "house" if number < max(2, count - 1) else "elsewhere"
        folder = root / f"host {number}"
        folder.mkdir()
        hosts.append(Host(number, name, folder, repository, random.Random(seed * 1000 + number)))  # noqa: S311 - repeatable, not secret
    hosts[0].insist("init")
    for host in hosts:
        host.insist("run")
        host.note()
    return hosts, repository


def _work(hosts: list[Host], *, one_in: int, until: float) -> None:
    def works(host: Host) -> None:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            try:
                host.turn(kill_within=_KILL_WITHIN_SECONDS if turn % one_in == host.number % one_in else 0.0)
            except Exception as error:  # noqa: BLE001 - told at the end, beside what was counted
                host.errors.append(f"host {host.number}: {error!r}")
                return

    threads = [threading.Thread(target=works, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _end(hosts: list[Host], repository: Repository, root: Path) -> list[str]:
    """Let each host run once more, undisturbed, judge what is there by bare restic, and print the table."""
    for host in hosts:
        host.grow()
        host.insist("run")
        host.note()
    problems = [error for host in hosts for error in host.errors]
    there = repository.sealed()
    print(f"{'host':8}{'policy':12}{'verb':10}{'ended':>18}{'times':>8}")
    for host in hosts:
        for (verb, code), times in sorted(host.codes.items()):
            print(f"{host.number:<8}{host.name:12}{verb:10}{code:>18}{times:8}")
    total: Counter[str] = Counter()
    for host in hosts:
        total.update({verb: times for (verb, code), times in host.codes.items() if code == "0"})
    ended = sum(total.values())
    print(f"succeeded: {ended} calls: " + ", ".join(f"{times} {verb}" for verb, times in sorted(total.items())))
    print(f"killed: {sum(host.kills for host in hosts)}; refused for a lock and tried again: {sum(host.waited for host in hosts)}")
    print(f"errors: {sum(len(host.errors) for host in hosts)}")
    lost = _lost(hosts, there, repository, root / "back")
    problems += lost
    expected = sum(len(host.expected()) for host in hosts)
    print(f"points sealed: {sum(len(host.seen) for host in hosts)}; to be kept by `last: {KEEP}`: {expected}; lost: {len(lost)}")
    problems += _too_many(hosts, there)
    checked = repository.call("check", "--read-data")
    print(f"restic check --read-data: {'no errors were found' if checked.returncode == 0 else 'ERRORS'}")
    problems += [f"restic check: {checked.stdout}{checked.stderr}"] if checked.returncode else []
    problems += _looks(hosts, there)
    return problems + _taken_over(hosts, there)


def _lost(hosts: list[Host], there: dict[str, Sealed], repository: Repository, back: Path) -> list[str]:
    """Restore everything that has to be there by bare restic, and compare it with what the trees held."""
    problems = []
    for host in hosts:
        for name in sorted(host.expected()):
            point = there.get(name)
            if point is None:
                problems.append(f"point {name} of host {host.number} is not listed")
                continue
            if not point.data:
                problems.append(f"point {name} of host {host.number} has no data")
                continue
            for snapshot in point.data:
                done = repository.call("restore", snapshot, "--target", str(back))
                if done.returncode:
                    problems.append(f"point {name} of host {host.number} does not restore: {done.stderr}")
            wanted = {path: digest for path, digest in host.stored[name].items() if path.startswith(f"{host.tree / point.set}/")}
            found = _found(back, wanted)
            if found != wanted:
                problems.append(
                    f"point {name} of host {host.number} came back otherwise: {sorted(set(wanted.items()) ^ set(found.items()))[:3]}"
                )
            shutil.rmtree(back, ignore_errors=True)
    return problems


def _found(back: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Return what was restored, by the path it had: restic leaves the folders above or not, as it was called."""
    by_name = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in back.rglob("*") if path.is_file()}
    return {path: by_name[Path(path).name] for path in wanted if Path(path).name in by_name}


def _too_many(hosts: list[Host], there: dict[str, Sealed]) -> list[str]:
    """Each host forgets its own: what is left is what `keep` counts, and at most the newest verified ones beside that."""
    kept = {name for host in hosts for name in host.expected() | host.read}
    return [f"point {name} of machine {there[name].machine} is still there" for name in sorted(set(there) - kept)]


def _looks(hosts: list[Host], there: dict[str, Sealed]) -> list[str]:
    """Ask each host what it sees: its own as its own, those of its name as others', as bare restic lists them."""
    problems = []
    for host in hosts:
        answer = json.loads(host.call("points", "--refresh", "--json")[1])
        own = {each["point"]["point"] for each in answer["points"]}
        if own != host.left(there):
            problems.append(f"host {host.number} lists {len(own)} points as its own, and {len(host.left(there))} are")
        others = {each["point"]["point"] for each in answer["others"]}
        known = {name for each in hosts if each is not host and each.name == host.name for name in each.left(there)}
        if others != known:
            problems.append(f"host {host.number} sees {len(others)} points of others in its name, and {len(known)} are")
    return problems


def _taken_over(hosts: list[Host], there: dict[str, Sealed]) -> list[str]:
    """Lose the state of the second host, and let the first, which has its policy's name, take it over."""
    first, gone = hosts[:2]
    machine, expected = gone.machine, gone.left(there)
    shutil.rmtree(gone.root / "state")
    first.insist("adopt", machine, "--yes")
    own = {each["point"]["point"] for each in json.loads(first.call("points", "--refresh", "--json")[1])["points"]}
    print(
        f"host {gone.number} is gone and taken over by host {first.number}: {len(own & expected)} of its {len(expected)} points count there"
    )
    missing = sorted((expected | first.expected()) - own)
    assert expected <= set(there)
    return [f"point {name} does not count after the adoption" for name in missing]


if __name__ == "__main__":
    sys.exit(main())
