"""Which reading of a key file opens a repository: restic's own, or the one with white space that drtool made repositories with before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drtool.repositories.restic.address import Access


def fitting_reading(access: Access, opens: Callable[[Access], bool]) -> Access:
    """Return the reach with the passphrase that opens the repository; restic's own reading where neither does.

    Asks nobody where both readings are the same, as in every key file without white space around its passphrase.
    """
    untrimmed = access.secrets["RESTIC_PASSWORD"].untrimmed
    if untrimmed is None or opens(access):
        return access
    other = replace(access, secrets={**access.secrets, "RESTIC_PASSWORD": untrimmed}, needs_white_space=True)
    return other if opens(other) else access
