from __future__ import annotations

import os
import time
from datetime import UTC, datetime

from drtool.model.errors import Interrupted
from drtool.model.identifier import identifier


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        from drtool.process import current_scope  # noqa: PLC0415 - looking at the clock must not load what starts children

        current = current_scope()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if current.interrupt.stops(shielded=current.shielded):
                busy = current.doing or "waiting to try again"
                raise Interrupted(f"drtool was told to stop while {busy}", signal_number=current.interrupt.signal_number)
            if current.shielded:
                time.sleep(min(left, 0.2))
            else:
                current.interrupt.wait(min(left, 0.2))

    def fresh_id(self) -> str:
        return identifier(time.time_ns() // 1_000_000, os.urandom(10))
