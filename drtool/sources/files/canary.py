from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from drtool.model.codec import canonical
from drtool.model.errors import Conflict, Refused
from drtool.model.point import CANARY_FORMAT, CANARY_NAME, Canary
from drtool.ports import ArtifactRequest
from drtool.trees.excludes import might_match
from drtool.trees.filesystem import FileSystem

_IS_OURS: Final = 'test ! -e "$1" && test ! -L "$1" || { test -f "$1" && test ! -L "$1" && grep -qF -- "$2" "$1"; }'


def plant(file_system: FileSystem, artifact: ArtifactRequest, record: Mapping[str, str]) -> Canary:
    """Write the record into the root of a tree, mode 0600, over the one of the last run; says in `problem` why it could not be.

    Whatever else lies under that name is left alone.
    """
    canary = Canary(
        by=record["by"],
        set=record["set"],
        point=record["point"],
        run=record["run"],
        instant=datetime.fromisoformat(record["instant"]),
        nonce_sha256=hashlib.sha256(record["nonce"].encode("ascii")).hexdigest(),
    )
    path = f"{artifact.path.rstrip('/')}/{CANARY_NAME}"
    if might_match(artifact.excludes)(path):
        return replace(canary, problem="an exclude pattern might leave it out")
    if file_system.run("test", "-d", artifact.path).exit_code != 0:
        return replace(canary, problem=f"{artifact.path} is not a directory")
    if file_system.run("sh", "-c", _IS_OURS, "drtool", path, CANARY_FORMAT).exit_code != 0:
        return replace(canary, problem=f"{path} is there already and not ours")
    try:
        file_system.write(path, canonical({"format": CANARY_FORMAT, **record}) + b"\n")
    except (Refused, Conflict) as error:
        return replace(canary, problem=error.what)
    return canary
