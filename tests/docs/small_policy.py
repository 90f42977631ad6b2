"""A policy of one set with a copy and a sandbox, all on this disk, and the tree it protects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

TEXT = "the quick brown fox\n"


@dataclass(frozen=True)
class SmallPolicy:
    """Where everything lies."""

    path: Path
    tree: Path
    near: Path
    offsite: Path
    key: Path


def make_small_policy(root: Path) -> SmallPolicy:
    """Write it; the key exists already, so that bare restic can use it too."""
    made = SmallPolicy(root / "policy.yaml", root / "documents", root / "near", root / "offsite", root / "key")
    made.key.touch(mode=0o600)
    made.key.write_text("a key for this test only\n")
    (made.tree / "letters").mkdir(parents=True)
    for number in range(10):
        (made.tree / "letters" / f"{number}.txt").write_text(f"{number} {TEXT}")
    where = {"password": f"file:{made.key}"}
    body = {
        "drtool": 1,
        "name": "small",
        "repositories": {"near": {"restic": str(made.near), **where}, "offsite": {"restic": str(made.offsite), "site": "cloud", **where}},
        "sources": {"here": {"files": {}}, "ledger": {"stream": {"command": ["cat", str(made.tree / "letters" / "1.txt")]}}},
        "defaults": {"to": "near", "copies": ["offsite"], "keep": {"last": 3}},
        "sets": {
            "documents": {
                "protect": [{"here": {"paths": [str(made.tree)]}}, {"ledger": {}}],
                "checks": [{"files": {"in": f"here:{made.tree}", "at_least": 10}}],
            }
        },
        "sandboxes": {"lab": {"lease": "2h", "here": {"directory": str(root / "lab")}, "ledger": {"directory": str(root / "lab")}}},
        "drills": {"monthly": {"sets": ["documents"], "from": "offsite", "sandbox": "lab"}},
    }
    made.path.write_text(json.dumps(body))  # JSON is YAML
    return made
