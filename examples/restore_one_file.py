"""Bring one file or folder back beside what is in service: restore_one_file.py POLICY SET PATH DIRECTORY."""

from __future__ import annotations

import sys

from drtool import open_policy
from drtool.model.outcome import Outcome
from drtool.model.plan import Destination
from drtool.planning.restore import RestoreRequest


def main(policy: str, set_name: str, path: str, directory: str) -> int:
    """Restore `path` of the newest complete point; it lies at DIRECTORY/SOURCE/PATH afterwards and nothing else is touched."""
    app = open_policy(policy)
    request = RestoreRequest(sets=(set_name,), paths=(path,), destination=Destination("directory", path=directory))
    plan = app.plan_restore(request)
    for note in plan.notes:
        print(note)
    report = app.restore(plan)
    print(f"{report.outcome}: {path} is below {directory}")
    return 0 if report.outcome is Outcome.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
