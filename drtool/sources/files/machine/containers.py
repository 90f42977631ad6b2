from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from drtool.model.codec import parse
from drtool.model.command import understanding
from drtool.model.errors import NotFound, Refused
from drtool.model.ledger import Existing
from drtool.model.lying import lies_in
from drtool.sources.files.machine.asking import require
from drtool.trees.filesystem import FileSystem

PROGRAMS: Final = ("docker", "podman")
_TEMPLATE: Final = "[{{json .Name}},{{json .Mounts}}]"
"""No more than that is asked for: what else is told of a container holds its secrets."""
DOCKER: Final = "/var/run/docker.sock"
_SOCKET: Final = 'for each in "$1" "/run/user/$(id -u)/docker.sock"; do if [ -S "$each" ]; then printf "%s" "$each"; break; fi; done'
"""Where docker listens on this machine, or docker without root: its own settings may lead to another one."""
_ID: Final = re.compile(r"[0-9a-f]{12,64}")
_AT_ONCE: Final = 500
_PASSING: Final = ("/run", "/var/run", "/proc", "/sys", "/dev", "/etc/localtime", "/etc/timezone")
"""Sockets, devices and what every machine has."""
_PLUGGED_IN: Final = "/run/media"
"""Where disks that somebody plugs in are mounted."""


def read_containers(file_system: FileSystem, program: str) -> list[Existing]:
    """Return the containers of this machine that a program knows, each with the folders that outlive it; none without that program."""
    here = _here(file_system, program)
    try:
        return _containers(file_system, program, here) if here else []
    except NotFound:
        return []
    except Refused:  # a container that went between the two questions
        return _containers(file_system, program, here)


def _here(file_system: FileSystem, program: str) -> tuple[str, ...]:
    """Return how a program asks this machine and no other, whatever it is set to; empty: it does not run here."""
    if program != "docker":
        return (program, "--remote=false")
    socket = os.fsdecode(require(file_system, "sh", "-c", _SOCKET, "drtool", DOCKER))
    return (program, "--host", f"unix://{socket}") if socket else ()


def _containers(file_system: FileSystem, program: str, here: tuple[str, ...]) -> list[Existing]:
    listed = require(file_system, *here, "ps", "--all", "--quiet", "--no-trunc")
    with understanding(program):
        ids = [_id(line) for line in listed.decode("ascii").split()]
    parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    return [each for part in parts for each in _inspect(file_system, program, here, part)]


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no id of a container")
    return text


def _inspect(file_system: FileSystem, program: str, here: tuple[str, ...], ids: list[str]) -> Iterator[Existing]:
    output = require(file_system, *here, "inspect", "--type", "container", "--format", _TEMPLATE, *ids)
    with understanding(program):
        told = [parse(line) for line in os.fsdecode(output).split("\n") if line.strip()]
        found = [_container(program, str(name), mounts or []) for name, mounts in told]
    yield from found


def _container(program: str, name: str, mounts: list[Mapping[str, Any]]) -> Existing:
    lasting = [str(each.get("Source") or "") for each in mounts if each.get("Type") != "tmpfs"]
    lasting = [path for path in lasting if lies_in(path, _PLUGGED_IN) or not any(lies_in(path, base) for base in _PASSING)]
    known = tuple(dict.fromkeys(path for path in lasting if path.startswith("/")))
    note = "" if known else "no volume or folder outlives it; what is written inside goes with it"
    if len(known) < len(set(lasting)):
        known, note = (), "one of its volumes lies in no folder here"
    return Existing(f"{program}:{name.lstrip('/')}", "container", known, note)
