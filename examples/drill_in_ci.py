"""Prove in a pipeline that backups come back in time: drill_in_ci.py POLICY DRILL; exits 0 only when every check passed."""

from __future__ import annotations

import sys

from drtool import open_policy
from drtool.model.outcome import Outcome


def main(policy: str, drill: str) -> int:
    """Carry a drill out (or one of a set, by its name) and print the recovery time of each set against its objective."""
    report = open_policy(policy).drill([drill])
    for entry in report.sets:
        print(f"{entry.set}: {entry.outcome}, {entry.checks_passed} of {entry.checks_planned} checks passed")
        objective = entry.objective
        if objective is not None and objective.rto_seconds is not None:
            print(f"  back in {objective.rto_seconds:.1f} s, promised {objective.rto_objective_seconds} s")
    tested = all(entry.checks_planned > 0 and entry.checks_passed == entry.checks_planned for entry in report.sets)
    return 0 if report.outcome is Outcome.SUCCEEDED and report.sets and tested else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
