"""The way of four values through the house: which modules stand between where a value comes in and where it is used.

    scripts/paths              what lies here
    scripts/paths CHECKOUT     what lies in another checkout

A *stop* is a module on the stack at the moment the value arrives; a *return* is a stop in a module that had been left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from drtool.cli.main import main
from drtool.model.policy import Policy
from drtool.model.report import Report

BACKUP, RESTORE, POLICY, REPORT = (
    "a set's name to the restic call",
    "a point of `restore` to the restic call",
    "a policy's text to Policy",
    "an event to a report",
)


def stops(frames: list[FrameType]) -> list[str]:
    """Name the modules of the house on stacks, outermost first, each once in a row."""
    found: list[str] = []
    for frame in frames:
        _before, house, place = frame.f_code.co_filename.rpartition("/drtool/")
        name = place.removesuffix(".py")
        if house and name and not name.startswith("testing") and found[-1:] != [name]:
            found.append(name)
    return found


def returns(path: list[str]) -> int:
    """Count the stops in modules that the path had left."""
    return len(path) - len(set(path))


def _stack(frame: FrameType | None) -> list[FrameType]:
    return [each for each, _line in traceback.walk_stack(frame)][::-1]


def measured() -> dict[str, list[str]]:
    """Back up and restore one small folder in this process, and note the stacks at which each value arrives."""
    found: dict[str, list[str]] = {}

    def note(name: str) -> None:
        here = _stack(sys._getframe(2))
        if threading.current_thread() is not threading.main_thread():
            first = threading.main_thread().ident
            here = [*_stack(sys._current_frames()[first] if first is not None else None), *here]
        found.setdefault(name, stops(here))

    def noting(made: Callable[..., None], name: str) -> Callable[..., None]:
        def make(*arguments: Any, **keys: Any) -> None:  # noqa: ANN401 - whatever it takes
            note(name)
            made(*arguments, **keys)

        return make

    started = subprocess.Popen.__init__

    def start(self: Any, argv: Any, *arguments: Any, **keys: Any) -> None:  # noqa: ANN401 - likewise
        words = [str(each) for each in argv]
        name = BACKUP if "backup" in words and "--stdin-filename" not in words else RESTORE if "restore" in words else ""
        if name and any("restic" in os.path.basename(word) for word in words):
            note(name)
        started(self, argv, *arguments, **keys)

    subprocess.Popen.__init__ = start  # type: ignore[assignment,method-assign]
    Policy.__init__ = noting(Policy.__init__, POLICY)  # type: ignore[method-assign]
    Report.__init__ = noting(Report.__init__, REPORT)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as root:
        data = Path(root, "data")
        data.mkdir()
        (data / "letter").write_text("dear")
        Path(root, "key").write_text("secret\n")
        Path(root, "key").chmod(0o600)
        policy = {
            "drtool": 1,
            "name": "paths",
            "repositories": {"near": {"restic": f"{root}/near", "password": f"file:{root}/key"}},
            "sources": {"here": {"files": {}}},
            "sets": {"docs": {"protect": [{"here": {"paths": [str(data)]}}], "to": "near", "keep": {"last": 2}}},
        }
        Path(root, "policy.yaml").write_text(json.dumps(policy))
        every = ("--policy", f"{root}/policy.yaml", "--state-directory", f"{root}/state", "--quiet")
        for words in (("init",), ("run", "docs"), ("restore", "docs", "--to", "directory", f"{root}/out", "--yes")):
            if main([*words, *every]) != 0:
                raise SystemExit(f"drtool {words[0]} did not end well")
    return found


def lines(found: dict[str, list[str]]) -> Iterator[str]:
    for name in (BACKUP, RESTORE, POLICY, REPORT):
        path = found[name]
        yield f"{name}: {len(path)} stops, {returns(path)} returns"
        yield f"    {' > '.join(path)}"


if __name__ == "__main__":
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        sys.stdout = nowhere
        seen = measured()
        sys.stdout = sys.__stdout__
    print("\n".join(lines(seen)))  # noqa: T201 - what it is for
