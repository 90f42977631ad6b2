"""A restore of single paths that kills itself before its n-th deed: whatever it asks of the NAS or does to files."""

from __future__ import annotations

import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drtool.model.codec import decode
from drtool.model.plan import Destination, Landed
from drtool.model.point import Member
from drtool.ports import LandRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.source import TruenasSource
from drtool.trees.filesystem import FileSystem
from tests.truenas.circle import BY, POINT, RUN
from tests.truenas.forked import make_source

READING = ("find", "stat", "df", "id", "cat", "realpath", "test", "xargs", "rmdir")


def request_for(member: Member, *inside: str, run: str = RUN) -> LandRequest:
    root = member.artifacts[0].path
    expires = datetime.now(UTC) + timedelta(hours=2)
    return LandRequest(member, POINT, run, BY, Destination("original"), expires, paths=tuple(f"{root}/{each}" for each in inside))


def pour(source: TruenasSource, request: LandRequest, copies: Path) -> Landed:
    root = request.member.artifacts[0].path
    with source.land(request) as landing:
        for path in request.paths:
            origin = copies / request.member.workload.replace("/", "%") / path[len(root) + 1 :]
            target = Path(landing.way_of("").directory + path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                shutil.copytree(origin, target)
            else:
                shutil.copy2(origin, target)
        return landing.landed


def work(given: dict[str, Any], number: int) -> None:
    """Restore, and die before the `number`-th deed."""
    deeds = 0

    def counted(does: Any, is_deed: Any) -> Any:  # noqa: ANN401
        def does_or_dies(self: Any, *words: Any, **more: Any) -> Any:  # noqa: ANN401
            nonlocal deeds
            deeds += is_deed(words)
            if deeds == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return does(self, *words, **more)

        return does_or_dies

    ApiClient.change = counted(ApiClient.change, lambda _words: True)  # type: ignore[method-assign]
    FileSystem.run = counted(FileSystem.run, lambda words: words[0] not in READING)  # type: ignore[method-assign]
    source = make_source(given["settings"], by=BY)
    member = decode(Member, given["member"])
    source.cutover(pour(source, request_for(member, given["inside"]), Path(given["copies"])))
    source.close()
