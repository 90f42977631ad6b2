"""The restic binaries that the tests run against."""

import os
from pathlib import Path
from typing import Literal, TypeAlias

from tests.rig.missing import MissingToolError, tool

Version: TypeAlias = Literal["distribution", "0.18", "0.19"]
VERSIONS: tuple[Version, ...] = ("distribution", "0.18", "0.19")
OLDEST: Version = "distribution"
NEWEST: Version = "0.19"

# Read once: tests give themselves another HOME later.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drtool-rig"
_PINS = Path(__file__).with_name("restic.pins")


def binary(version: Version) -> Path:
    """The restic of the distribution, or the pinned package of another suite that scripts/prepare unpacked."""
    if version == "distribution":
        return Path(tool("restic", package="restic"))
    found = _CACHE / f"restic-{_pinned(version)}" / "restic"
    if not found.exists():
        raise MissingToolError(f"restic {version} is not unpacked: run scripts/prepare")
    return found


def _pinned(version: Version) -> str:
    """The exact package version behind a short one."""
    for line in _PINS.read_text().splitlines():
        fields = line.split("\t")
        if fields[0] == version:
            return fields[2]
    raise KeyError(version)
