"""What exists on sources, whether a set protects it or not: each asked once, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from drtool.engine.adapters import Adapters
from drtool.engine.observe import side_by_side
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.inventory import Problem
from drtool.model.ledger import Stock
from drtool.process import doing


def look_at_existing(adapters: Adapters, sources: Iterable[str]) -> dict[str, Stock | Problem]:
    """Ask each of `sources` what there is; one that cannot be asked is a problem in the answer, never an empty one."""
    names = tuple(sources)
    return dict(zip(names, side_by_side(partial(_ask, adapters, name) for name in names), strict=True))


def _ask(adapters: Adapters, name: str) -> Stock | Problem:
    try:
        with doing(f"looking for what there is on {name}"):
            return adapters.sources[name].existing()
    except Interrupted:
        raise
    except DrtoolError as error:
        return Problem(error.kind, error.what, error.hint)
