from __future__ import annotations

import os
from typing import Any, Final

from drtool.model.command import understanding
from drtool.model.policy import Settings
from drtool.model.workload import Workload
from drtool.trees.filesystem import FileSystem

KIND: Final = "files"

_LOOK = (
    "find \"$@\" -maxdepth 0 '(' -type d -readable -executable -o -type f -readable ')' -printf '%y\\0%s\\0%p\\0'"
    " -o -maxdepth 0 -type d,f -printf '!\\0%s\\0%p\\0' -o -maxdepth 0 -printf '%y\\0%s\\0%p\\0'; true"
)
_WHY = 'for path do said=$(find "$path" -maxdepth 0 2>&1 >/dev/null); printf "%s\\0%s\\0" "$path" "${said##*: }"; done'
_PROBLEMS: Final = {
    "!": "cannot be read by this user",
    "l": "is a symbolic link: name the place it points to",
    "p": "is a named pipe, not a file or directory",
    "s": "is a socket, not a file or directory",
    "b": "is a device, not a file or directory",
    "c": "is a device, not a file or directory",
}


def discover(file_system: FileSystem, *, source: str, selector: Settings) -> tuple[Workload, ...]:
    """Return one workload per distinct path of a selector, sorted by path; found by one command for all of them.

    What is missing, unreadable or a link is a workload with its problem in plain words.
    """
    from drtool.sources.files.schema import Selector  # noqa: PLC0415 - heavy, and `status` discovers nothing

    wanted = Selector.model_validate(dict(selector))
    paths = sorted(set(wanted.paths))
    rules = wanted.model_dump(exclude={"paths"})
    found = _look(file_system, paths)
    missing = [path for path in paths if path not in found]
    reasons = _why(file_system, missing) if missing else {}
    return tuple(_workload(source, path, rules, *found.get(path, ("", 0)), reasons.get(path, "")) for path in paths)


def _workload(source: str, path: str, rules: dict[str, Any], kind: str, size: int, reason: str) -> Workload:
    problem = _PROBLEMS.get(kind, "")
    if not kind:
        problem = "does not exist" if reason in ("", "No such file or directory") else f"cannot be looked at: {reason}"
    return Workload(
        name=f"{source}:{path}",
        source=source,
        kind=KIND,
        selector={"path": path, **rules},
        bytes=size if kind == "f" else None,
        problem=f"{path} {problem}" if problem else "",
    )


def _look(file_system: FileSystem, paths: list[str]) -> dict[str, tuple[str, int]]:
    output = file_system.require("looking for what is protected", *_batch(_LOOK), standard_input=_joined(paths))
    fields = output.split(b"\0")
    groups = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
    with understanding("what is protected"):
        return {os.fsdecode(path): (kind.decode("ascii"), int(size)) for kind, size, path in groups}


def _why(file_system: FileSystem, paths: list[str]) -> dict[str, str]:
    output = file_system.require("looking for what is missing", *_batch(_WHY), standard_input=_joined(paths))
    fields = [os.fsdecode(field) for field in output.split(b"\0")]
    return dict(zip(fields[0::2], fields[1::2], strict=False))


def _batch(script: str) -> tuple[str, ...]:
    return ("xargs", "-0", "-r", "sh", "-c", script, "drtool")


def _joined(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
