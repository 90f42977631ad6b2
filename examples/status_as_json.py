"""Print how every set stands as one JSON object by set name: status_as_json.py POLICY; exits 1 when one needs attention."""

from __future__ import annotations

import json
import sys

from drtool import open_policy


def main(policy: str) -> int:
    """Ask the repositories and print age, copies and proof of every set; ages are in seconds, None is not measured."""
    view = open_policy(policy).status(refresh=True)
    print(
        json.dumps(
            {
                entry.set: {
                    "point": entry.point,
                    "age_seconds": entry.age_seconds,
                    "rpo_met": entry.rpo_met,
                    "rto_met": entry.rto_met,
                    "copies": entry.copies,
                    "attention": entry.attention,
                }
                for entry in view.sets
            },
            indent=2,
        )
    )
    return 1 if any(entry.attention for entry in view.sets) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
