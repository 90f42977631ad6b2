"""What `status` says of locks, by what was last found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drtool.model.locks_found import LocksFound
from drtool.planning.locks_found import tell_of_locks

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "off: immutable: 30d is promised, and nobody looked whether it is so"),
        (LocksFound(NOW - DAY, 9, NOW + 31 * DAY, 0), ""),
        (LocksFound(NOW - 2 * DAY, 9, NOW + 29 * DAY, 0), "off: the first lock runs out in 29d, and 30d are promised"),
        (LocksFound(NOW - DAY, 9, NOW - DAY, 0), "off: the first lock runs out in 0s, and 30d are promised"),
        (LocksFound(NOW - 9 * DAY, 9, NOW + 40 * DAY, 0), "off: nobody looked at its locks for 9d"),
        (LocksFound(NOW, 9, NOW + 40 * DAY, 1, ("1 object of 9 can be deleted now",)), "off: 1 object of 9 can be deleted now"),
        (LocksFound(NOW, 0, None, 0), ""),
    ],
)
def test_what_is_said(found: LocksFound | None, said: str) -> None:
    assert tell_of_locks("off", 30 * DAY, found, now=NOW) == said
