"""An answer is kept in the same words, in whatever order it came and whatever its texts hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.errors import Refused
from drtool.sources.proxmox.configuration.answer import in_order, kept, kept_of_row, spelled
from drtool.sources.proxmox.configuration.calls import Call

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(codec=None)), st.lists(st.text(), max_size=3))
ROWS = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), max_size=6)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_keys_says_nothing(rows: list[dict[str, Any]], random: Any) -> None:  # noqa: ANN401 - of hypothesis
    shuffled = [dict(random.sample(list(row.items()), len(row))) for row in random.sample(rows, len(rows))]
    one, other = (spelled(kept(Call("/x"), each, "pve", "/x")) for each in (rows, shuffled))
    assert one == other
    assert one.isascii()
    assert sorted(map(repr, json.loads(one))) == sorted(map(repr, json.loads(json.dumps(rows, sort_keys=True))))


@given(st.permutations(range(6)))
def test_rules_stay_as_they_are_numbered(order: list[int]) -> None:
    rules = [{"pos": place, "action": "zyxwvu"[place]} for place in order]
    assert [rule["pos"] for rule in in_order(rules)] == list(range(6))


@given(st.one_of(VALUES, st.lists(VALUES.filter(lambda value: not isinstance(value, dict)), min_size=1)))
def test_what_is_of_another_shape_is_no_answer(answer: Any) -> None:  # noqa: ANN401 - JSON
    if answer == []:
        return
    for call in (Call("/x"), Call("/x", rows=False)):
        with pytest.raises(Refused, match="something else"):
            kept(call, answer, "pve", "/x")
    with pytest.raises(Refused):
        kept_of_row(Call("/x"), answer, "pve", "/x")


def test_what_changes_by_itself_is_left_out() -> None:
    call = Call("/x", without=frozenset({"cpu"}), within={"members": frozenset({"id"})})
    rows = [{"id": 2, "cpu": 1, "members": [{"id": "b", "mem": 1}, {"id": "a"}]}]
    assert kept(call, rows, "pve", "/x") == [{"id": 2, "members": [{"id": "a"}, {"id": "b"}]}]
    assert kept(Call("/x", rows=False, may_be_null=True), None, "pve", "/x") is None
