"""Where a producer runs, seen from this machine."""

from __future__ import annotations

from drtool.model.command import Command
from drtool.model.errors import Refused
from drtool.ports import RemoteRunner, Runner

_HERE = "local"


def from_this_machine(producer: Command | None, runner: Runner | None) -> Command | None:
    """Return the command of this machine that carries a producer out where it runs; Refused where no child of this machine can."""
    if producer is None or runner is None or runner.name == _HERE:
        return producer
    if not isinstance(runner, RemoteRunner):
        raise Refused(
            f"what {producer.argv[0]} prints on {runner.name} cannot be piped from there",
            hint="drtool doctor",
            safe="nothing of it was stored; earlier points are untouched",
        )
    return runner.from_here(producer)
