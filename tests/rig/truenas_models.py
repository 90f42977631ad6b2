"""A witness of what goes through a simulated appliance, who holds both directions against the table of calls and the vendor's models."""

from __future__ import annotations

import functools
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from tests.rig.truenas_calls import CALLS, RELEASES, Call, Schema, call_of

VARIABLE: Final = "DRTOOL_VENDOR_SCHEMAS"
COUNTED: Final = "DRTOOL_TRAFFIC_SEEN"
"""Names the file to which each appliance of a run of tests appends what was seen."""
seen_at = ""
"""That file, as the run found it named when it began: tests change the environment."""
_OURS: Final = re.compile(r"[0-9a-f]{16}-\d+")
"""How drtool's client names its calls; tests that ask wrong things on purpose name theirs otherwise."""
_ENTRIES: Final = {
    "pool.dataset.query": "PoolDatasetCreateResult",
    "sharing.nfs.query": "SharingNFSCreateResult",
    "sharing.smb.query": "SharingSMBCreateResult",
    "pool.snapshottask.query": "PoolSnapshotTaskCreateResult",
    "pool.snapshot.query": "PoolSnapshotCreateResult",
    "vm.query": "VMCreateResult",
    "app.query": "AppCreateResult",
    "iscsi.extent.query": "iSCSITargetExtentCreateResult",
}
"""Where the models describe the rows of a query: as what is answered to somebody who makes one."""
_OLDER: Final = {"iscsi.extent.query": "=IscsiExtentCreateResult"}
"""What the oldest release calls such a model."""
_NO_SUCH_METHOD: Final = -32601
_MORE_IN_ROWS: Final = {"pool.snapshot.query": ("holds", "retention", "user_properties")}


def vendor_directory() -> Path | None:
    """Return where somebody keeps the vendor's own models, None where nobody says so."""
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named else None


@functools.cache
def vendor_models(release: str) -> Mapping[str, Any]:
    """Return the vendor's models of a release by the name of the method without its punctuation, empty where there are none."""
    directory = vendor_directory()
    if directory is None:
        return {}
    told = json.loads((directory / f"{release}.json").read_text(encoding="utf-8"))
    return {_plain(name): model for name, model in told.items()} | {f"={name}": model for name, model in told.items()}


def _plain(name: str) -> str:
    return name.replace(".", "").replace("_", "").lower()


def vendor_model(release: str, method: str, what: str) -> Mapping[str, Any] | None:
    """Return the vendor's model of the `Args` or the `Result` of a method, None where there is none."""
    models = vendor_models(release)
    if what == "Result" and method in _ENTRIES:
        model = models.get(f"={_ENTRIES[method]}") or models.get(_OLDER.get(method, ""))
        return None if model is None else _rows(method, model, model["properties"]["result"]["$ref"].rpartition("/")[2])
    plain = _plain(method) + what.lower()
    found: Mapping[str, Any] | None = models.get(plain) or models.get(plain.replace("iscsiextent", "iscsitargetextent"))
    return found


def _rows(method: str, model: Mapping[str, Any], entry: str) -> Mapping[str, Any]:
    """Return what a list of rows is: a query may be asked for a part of each, so that nothing is needed."""
    of = {name: value for name, value in model["$defs"][entry].items() if name != "required"}
    of = {**of, "properties": {**of["properties"], **{key: {} for key in _MORE_IN_ROWS.get(method, ())}}}
    definitions = {**model["$defs"], entry: of}
    rows = {"anyOf": [{"type": "array", "items": {"$ref": f"#/$defs/{entry}"}}, {"$ref": f"#/$defs/{entry}"}, {"type": "integer"}]}
    return {"$defs": definitions, "type": "object", "properties": {"result": rows}, "required": ["result"]}


def named(call: Call, params: Sequence[Any]) -> dict[str, Any]:
    """Return arguments by their names; those beyond the last by their number."""
    names = [each.name for each in call.arguments]
    return {names[place] if place < len(names) else f"#{place}": value for place, value in enumerate(params)}


def arguments_schema(call: Call) -> Schema:
    """Return what the arguments of a call are, by their names."""
    properties = {each.name: each.schema for each in call.arguments}
    return {
        "type": "object",
        "properties": properties,
        "required": [each.name for each in call.arguments if each.needed],
        "additionalProperties": False,
    }


def problems(schema: Schema, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Return what does not fit, each with its place; no value is repeated, as it may be a secret."""
    for error in Draft202012Validator(schema).iter_errors(value):
        what = error.message if error.validator in ("required", "additionalProperties") else f"fails {error.validator}"
        yield f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {what}"


def tell_seen(place: Path, *, caught: int, uncaught: int) -> str:
    """Return in one line what all appliances of a test run have seen, and how many wrong messages were seen as such or were not."""
    lines = frozenset(place.read_text(encoding="utf-8").splitlines()) if place.exists() else frozenset[str]()
    count = Counter(line.partition(" ")[0] for line in lines)
    if not count["request"] and not caught and not uncaught:
        return ""
    return (
        f"interface of the NAS: {count['request']} distinct requests and {count['answer']} answers held against the table of calls, "
        f"{count['modelled']} of them against the vendor's models; violations {count['violation']}; "
        f"wrong messages seen as such: {caught} of {caught + uncaught}"
    )


@dataclass
class Witness:
    """What was seen: how many distinct requests and answers were compared, and what did not fit."""

    requests: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    violations: set[str] = field(default_factory=set)
    modelled: set[str] = field(default_factory=set)
    """Those of both that the vendor has a model of."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, release: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Look at one request and its answer."""
        with self._lock:
            method, params = str(asked["method"]), asked.get("params") or []
            self._look(release, method, params, answer, ours=bool(_OURS.fullmatch(str(asked.get("id") or ""))))

    def _look(self, release: str, method: str, params: Sequence[Any], answer: Mapping[str, Any], *, ours: bool) -> None:
        call = call_of(method, release)
        known = call is not None and call.is_in(release) and answer.get("error", {}).get("code") != _NO_SUCH_METHOD
        if (
            ours and not known and not (release == RELEASES[0] and method in CALLS and method.startswith("pool."))
        ):  # the newer name comes first
            self.violations.add(f"{release} {method}: drtool asks it, and the table does not have it for that release")
        if call is None or not known:
            return
        if ours or "result" in answer:  # what a test asks wrongly on purpose must be refused
            self.look_at_request(release, method, params)
        if "result" not in answer:
            return
        if method == "core.download":
            self.look_at_request(release, str(params[0]), params[1])
        if method == "core.get_jobs":
            for row in answer["result"] if isinstance(answer["result"], list) else ():
                self._look_at_job(release, row)
        if not call.job:
            self.look_at_answer(release, method, answer["result"])
        elif not isinstance(answer["result"], int):
            self.violations.add(f"{release} {method}: a job answers with its number")

    def look_at_request(self, release: str, method: str, params: Sequence[Any]) -> None:
        """Compare arguments with the table, and with the vendor's model where there is one."""
        call = call_of(method, release)
        if call is None:
            return
        shape = _shape(release, method, params)
        self.requests.add(shape)
        self._compare(f"{release} {method} asked", arguments_schema(call), named(call, params))
        model = vendor_model(release, method, "Args")
        if model is not None:
            self.modelled.add(f"asked {shape}")
            self._compare(f"{release} {method} asked, vendor's model", model, named(call, params))

    def look_at_answer(self, release: str, method: str, result: Any) -> None:  # noqa: ANN401 - JSON
        """Compare an answer in the same way."""
        call = call_of(method, release)
        if call is None:
            return
        shape = _shape(release, method, result)
        self.answers.add(shape)
        if not (method.endswith(".query") or method == "core.get_jobs") or isinstance(
            result, list
        ):  # else it was asked for one, or a count
            self._compare(f"{release} {method} answered", call.answer, result)
        model = vendor_model(release, method, "Result")
        if model is not None:
            self.modelled.add(f"answered {shape}")
            self._compare(f"{release} {method} answered, vendor's model", model, {"result": _as_dumped(result)})

    def require_none(self) -> None:
        """Fail unless everything fitted."""
        with self._lock:
            self._tell()
            assert not self.violations, "\n".join(
                ["what went through the appliance does not fit the vendor's models:", *sorted(self.violations)]
            )

    def _tell(self) -> None:
        """Write down what was seen, for somebody who wants to count it over many tests."""
        if seen_at:
            with Path(seen_at).open("a", encoding="utf-8") as stream:
                told = {"request": self.requests, "answer": self.answers, "modelled": self.modelled, "violation": self.violations}
                stream.write("".join(f"{kind} {each}\n" for kind, seen in told.items() for each in sorted(seen)))

    def _look_at_job(self, release: str, row: Mapping[str, Any]) -> None:
        if row.get("state") == "SUCCESS" and row.get("result") != "********" and row.get("method") in CALLS:
            self.look_at_answer(release, str(row["method"]), row.get("result"))

    def _compare(self, where: str, schema: Schema, value: Any) -> None:  # noqa: ANN401 - JSON
        self.violations.update(f"{where}: {problem}" for problem in problems(schema, value))


def _as_dumped(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return an answer as the models see it, before instants and sets are written for the wire."""
    if isinstance(value, dict):
        if set(value) == {"$date"}:
            return "1970-01-01T00:00:00Z"
        if set(value) == {"$set"}:
            return value["$set"]
        return {name: _as_dumped(each) for name, each in value.items()}
    return [_as_dumped(each) for each in value] if isinstance(value, list) else value


def _shape(release: str, method: str, value: Any) -> str:  # noqa: ANN401 - JSON
    """Return what makes a message distinct: its keys and kinds, not its values."""
    return f"{release} {method} {json.dumps(_kinds(value), sort_keys=True)}"


def _kinds(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _kinds(each) for name, each in value.items() if ":" not in name}
    if isinstance(value, list):
        return sorted({json.dumps(_kinds(each), sort_keys=True) for each in value})
    return type(value).__name__
