"""A backup, a restore or a drill of a dataset that kills itself before or after its n-th call."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drtool.model.codec import decode
from drtool.model.plan import Destination
from drtool.model.point import Member
from drtool.ports import ReserveRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.source import TruenasSource
from tests.truenas.circle import BY, RUN, land, put_back, take
from tests.truenas.forked import make_source

Work = Callable[[TruenasSource, dict[str, Any], int], None]


def back_up(source: TruenasSource, given: dict[str, Any], number: int) -> None:
    take(source, Path(given["copies"]).with_name(f"copies{number}"))


def save(source: TruenasSource, given: dict[str, Any], number: int) -> None:
    (workload,) = source.discover({"system": True})
    with source.export(source.snapshot(workload, f"{RUN}/1")) as export:
        assert export.artifacts


def restore(source: TruenasSource, given: dict[str, Any], number: int) -> None:
    source.cutover(land(source, decode(Member, given["member"]), Path(given["copies"])))


def drill(source: TruenasSource, given: dict[str, Any], number: int) -> None:
    until = datetime.now(UTC) - timedelta(seconds=1)
    reserved = source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    put_back(source, decode(Member, given["member"]), Path(given["copies"]), form="sandbox", reserved=reserved.locator)
    source.release(reserved)


WORKS: dict[str, Work] = {"back_up": back_up, "save": save, "restore": restore, "drill": drill}
_LOOKS = ("query", "stat", "statfs", "get_methods", "get_jobs", "attachments", "info", "version", "ping")


def work(given: dict[str, Any], number: int) -> None:
    """Do it, and die at the `number`-th call that changes something; of a `save`, which changes nothing, at the one that looks."""
    calls = 0
    ask = ApiClient._call
    looks = given["verb"] == "save"

    def asked(self: ApiClient, method: str, params: tuple[Any, ...], timeout_seconds: float) -> Any:  # noqa: ANN401 - JSON
        nonlocal calls
        counted = looks or not method.endswith(_LOOKS)
        calls += counted
        if counted and calls == number and given["when"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = ask(self, method, params, timeout_seconds)
        if counted and calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(ApiClient, "_call", asked)  # noqa: B010 - in the child alone
    source = make_source(given["settings"], by=BY)
    WORKS[given["verb"]](source, given, number)
    source.close()
