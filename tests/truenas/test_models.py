"""The table of calls: that its comparison can fail, and that it fits the vendor's own models where somebody has them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.rig import truenas_models
from tests.rig.truenas_calls import CALLS, RELEASES, call_of
from tests.rig.truenas_lab import running_lab
from tests.rig.truenas_models import VARIABLE, Witness, arguments_schema, tell_seen, vendor_directory, vendor_model

OURS = "0123456789abcdef-1"


def shown(method: str, params: list[Any], answer: Mapping[str, Any], *, release: str = "25.10", identity: str = OURS) -> set[str]:
    witness = Witness()
    witness(release, {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}, {"jsonrpc": "2.0", "id": identity, **answer})
    return witness.violations


ROW = {"id": "tank/a", "name": "tank/a", "type": "FILESYSTEM", "encrypted": False}


@pytest.mark.parametrize(
    ("method", "params", "answer", "said"),
    [
        ("pool.dataset.query", [[], {"extras": {}}], {"result": [ROW]}, "additionalProperties|extras"),
        ("pool.dataset.query", [[], {"limit": 20_000}], {"result": [ROW]}, "fails maximum"),
        ("pool.dataset.query", [[]], {"result": [{**ROW, "encrypted": "no"}]}, "0.encrypted: fails type"),
        ("pool.dataset.query", [[]], {"result": [{**ROW, "origin": "tank@a"}]}, "0.origin: fails type"),
        ("pool.dataset.create", [{"name": "tank/a", "compression": "GZIP-7"}], {"result": ROW}, "data: fails anyOf"),
        ("pool.dataset.create", [{"name": "tank/a", "quota": 4096}], {"result": ROW}, "data: fails anyOf"),
        ("pool.dataset.create", [{"name": "tank/a", "casesensitivity": "MIXED"}], {"result": ROW}, "data: fails anyOf"),
        (
            "pool.dataset.create",
            [{"name": "tank/a", "user_properties": [{"key": "comments", "value": ""}]}],
            {"result": ROW},
            "fails anyOf",
        ),
        ("pool.snapshot.create", [{"dataset": "tank/a"}], {"error": {"code": -32602}}, "'name' is a required property"),
        ("pool.snapshot.delete", ["tank/a@b", {"recursive": "no"}], {"result": True}, "options.recursive: fails type"),
        ("pool.snapshot.delete", ["tank/a@b", {}, 1], {"result": True}, "#2"),
        ("pool.dataset.encryption_summary", ["tank"], {"result": []}, "a job answers with its number"),
        ("core.get_jobs", [[]], {"result": [{"id": 1, "method": "pool.dataset.unlock", "state": "SUCCESS", "result": []}]}, "fails type"),
        ("zfs.resource.snapshot.query", [{}], {"result": []}, "does not have it for that release"),
        ("pool.dataset.promote", ["tank/a"], {"result": None}, "does not have it"),
    ],
)
def test_what_does_not_fit_is_seen(method: str, params: list[Any], answer: Mapping[str, Any], said: str) -> None:
    found = "\n".join(shown(method, params, answer))
    assert any(part in found for part in said.split("|")), found


def test_what_was_seen_is_told_in_one_line(tmp_path: Path) -> None:
    place = tmp_path / "seen"
    assert tell_seen(place, caught=0, uncaught=0) == ""
    place.write_text("request a\nrequest a\nrequest b\nanswer a\nmodelled asked a\nviolation it: fails\n")
    told = tell_seen(place, caught=3, uncaught=1)
    assert "2 distinct requests and 1 answers" in told
    assert "1 of them against" in told
    assert told.endswith("violations 1; wrong messages seen as such: 3 of 4")


def test_what_a_test_asks_wrongly_must_be_refused_and_is_no_fault_of_ours_then() -> None:
    wrong: list[Any] = ["tank/a@b", {"recursive": "no"}]
    assert shown("pool.snapshot.delete", wrong, {"error": {"code": -32602}}, identity="7") == set()
    assert shown("pool.snapshot.delete", wrong, {"result": True}, identity="7")


def test_a_wrong_answer_of_an_appliance_fails_the_test_that_ran_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truenas_models, "seen_at", "")  # wrong on purpose: it is none of what the tests' run tells of
    with contextlib.ExitStack() as ended:
        lab = ended.enter_context(running_lab(tmp_path))
        source = lab.source(by="nobody")
        source.client.read("core.ping")
        source.close()
        assert len(lab.witness.requests) >= len(("auth.login_ex", "core.subscribe", "core.ping")), "nothing was looked at"
        assert not lab.witness.violations
        lab.witness("25.10", {"id": OURS, "method": "core.ping", "params": []}, {"result": "pang"})
        with pytest.raises(AssertionError, match=r"core\.ping answered: it: fails enum"):
            ended.close()


needs_models = pytest.mark.skipif(vendor_directory() is None, reason=f"{VARIABLE} does not say where the vendor's models are")


@needs_models
@pytest.mark.parametrize("release", RELEASES)
def test_the_table_asks_no_more_than_the_models_take(release: str) -> None:
    found = []
    for method in CALLS:
        call = call_of(method, release)
        if call is None or not call.is_in(release):
            continue
        model = vendor_model(release, method, "Args")
        if method.endswith(".query") and method != "zfs.resource.snapshot.query":
            continue  # every query takes filters and options, which no model of its own describes
        if model is None:
            if release not in call.unmodelled and method not in WITHOUT_ARGUMENTS:
                found.append(f"{method}: no model, and the table does not say so")
            continue
        if release in call.unmodelled:
            found.append(f"{method}: there is a model, and the table says that there is none")
        found += [f"{method}: {each}" for each in wider(arguments_schema(call), model, model)]
    assert found == []


WITHOUT_ARGUMENTS = ("core.get_jobs",)


@needs_models
@pytest.mark.parametrize("release", RELEASES)
def test_the_table_uses_nothing_that_the_models_do_not_tell(release: str) -> None:
    found = []
    for method in CALLS:
        call = call_of(method, release)
        model = vendor_model(release, method, "Result") if call is not None and call.is_in(release) else None
        if call is not None and model is not None:
            found += [f"{method}: {each}" for each in untold(call.answer, model["properties"]["result"], model)]
    assert found == []


def resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def branches(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    schema = resolved(schema, whole)
    inner = schema.get("anyOf") or schema.get("oneOf")
    return [each for one in inner for each in branches(one, whole)] if inner else [schema]


def allowed(schema: Mapping[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def wider(ours: Mapping[str, Any], theirs: Mapping[str, Any], whole: Mapping[str, Any], where: str = "it") -> list[str]:
    """Return where the table lets something be sent that the model would not take."""
    theirs = resolved(theirs, whole)
    found = []
    for branch in branches(ours, {}):
        tried: list[list[str]] = [_wider_than(branch, each, whole, where) for each in branches(theirs, whole)]
        if not any(problems == [] for problems in tried):
            found += min(tried, key=lambda found: sum(1 for _ in found))
    return found


def _wider_than(ours: Mapping[str, Any], theirs: Mapping[str, Any], whole: Mapping[str, Any], where: str) -> list[str]:
    if not theirs or set(theirs) <= {"default"}:
        return []
    words, known = allowed(ours), allowed(theirs)
    if words is not None:
        if known is not None:
            return [f"{where}: {word!r} is not taken" for word in words if word not in known]
        kinds = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
        return [f"{where}: {word!r} is not taken" for word in words if kinds[type(word)] != theirs.get("type")]
    if known is not None:
        return [f"{where}: only {known} are taken"]
    if ours.get("type") != theirs.get("type"):
        return [f"{where}: {ours.get('type')} instead of {theirs.get('type')}"]
    return _bounds(ours, theirs, where) + _inside(ours, theirs, whole, where)


def _bounds(ours: Mapping[str, Any], theirs: Mapping[str, Any], where: str) -> list[str]:
    found = []
    for name, is_wider in (("maxLength", int.__gt__), ("maximum", int.__gt__), ("minLength", int.__lt__), ("minimum", int.__lt__)):
        if name in theirs and is_wider(ours.get(name, 10**9 if name.startswith("max") else -(10**9)), theirs[name]):
            found.append(f"{where}: {name} {theirs[name]}")
    if "pattern" in theirs and ours.get("pattern") != theirs["pattern"]:
        found.append(f"{where}: pattern {theirs['pattern']}")
    return found


def _inside(ours: Mapping[str, Any], theirs: Mapping[str, Any], whole: Mapping[str, Any], where: str) -> list[str]:
    if ours.get("type") == "array":
        return wider(ours.get("items", {}), theirs.get("items", {}), whole, f"{where}[]") if ours.get("items") else []
    if ours.get("type") != "object":
        return []
    found = [f"{where}: {name} is needed" for name in theirs.get("required", ()) if name not in ours.get("required", ())]
    for name, schema in ours.get("properties", {}).items():
        if name in theirs.get("properties", {}):
            found += wider(schema, theirs["properties"][name], whole, f"{where}.{name}")
        elif not theirs.get("additionalProperties", True):
            found.append(f"{where}: {name} is not taken")
    return found


def untold(ours: Mapping[str, Any], theirs: Mapping[str, Any], whole: Mapping[str, Any], where: str = "it") -> list[str]:
    """Return what the table uses of an answer and no branch of the model has."""
    all_theirs = branches(theirs, whole)
    found: list[str] = []
    for branch in branches(ours, {}):
        for name, schema in branch.get("properties", {}).items():
            having = [each for each in all_theirs if name in each.get("properties", {})]
            if not having:
                found.append(f"{where}: {name} is not told")
            for each in having[:1]:
                found += untold(schema, each["properties"][name], whole, f"{where}.{name}")
        if branch.get("type") == "array" and branch.get("items"):
            lists = [each for each in all_theirs if each.get("type") == "array"]
            found += untold(branch["items"], lists[0].get("items", {}), whole, f"{where}[]") if lists else [f"{where}: no list"]
    return found
