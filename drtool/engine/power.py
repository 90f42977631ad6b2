"""Whether this machine runs on battery, as Network UPS Tools tell it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Interrupted
from drtool.ports import Runner
from drtool.process import Interrupt

LOOK_SECONDS: Final = 15.0
"""Between two looks; two in a row must tell of the battery, as many a UPS tries it by itself for some seconds."""
_ANSWER_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 1.0
"""So long the end of the work waits for a look that is under way: a UPS that hangs keeps nobody."""
_LOOKS: Final = 2


@dataclass(frozen=True, slots=True)
class PowerState:
    """What a UPS says: `on_battery` None where it says nothing that can be understood; `words` is what it said instead."""

    on_battery: bool | None
    words: str = ""


def ask_ups(runner: Runner, ups: str) -> PowerState:
    """Ask for the state of a UPS by its name as `upsc` takes it; never raises for one that does not answer, but Interrupted.

    `ups.status` is a row of words: OL on line, OB on battery (https://networkupstools.org/docs/developer-guide.chunked/_status_data.html).
    """
    try:
        ended = runner.run(Command(("upsc", ups, "ups.status"), environment={"LC_ALL": "C"}, timeout_seconds=_ANSWER_SECONDS))
    except Interrupted:
        raise
    except DrtoolError as error:
        return PowerState(None, error.what)
    said = ended.standard_output.decode("utf-8", "replace").split()
    if ended.exit_code != 0 or not {"OB", "OL"} & set(said):
        words = ended.said(400).splitlines()  # before the last it tells of certificates that nobody asked for
        return PowerState(None, words[-1] if words else "it does not say whether it is on line")
    return PowerState("OB" in said, " ".join(said)[:200])


@contextlib.contextmanager
def stopped_on_battery(ask: Callable[[], PowerState], interrupt: Interrupt, *, why: str, seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """While this is open, ask again and again, and tell the work to stop once it runs on battery."""
    over = threading.Event()

    def look() -> None:
        running = 0
        while not over.wait(seconds):
            running = running + 1 if ask().on_battery else 0
            if running == _LOOKS and not over.is_set():
                interrupt.request(signal.SIGTERM, why)
                return

    watch = threading.Thread(target=look, daemon=True, name="drtool power")
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join(_PATIENCE_SECONDS)
