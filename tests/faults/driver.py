"""One drtool of its own process that kills itself where it is told: `python -m tests.faults.driver SPECIFICATION.json`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import drtool
from drtool.app.facade import App
from drtool.model.codec import encode
from drtool.model.errors import DrtoolError, PolicyError
from drtool.model.event import Event, EventKind
from drtool.model.plan import Destination
from drtool.model.report import Report
from drtool.planning.restore import RestoreRequest


class Killer:
    """Counts the events that were written down, and ends everything at the one it was told.

    `at`: SIGKILL to ourselves right after that event. `command`: so many milliseconds after that restic was started; with `family` its
    whole process group goes first, else it lives on as an orphan. `signal`: sent to ourselves instead of SIGKILL.
    """

    def __init__(self, specification: dict[str, Any]) -> None:
        self._at = specification.get("at")
        self._command = specification.get("command")
        self._family = specification.get("family", False)
        self._milliseconds = specification.get("milliseconds", 30)
        self._signal = getattr(signal, specification.get("signal", "SIGKILL"))
        self._commands = 0
        self.heard: list[tuple[str, str, str]] = []

    def __call__(self, event: Event) -> None:
        if event.kind is EventKind.PROGRESS:
            return
        program = str(event.data.get("program", "")).rpartition("/")[2]
        self.heard.append((event.kind.value, event.step, program))
        if self._at == len(self.heard):
            os.kill(os.getpid(), self._signal)
        if event.kind is EventKind.COMMAND_STARTED and program.startswith("restic"):
            self._commands += 1
            if self._command == self._commands:
                threading.Thread(target=self._end, args=(event.data["pid"],), daemon=True).start()

    def _end(self, pid: int) -> None:
        time.sleep(self._milliseconds / 1000)
        if self._family:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        os.kill(os.getpid(), self._signal)


def carry_out(app: App, specification: dict[str, Any]) -> Report:
    """Call the verb."""
    names = specification.get("names", [])
    match specification["verb"]:
        case "restore":
            destination = Destination(**specification.get("destination", {"form": "original"}))
            repositories = tuple(specification["repositories"]) if "repositories" in specification else None
            request = RestoreRequest(
                tuple(names),
                destination,
                point=specification.get("point"),
                repositories=repositories,
                workloads=tuple(specification.get("workloads", ())),
            )
            return app.restore(app.plan_restore(request))
        case "undo":
            return app.restore(app.plan_undo(*names))
        case "sweep":
            return app.sweep(kept=specification.get("kept", False))
        case verb:
            method: Any = getattr(app, verb)
            report: Report = method(names)
            return report


def main(path: str) -> None:
    """Read the specification, carry it out, and write the answer beside it."""
    specification: dict[str, Any] = json.loads(Path(path).read_text())
    killer = Killer(specification)
    answer: dict[str, Any] = {}
    try:
        app = drtool.open_policy(
            specification["policy"], state_directory=specification["state"], listeners=[killer], binary=specification["binary"]
        )
        answer["report"] = encode(carry_out(app, specification))
    except DrtoolError as error:
        answer["error"] = {"kind": error.kind, "what": error.what, "hint": error.hint, "safe": error.safe}
        if isinstance(error, PolicyError):
            answer["error"]["problems"] = [str(problem) for problem in error.problems]
    answer["heard"] = killer.heard
    Path(specification["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
