"""Which reading of a key file opens a repository: restic's own, or the one with white space that drtool made repositories with before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drtool.offsite.restic.address import Reach


def fitting_reading(reach: Reach, opens: Callable[[Reach], bool]) -> Reach:
    """Return the reach with the passphrase that opens the repository; restic's own reading where neither does.

    Asks nobody where both readings are the same, as in every key file without white space around its passphrase.
    """
    untrimmed = reach.secrets["RESTIC_PASSWORD"].untrimmed
    if untrimmed is None or opens(reach):
        return reach
    other = replace(reach, secrets={**reach.secrets, "RESTIC_PASSWORD": untrimmed}, needs_white_space=True)
    return other if opens(other) else reach
