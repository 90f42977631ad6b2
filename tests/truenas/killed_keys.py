"""A restore of an encrypted tree in a process of its own, which kills itself right after the n-th change of its cutover.

Arguments: settings of the source as JSON, a directory with copies, the members as JSON, n. Prints how many changes there were.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from drtool.engine.clock import SystemClock
from drtool.model.codec import decode
from drtool.model.point import Member
from drtool.model.policy import SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.source import TruenasSource
from tests.truenas.circle import BY, put_back

COUNTED = ("pool.dataset.rename", "pool.dataset.change_key", "pool.dataset.inherit_parent_encryption_properties", "pool.dataset.update")


def main() -> None:
    settings, copies, wanted = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[4])
    members = [decode(Member, item) for item in json.loads(sys.argv[3])]
    counter = itertools.count(1)
    ask = Client.change

    def change(self: Client, method: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401
        answer = ask(self, method, *params, **more)
        if method in COUNTED and next(counter) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Client.change = change  # type: ignore[method-assign]
    runner = LocalRunner()
    policy = SourcePolicy("nas", "truenas", "home", settings)
    source = TruenasSource(policy=policy, by=BY, runner=runner, clock=SystemClock(), secrets=Secrets(os.environ, runner))
    for member in members:
        put_back(source, member, copies)
    sys.stdout.write(str(next(counter) - 1))
    source.close()


if __name__ == "__main__":
    main()
