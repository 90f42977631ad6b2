"""A restore of an encrypted tree that kills itself right after the n-th change of its cutover."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Any

from drtool.model.codec import decode
from drtool.model.point import Member
from drtool.sources.truenas.api.client import ApiClient
from tests.truenas.circle import BY, put_back
from tests.truenas.forked import make_source

COUNTED = ("pool.dataset.rename", "pool.dataset.change_key", "pool.dataset.inherit_parent_encryption_properties", "pool.dataset.update")


def work(given: dict[str, Any], number: int) -> None:
    """Restore, and die right after the `number`-th change."""
    counter = itertools.count(1)
    ask = ApiClient.change

    def change(self: ApiClient, method: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401
        answer = ask(self, method, *params, **more)
        if method in COUNTED and next(counter) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    ApiClient.change = change  # type: ignore[method-assign]
    source = make_source(given["settings"], by=BY)
    put_back(source, decode(Member, given["member"]), Path(given["copies"]))
    source.close()
