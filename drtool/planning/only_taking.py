"""What is said of a store that lets nothing be removed from here."""

from __future__ import annotations


def spell_append_only(repository: str) -> str:
    """Say who forgets in a repository that only takes."""
    return f"nothing is forgotten in {repository} from here, it is append_only: its trusted side does (drtool forget, there)"
