"""A circle in a process of its own, which kills itself before or after the n-th change it asks of the NAS.

Arguments: settings of the source as JSON, a directory for copies, n, `before` or `after`. Prints how many changes there were.
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
from drtool.model.policy import SourcePolicy
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.source import TruenasSource
from tests.truenas.circle import BY, put_back, take


def main() -> None:
    settings, copies, wanted, when = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    runner = LocalRunner()
    counter = itertools.count(1)
    ask = Client.change

    def change(self: Client, method: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401
        last = next(counter) == wanted
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = ask(self, method, *params, **more)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Client.change = change  # type: ignore[method-assign]
    source = TruenasSource(
        policy=SourcePolicy("nas", "truenas", "home", settings),
        by=BY,
        runner=runner,
        clock=SystemClock(),
        secrets=Secrets(os.environ, runner),
    )
    for member in reversed(take(source, copies)):  # what lies inside first, as a plan has it
        put_back(source, member, copies)
    sys.stdout.write(str(next(counter) - 1))
    source.close()


if __name__ == "__main__":
    main()
