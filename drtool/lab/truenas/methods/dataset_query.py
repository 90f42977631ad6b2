"""Which datasets `pool.dataset.query` finds, release by release: options decide where it looks before filters decide what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import Json, MatchNotFoundError
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.methods.dataset_rows import nested, told
from drtool.lab.truenas.registry import Call
from drtool.lab.truenas.state import State
from drtool.lab.truenas.storage import Dataset

_HIDDEN: Final = {
    "25.04": ("/.system", "/ix-applications/", "/ix-apps", "/.ix-virt"),
    "25.10": ("/.system", "/ix-applications", "/ix-apps", "/.ix-virt"),
    "26": ("/.system", "/ix-applications", "/ix-apps", "/.truenas_containers"),
}
"""What a name holds anywhere of a dataset that the appliance keeps for itself: it is told to nobody who does not know how to ask."""
_BY_NAME: Final = frozenset({"id", "name"})
_PARTS: Final = 3


def is_hidden(name: str, state: State) -> bool:
    """Tell whether a dataset is one that the query leaves out and in whose place nobody may make one."""
    return any(part in name for part in _HIDDEN[state.profile])


def rows(call: Call, arguments: Query) -> Json:
    """Tell the datasets; unless told otherwise, each with all below it once more."""
    if call.appliance.state.at_least("25.10"):
        return _walked(call, arguments)
    return _handed_down(call, arguments)


def _walked(call: Call, arguments: Query) -> Json:
    """Without children and without any filter only roots are looked at; a filter, whichever, has the whole tree walked."""
    filters, options = arguments.filters, dict(arguments.options)
    query.check_options(options)
    extra = options.get("extra") or {}
    children = bool(extra.get("retrieve_children", True))
    state = call.appliance.state
    found = call.storage.datasets() if children or filters else call.storage.datasets([call.storage.pool], children=False)
    if not (state.at_least("26") and not extra.get("exclude_internal_datasets", True)):
        found = tuple(each for each in found if not is_hidden(each.name, state))
    if options.get("count"):
        return len(found)  # of all that were looked at: the vendor counts before it filters
    asked = found if children else tuple(each for each in found if _may_match(each, filters))
    table = _table(call, asked, extra)
    if not children:
        for row in table:
            row["children"] = []
    elif extra.get("flat", True) or filters:
        table = nested(table)
    else:
        table = [row for row in nested(table) if "/" not in row["id"]]
    if options.get("get"):
        matched = query.run(table, filters, {"order_by": options.get("order_by")})
        if not matched:
            raise MatchNotFoundError
        return query.run(matched[:1], [], {"select": options.get("select")})[0]
    return query.run(table, filters, {name: value for name, value in options.items() if name != "extra"})


def _handed_down(call: Call, arguments: Query) -> Json:
    """The oldest release hands down a single filter by name and no other, so without children every other one sees only roots."""
    extra = arguments.options.get("extra") or {}
    children = bool(extra.get("retrieve_children", True))
    names = _named(arguments.filters)
    if names is None and not children:
        names = (call.storage.pool,)
    state = call.appliance.state
    found = [each for each in call.storage.datasets(names, children=children) if not is_hidden(each.name, state)]
    table = _table(call, found, extra)
    if children:
        table = nested(table)
        if not extra.get("flat", True):
            known = {row["id"] for row in table}
            table = [row for row in table if row["id"].rpartition("/")[0] not in known]
    return query.run(table, arguments.filters, arguments.options)


def _named(filters: Sequence[Json]) -> tuple[str, ...] | None:
    return query.names_asked(filters, *sorted(_BY_NAME)) if len(filters) == 1 else None


def _may_match(dataset: Dataset, filters: Sequence[Json]) -> bool:
    """Spare the reading of properties of what a filter by name leaves out anyway."""
    by_name = [each for each in filters if isinstance(each, list) and len(each) == _PARTS and each[0] in _BY_NAME]
    return query.matches({"id": dataset.name, "name": dataset.name}, by_name)


def _table(call: Call, found: Sequence[Dataset], extra: dict[str, Json]) -> list[dict[str, Json]]:
    wanted: Sequence[str] | None = extra.get("properties")
    user = bool(extra.get("retrieve_user_props", True))
    table = [told(dataset, call.appliance.state, wanted=wanted, user=user) for dataset in found]
    if extra.get("snapshots_count"):
        every = [snapshot.dataset for snapshot in call.storage.snapshots()]
        for row in table:
            row["snapshot_count"] = every.count(row["id"])
    return table
