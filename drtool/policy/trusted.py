"""Rules about stores that only take: who removes nothing there, and by what rules the trusted side does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drtool.policy.units import parse_duration

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path

LEAST_WITHIN: Final = timedelta(days=7)
"""How long at least a trusted side keeps everything: who may add points pushes good ones out of every rule that counts."""


def trusted_sides(document: Document) -> None:
    """Note a repository of which nothing can be removed from here and that is to be pruned, and rules that a thief's points defeat."""
    for name in document.mapping("repositories"):
        path: Path = ("repositories", name)
        if document.get(*path, "append_only") is True:
            for key in ("prune", "forget_for"):
                if document.get(*path, key) is not None:
                    message = f"`{name}` is append_only: nothing can be removed there from here"
                    hint = f"take `{key}` out; it belongs into the policy of the trusted side"
                    document.complain((*path, key), message, hint, at_key=True)
        for of in document.mapping(*path, "forget_for"):
            _keeps_long_enough(document, (*path, "forget_for", of))


def _keeps_long_enough(document: Document, path: Path) -> None:
    keep: Path = (*path, "keep")
    if not document.mapping(*keep):
        return  # that it is missing is told by the schema
    said, within = document.get(*keep, "within"), timedelta()
    if said is not None:
        try:
            within = parse_duration(said)
        except ValueError:  # told by the schema
            return
    if within < LEAST_WITHIN:
        message = "who may add points there pushes good ones out of rules that count: `within` of 7d at least is missing"
        document.complain(keep, message, "say for example `keep: {within: 30d, daily: 30, monthly: 12}`", at_key=True)
