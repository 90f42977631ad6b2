"""Back sets up and say how it went: run_and_report.py POLICY [SET…]; exits 0 only when everything succeeded."""

from __future__ import annotations

import sys

from drtool import open_policy
from drtool.model.outcome import Outcome


def main(policy: str, *sets: str) -> int:
    """Run a backup of the named sets, or of all, and print a line for each; errors are those of `drtool.model.errors`."""
    report = open_policy(policy).run(sets)
    for entry in report.sets:
        print(f"{entry.set}: {entry.outcome}, point {entry.point or 'none'}, {entry.files} files, {entry.bytes} bytes")
        for workload, reason in entry.missing.items():
            print(f"  missing {workload}: {reason}")
    for step in report.steps:
        if step.failure is not None:
            print(f"  {step.id}: {step.failure.what}; next: {step.failure.hint}")
    return 0 if report.outcome is Outcome.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
