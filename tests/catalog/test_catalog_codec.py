from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drtool.catalog import manifest as manifests
from drtool.model import plan as actions
from drtool.model.codec import canonical, decode, encode, kind_of
from drtool.model.errors import Corrupt, Refused
from drtool.model.event import Event
from drtool.model.evidence import Evidence, EvidenceRecord, SignedEvidence
from drtool.model.examination import Examination
from drtool.model.hold import Hold
from drtool.model.inventory import Inventory, Listing
from drtool.model.locator import Locator
from drtool.model.plan import Landed, Plan, Restored, Step
from drtool.model.point import Manifest
from drtool.model.policy import Policy
from drtool.model.report import Report
from drtool.staging.staged import staged

words = st.text(max_size=8) | st.sampled_from(["\udcff", "\u2028", "a\nb", "", "Z"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds are naive
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: words,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: instants,
    timedelta: st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds)),
    type(None): st.none(),
    Any: json_values,
}
NOUNS = (Plan, Event, Report, Evidence, EvidenceRecord, SignedEvidence, Examination, Hold, Manifest, Policy, Listing, Inventory)


@cache
def nouns(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any type hint
    """Build values of a type hint; the nouns are finite, so plain recursion ends."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(nouns, arguments))
    if origin is tuple:
        return st.lists(nouns(arguments[0]), max_size=2).map(tuple)
    if origin is frozenset:
        return st.frozensets(nouns(arguments[0]), max_size=2)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(words, nouns(arguments[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{field.name: nouns(hints[field.name]) for field in fields(hint)})


def wire(value: object) -> object:
    return json.loads(canonical(value))


@pytest.mark.parametrize("cls", NOUNS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nouns_survive_the_journey(cls: type, data: st.DataObject) -> None:
    value = data.draw(nouns(cls))
    back: object = decode(cls, wire(value))
    assert back == value
    if cls is not Inventory:  # it has sets, and is never written down
        assert canonical(back) == canonical(value)


def test_every_action_and_result_has_its_own_kind() -> None:
    for union in (actions.Action, actions.Result):
        kinds = [kind_of(member) for member in get_args(union)]
        assert len(set(kinds)) == len(kinds)


@dataclass(frozen=True)
class Small:
    name: str
    number: int = 3


def test_reading_is_strict_about_types_and_lenient_about_new_fields() -> None:
    assert decode(Small, {"name": "a", "added later": 1}) == Small("a")
    with pytest.raises(KeyError):
        decode(Small, {"number": 3})
    for bad in (1, None, ["a"], True):
        with pytest.raises(TypeError):
            decode(Small, {"name": bad})
    with pytest.raises(TypeError):
        decode(Small, {"name": "a", "number": True})
    with pytest.raises(ValueError, match="zone"):
        decode(datetime, "2026-01-01T00:00:00")
    with pytest.raises(ValueError, match="no noun"):
        decode(actions.Step, {"id": "a", "why": "", "action": {"kind": "format_disk"}})
    with pytest.raises(TypeError):
        encode(object())


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"3", b'"x"', b"\xff", b'{"format": "other/1"}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        manifests.read(data, digest=hashlib.sha256(data).hexdigest())
    with pytest.raises(Corrupt):
        manifests.read(data, digest="0" * 64)


def test_what_an_earlier_release_wrote_of_a_restore_is_read() -> None:
    """It told where things lie in fields of their own; nobody acts on that, as no run is resumed."""
    destination = {"form": "original", "path": "", "sandbox": ""}
    places = {"staging": "/x/.drtool-1", "content": "/x/.drtool-1/a", "marker": "/x/.drtool-1.json", "kind": "files", "moves": []}
    told = {"workload": "here:/a", "source": "here", "destination": destination, "target": "/a", "aside": "/a.before", "note": "so"}
    landed = decode(Landed, {**told, **places})
    assert (landed.target, landed.aside, landed.note, landed.locator) == ("/a", "/a.before", "so", Locator())
    member = {"workload": "here:/a", "source": "here", "kind": "files", "selector": {}, "instant": "2026-01-01T00:00:00Z", "artifacts": []}
    restored = {"workload": "here:/a", "source": "here", "destination": destination, "path": "/a", "member": member}
    assert decode(Restored, restored).locator == Locator()
    with pytest.raises(Refused):
        staged(landed)
    step = {"id": "p", "action": {"kind": "prune", "repository": "near"}, "why": ""}
    assert not decode(Step, step).alone
