"""The restic binaries that the tests run against."""

import hashlib
import os
import shlex
import sys
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


_QUICK = """\
#!/bin/sh
case " $* " in *" init "*) ;; *) exec {real} "$@" ;; esac
{real} "$@" || exit
case ${{RESTIC_REPOSITORY:-}} in /* | sftp:*:/* | s3:http://*) ;; *) exit 0 ;; esac
[ -z "${{RESTIC_PASSWORD:-}}" ] || PYTHONPATH={root} exec {python} -m tests.rig.cheap_key >&2
"""


def binary(version: Version) -> Path:
    """A restic whose fresh repositories are quick to open: `real`, with the cost of their key turned down after `init`."""
    found, root = real(version), Path(__file__).parents[2]
    mark = hashlib.sha256(f"{_QUICK}\0{root}\0{sys.executable}\0{found}".encode()).hexdigest()[:16]
    quick = _CACHE / "quick" / mark / "restic"
    if not quick.exists():
        quick.parent.mkdir(parents=True, exist_ok=True)
        words = {"real": found, "root": root, "python": sys.executable}
        new = quick.with_name(f"restic.{os.getpid()}")
        new.write_text(_QUICK.format_map({name: shlex.quote(str(word)) for name, word in words.items()}))
        new.chmod(0o755)
        new.rename(quick)
    return quick


def real(version: Version) -> Path:
    """The restic of the distribution, or the pinned package of another suite that scripts/prepare unpacked."""
    if version == "distribution":
        return Path(tool("restic", package="restic"))
    return cached(version, "restic")


def cached(name: str, package: str) -> Path:
    """The program of a package that is pinned under a short name and that scripts/prepare unpacked."""
    found = _CACHE / f"{package}-{_pinned(name)}" / package
    if not found.exists():
        raise MissingToolError(f"{package} {name} is not unpacked: run scripts/prepare")
    return found


def _pinned(name: str) -> str:
    """The exact package version behind a short one."""
    for line in _PINS.read_text().splitlines():
        fields = line.split("\t")
        if fields[0] == name:
            return fields[2]
    raise KeyError(name)
