"""What somebody with the repository's key, and restic alone, can write into it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drtool.app.facade import App
from drtool.app.opening import open_policy
from drtool.engine.clock import SystemClock
from drtool.repositories.restic.labels import from_tags, to_tags
from tests.integration.key_world import KeyWorld
from tests.rig.program import called


@dataclass(frozen=True)
class Row:
    """A snapshot as restic lists it: id, labels, and the bytes of its only file."""

    id: str
    labels: dict[str, str]
    body: bytes


class Thief:
    """Has the key of a world's repository and no key of any machine."""

    def __init__(self, world: KeyWorld) -> None:
        self.world = world

    def rows(self, role: str) -> list[Row]:
        """Return the snapshots of a role, oldest first."""
        found = []
        for entry in json.loads(self._restic("snapshots", "--json")):
            labels = from_tags(entry["tags"] or ())
            if labels is not None and labels["role"] == role:
                body = self._restic("dump", entry["id"], entry["paths"][0]) if role != "data" else b""
                found.append(Row(entry["id"], labels, body))
        return found

    def put(self, labels: Mapping[str, str], body: bytes, *, name: str = "/manifest.json") -> None:
        """Write a record with these labels."""
        tags = [word for tag in to_tags(labels) for word in ("--tag", tag)]
        self._restic("backup", "--stdin", "--stdin-filename", name, *tags, body=body)

    def forget(self, *rows: Row) -> None:
        """Remove snapshots."""
        self._restic("forget", *(row.id for row in rows))

    def copy_of(self, row: Row, **changes: str) -> None:
        """Write a record again, some of its labels changed; an empty one is left out."""
        self.put({**row.labels, **changes}, row.body)

    def fresh(self, row: Row, **changes: str) -> str:
        """Write an unsigned point of its own making, dated as another one or as told; returns its id."""
        point = SystemClock().fresh_id()
        self.copy_of(row, **{"point": point, "run": point, "signature": "", **changes})
        return point

    def copy_data(self, row: Row, point: str) -> None:
        """Store the world's tree again as the data of another point."""
        tags = [word for tag in to_tags({**row.labels, "point": point, "run": point}) for word in ("--tag", tag)]
        self._restic("backup", *tags, str(self.world.tree))

    def _restic(self, *arguments: str, body: bytes = b"") -> bytes:
        environment = {"PATH": os.defpath, "HOME": str(self.world.root), "RESTIC_PASSWORD_FILE": str(self.world.live)}
        argv = [str(self.world.binary), "--no-cache", "--repo", str(self.world.repository), *arguments]
        return subprocess.run(argv, env=environment, input=body, capture_output=True, check=True).stdout


def machine(world: KeyWorld, name: str, /, **changes: Any) -> App:  # noqa: ANN401 - keys of a policy
    """Open the world's policy with a state directory of its own: another machine with a copied policy."""
    policy = world.root / f"{name}.yaml"
    policy.write_text(json.dumps({**world.policy, **changes}))
    return open_policy(str(policy), state_directory=str(world.root / f"state-{name}"), binary=str(world.binary))


def drtool(world: KeyWorld, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a machine of that name; `world` is the first one."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DRTOOL_", "RESTIC_"))}
    first = name == "world"
    environment |= {
        "DRTOOL_POLICY": str(world.policy_file if first else world.root / f"{name}.yaml"),
        "DRTOOL_STATE_DIR": str(world.root / ("state" if first else f"state-{name}")),
        "NO_COLOR": "1",
        "PATH": f"{world.binary.parent}:{os.environ['PATH']}",
    }
    return called(arguments, env=environment, stdin=subprocess.DEVNULL)


def grown(world: KeyWorld, name: str) -> Path:
    """Change the tree, so that the next point differs."""
    path = world.tree / "letters" / f"{name}.txt"
    path.write_text(f"{name}\n")
    return path
